"""Guards: what a question says that vectors blur, and that changes which answer is right.

"Can I get it?" and "can't I get it?", "for a baby" and "for an adult", "type 1" and "type 2" lie
close together as vectors. A guard only tells that two texts differ; how much that counts is learnt.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

NEGATION = re.compile(
    r"\b(?:no|not|never|without|neither|nor|none|cannot|dont|doesnt|didnt|isnt|arent|wasnt|cant|"
    r"couldnt|shouldnt|wont|wouldnt|havent|hasnt|un(?:safe|vaccinated|protected|treated|able))\b|"
    r"n['’]t\b",
    re.IGNORECASE,
)
POPULATIONS = {
    name: re.compile(rf"\b(?:{pattern})\b", re.IGNORECASE)
    for name, pattern in {
        "baby": r"bab(?:y|ies)|infants?|newborns?|toddlers?|months? old|month-old",
        "child": (
            r"kids?|child(?:ren)?|sons?|daughters?|teens?|teenagers?|schools?|daycare|boys?|girls?"
        ),
        "pregnant": r"pregnan\w*|expecting|trimesters?|unborn|fetus|foetus|conceiv\w*",
        "nursing": r"breast ?-?fe?ed\w*|nursing|lactat\w*|breast ?milk",
        "older": (
            r"older|elderly|seniors?|grand(?:ma|pa|mother|father|parent)s?|nursing homes?|"
            r"over (?:50|60|65|70|75|80)"
        ),
        "man": r"m[ae]n|males?|husbands?|prostate",
        "woman": r"wom[ae]n|females?|wi(?:fe|ves)|menopaus\w*|periods?",
        "animal": r"dogs?|cats?|pets?|pupp(?:y|ies)|kittens?|livestock|cattle|horses?",
        "traveller": r"travel\w*|trips?|abroad|flights?|vacation|holiday",
        "weak": r"immun\w*compromised|weak(?:ened)? immune|transplants?|chemo\w*",
    }.items()
}
NUMBER = re.compile(r"\d+(?:[.,]\d+)?")
NUMBER_WORDS = {
    word: str(number)
    for number, forms in enumerate(
        (
            "one first once 1st",
            "two second twice 2nd",
            "three third 3rd",
            "four fourth 4th",
            "five fifth 5th",
            "six sixth",
            "seven",
            "eight",
            "nine",
            "ten",
        ),
        start=1,
    )
    for word in forms.split()
}
WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True)
class Marks:
    """What the guards look at in a text.

    Attributes:
        negated: it denies something.
        populations: the groups of people (or animals) that it names.
        numbers: the numbers that it names, as digits.
    """

    negated: bool
    populations: frozenset[str]
    numbers: frozenset[str]


def marks(text: str) -> Marks:
    """Return the marks of a text."""
    populations = frozenset(name for name, known in POPULATIONS.items() if known.search(text))
    spelled = {NUMBER_WORDS[word] for word in WORD.findall(text.casefold()) if word in NUMBER_WORDS}
    numbers = frozenset(number.replace(",", ".") for number in NUMBER.findall(text))
    return Marks(bool(NEGATION.search(text)), populations, numbers | spelled)


def together(several: Iterable[Marks]) -> Marks:
    """Return the marks of several texts as one: what any of them says."""
    found = list(several)
    return Marks(
        any(one.negated for one in found),
        frozenset().union(*(one.populations for one in found)),
        frozenset().union(*(one.numbers for one in found)),
    )


def differences(asked: Marks, known: Marks, question: Marks) -> tuple[float, float, float, float]:
    """Return how a question differs from a document.

    Args:
        asked: of the question that somebody asks.
        known: of all that the document says.
        question: of the document's own question.

    Returns:
        Whether one denies and the other does not (0 or 1); how many groups of people the asked
        question names that the document knows nothing about; how many the document is about that
        were not asked for; whether both name numbers, but other ones (0 or 1).
    """
    other_numbers = bool(asked.numbers and question.numbers and not asked.numbers & known.numbers)
    return (
        float(asked.negated != question.negated),
        float(len(asked.populations - known.populations)),
        float(len(question.populations - asked.populations)),
        float(other_numbers),
    )
