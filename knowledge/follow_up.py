"""What a message takes from the one before: follow-ups ("and in babies?") and corrections.

Only the wording is looked at here; whether what was said before is used is for the scores to tell
(``knowledge.answering``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# Beginnings and words that lean on what was said before. A question that has one of them, or is
# very short, and names no topic of its own is read as a follow-up.
LEANING = re.compile(
    r"^\s*(?:and|but|or|also|so|ok|okay|then|what about|how about|what if|what else|same|is it|"
    r"does it|can it|will it|are they|do they|is that|does that|how long|how soon|how serious|"
    r"when|why)\b"
    r"|\b(?:it|its|this|that|them|they|these|one)\b",
    re.IGNORECASE,
)
SHORT_QUESTION_WORDS = 6
LONG_QUESTION_WORDS = 12
"""Words from which a question says enough to stand alone, whatever words it has."""

_OPENING = (
    r"(?:(?:no+|nope|nah|sorry|wait|oh|hm+|actually|well|ok|okay|but|not really)[\s,.!;:–-]+)*"
)
_MEANT = (
    r"(?:i|we)(?:['’]?m| am| was| did)?\s+(?:really |actually |rather )?"
    r"(?:meant|ment|mean|asking about|asking for|asking|talking about|asked about|asked|"
    r"want(?:ed)? to (?:know|ask)(?: about)?)"
)
_NOT_THAT = (
    r"(?:(?:that|this|it)(?:['’]?s|s| is| was)?\s*"
    r"(?:not|n['’]t|isn['’]?t|isnt|wasn['’]?t|wasnt)\s*"
    r"(?:that|this|it|what (?:i|we) (?:asked|meant|ment|mean|wanted|want)"
    r"(?: to know| for| about)?|my question|right|"
    r"(?:the )?(?:right )?(?:one|answer|question|topic))"
    r"|not (?:that|this|what (?:i|we) (?:asked|meant|ment|mean|wanted|want)"
    r"(?: to know| for| about)?)"
    r"|wrong)(?:\s+(?:one|answer|question|topic))?"
)
_CORRECTIONS = tuple(
    re.compile(rf"^\s*{pattern}\s*$", re.IGNORECASE | re.DOTALL)
    for pattern in (
        rf"{_OPENING}{_NOT_THAT}[\s,.!;:–-]+{_MEANT}\b[\s,:]*(?P<rest>.*)",
        rf"{_OPENING}{_MEANT}\b[\s,:]*(?P<rest>.*)",
        rf"{_OPENING}{_NOT_THAT}(?:[\s,.!;:–-]+(?P<rest>.*))?",
        rf"{_OPENING}not [\w' -]{{1,30}}[,.;]\s*(?:but )?(?P<rest>.+)",  # "not lung, bowel"
        r"(?:no+|nope|nah)(?:[,.!;:–-]+\s*|\s+(?=(?:the|for|about|in|with|it|i)\b))(?P<rest>.*)",
        r"(?:no+|nope|nah)(?P<rest>)[\s,.!]*",
    )
)
# The look back keeps a long row of commas from being tried at each of them.
_INSTEAD_OF = re.compile(r"(?<![\s,])[\s,]+(?:and )?not(?:\s+[\w'-]+){1,3}$", re.IGNORECASE)
LONGEST_CORRECTION = 20
"""Words up to which a message is read as a correction; more is a question of its own."""


@dataclass(frozen=True)
class Context:
    """What the conversation was about.

    Attributes:
        entry_id: the entry answered last, or None.
        topic: its topic's slug, or the topic last offered to choose from.
        rivals: ids of the entries that came next to the one answered last, likeliest first.
    """

    entry_id: str | None = None
    topic: str | None = None
    rivals: tuple[str, ...] = ()


NO_CONTEXT = Context()


def correction(message: str) -> str | None:
    """Return what a message puts in place of the last answer, or None where it corrects nothing.

    Returns:
        What was meant ("no, I meant stomach flu": "stomach flu"), without what was not ("mumps, not
        measles": "mumps"); "" where the message says only that the answer was wrong.
    """
    if len(message.split()) > LONGEST_CORRECTION:
        return None
    for pattern in _CORRECTIONS:
        if found := pattern.match(message):
            rest = (found["rest"] or "").strip(" \t\n.,!?;:")
            return _INSTEAD_OF.sub("", rest).strip()
    return None


def leans(question: str) -> bool:
    """Tell whether a question may lean on what was said before: by a word, or by being short."""
    length = len(question.split())
    if length <= SHORT_QUESTION_WORDS:
        return True
    return length <= LONG_QUESTION_WORDS and bool(LEANING.search(question))
