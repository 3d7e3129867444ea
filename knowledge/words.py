"""Words of a text: those that carry its subject, folded. Needs no library, so every process may."""

from __future__ import annotations

import re

# Words that carry no subject; a question made of these and a topic's name asks for the topic.
STOPWORDS = frozenset(
    """a about all am an and any are as at be been but by can could did do does doing done for from
    get gets getting give go got had has have how i if in into is it its just know like make may me
    mean might more most much my need no not of off ok on one or other our out over please should
    so some someone tell than that the their them then there these they thing things this those to
    too up us use very want was way we well were what whats when where which while who whos why will
    with would you your u r im ive youre youve theyre its thats whos hes shes hi hello hey yes does
    don dont doesnt didnt cant cannot couldnt shouldnt wont isnt arent wasnt t s re ve m ll d just
    really also anyway ugh oh ok okay well hmm please ever even saw seen heard read says said say
    told think thought true real claim claims uncle aunt friend facebook tiktok whatsapp
    """.split()
)
WORD = re.compile(r"[^\W_]+(?:['’\-][^\W_]+)*")
POSSESSIVE = re.compile(r"['’]s?$")


def words(text: str) -> list[str]:
    """Return the words of a text that may carry its subject, folded and without plural s."""
    found = WORD.findall(text.casefold().replace("’", "'"))
    return [fold(word) for word in found if word.replace("'", "") not in STOPWORDS]


def fold(word: str) -> str:
    """Return a word without possessive and plural endings ("kids'" and "kid's" are "kid")."""
    if "'" in word or "’" in word:
        word = POSSESSIVE.sub("", word)
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word
