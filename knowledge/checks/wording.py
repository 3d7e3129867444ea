"""What an answer may say: no dose, no diagnosis, no promise; urgent things say what to do."""

from __future__ import annotations

import re
from collections.abc import Iterator

from knowledge.checks.finding import Finding, shown_texts
from knowledge.entry import Aspect, Entry
from knowledge.words import words

DOSE = re.compile(
    r"\b\d+(?:[.,]\d+)?\s?(?:mg|mcg|µg|ml|milligrams?|micrograms?|millilit(?:er|re)s?|"
    r"tablets?|pills?|capsules?|puffs?|drops|teaspoons?|tablespoons?)\b"
    r"|\b(?:one|two|three|four|half an?) (?:tablets?|pills?|capsules?|puffs?|drops|teaspoons?"
    r"|tablespoons?)\b"
    r"|\bevery (?:\d+|two|three|four|six|eight|twelve)(?: to \w+)? hours\b",
    re.IGNORECASE,
)
# "Brush twice a day" is no dose; "take the medicine twice a day" is one.
TIMES_A_DAY = re.compile(
    r"\b(?:once|twice|(?:\d+|three|four) times) (?:a|per|every) day\b|\b(?:once|twice) daily\b",
    re.IGNORECASE,
)
MEDICINE = re.compile(
    r"\b(?:medicines?|medication|pills?|tablets?|capsules?|syrup|drops|ointment|cream|inhaler|"
    r"antibiotics?|aspirin|ibuprofen|acetaminophen|paracetamol|supplements?|vitamins?)\b",
    re.IGNORECASE,
)
DIAGNOSIS = re.compile(
    r"\byou (?:probably |may |might |likely |do |don't |do not )?have "
    r"(?:the |a |an )?(?:flu|cold|covid|rsv|measles|infection|disease|cancer|diabetes|asthma|"
    r"depression|anxiety|pneumonia|strep|stroke|dementia)\b",
    re.IGNORECASE,
)
# "If you have flu, stay home" speaks to people who know it; it diagnoses nobody.
CONDITION = re.compile(
    r"\b(?:if|when|while|that|who|think|whether|once|after|because|before|until|even if|in case|"
    r"although|though|where) "
    r"(?:\w+ ){0,3}?you (?:\w+ )?have\b",
    re.IGNORECASE,
)
PROMISE = re.compile(
    r"\b(?:guarantee[sd]?|miracle|completely safe|totally safe|perfectly safe|always works|"
    r"never fails|will cure|cures you|no risk|risk-free|fully protect(?:s|ed)?|"
    r"will not get sick|won't get sick|nothing to worry about)\b|\b100 ?%",
    re.IGNORECASE,
)
SCHEDULE = re.compile(
    r"\bat (?:age )?\d+ (?:weeks|months|years)(?: old)?.{0,40}\b(?:shot|dose|vaccine)", re.I
)
CALLS_FOR_HELP = re.compile(r"\b(?:call|phone|ring|dial)\b.*\b(?:now|right away|at once)\b", re.I)
HELP_NUMBER = re.compile(
    r"\b(?:emergency (?:number|services|line)|ambulance|crisis line|poison (?:center|line))", re.I
)
US_NUMBER_ONLY = re.compile(r"\b(?:911|988)\b")
EVERYWHERE = re.compile(r"\blocal\b", re.IGNORECASE)

ACRONYM = re.compile(r"\b[A-Z][A-Za-z]?[A-Z]+s?\b")
KNOWN_ACRONYMS = frozenset(
    # As people say them every day, or the names of the publishers.
    "CDC WHO HIV US USA UK COVID DNA TV ID OK SMS PDF".split()
)


def no_dose(entry: Entry) -> Iterator[Finding]:
    """The right amount depends on the person."""
    for field, text in shown_texts(entry):
        if found := DOSE.search(text):
            yield Finding(field, f"“{found[0]}” reads like a dose: send to a pharmacist instead")
        for sentence in re.split(r"(?<=[.!?])\s+", text):
            if (found := TIMES_A_DAY.search(sentence)) and MEDICINE.search(sentence):
                message = f"“{found[0]}” of a medicine is a dose: send to a pharmacist instead"
                yield Finding(field, message)
        if found := SCHEDULE.search(text):
            yield Finding(field, "prints a vaccine schedule: link to it, schedules change")


def no_diagnosis(entry: Entry) -> Iterator[Finding]:
    """Only a person who examines can say what somebody has."""
    for field, text in shown_texts(entry):
        bare = CONDITION.sub(" ", text)
        if found := DIAGNOSIS.search(bare):
            yield Finding(field, f"“{found[0]}” tells people what they have: say “if …” instead")


def no_promise(entry: Entry) -> Iterator[Finding]:
    """Nothing in medicine holds for everybody."""
    for field, text in shown_texts(entry):
        if found := PROMISE.search(text):
            yield Finding(field, f"“{found[0]}” is a promise: say what is known instead")


def urgency_says_whom_to_call(entry: Entry) -> Iterator[Finding]:
    """In an emergency people do the first thing they read; most do not live in the US."""
    field = ("urgency", "action")
    action = entry.urgency.action
    if action is None:
        return
    if entry.urgency.level == "emergency" and not HELP_NUMBER.search(action):
        message = "does not say whom to call: start with “Call your local emergency number”"
        yield Finding(field, message)
    if US_NUMBER_ONLY.search(action) and not EVERYWHERE.search(action):
        message = "names a US number only: write “your local emergency number (911 in the US)”"
        yield Finding(field, message)


def emergency_words_have_a_level(entry: Entry) -> Iterator[Finding]:
    """An answer whose first lines say "call now" is urgent, and must be shown so."""
    calls = CALLS_FOR_HELP.search(entry.short_answer) and HELP_NUMBER.search(entry.short_answer)
    if calls and entry.urgency.level in {"none", "routine"}:
        message = (
            f"is {entry.urgency.level!r}, but the answer says to call for help at once: "
            "set urgent or emergency, and put what to do into urgency.action"
        )
        yield Finding(("urgency", "level"), message)


def acronyms_are_explained(entry: Entry, topic_title: str) -> Iterator[Finding]:
    """A string of capitals says nothing to somebody who meets it for the first time."""
    everything = " ".join([topic_title, entry.question, *(text for _, text in shown_texts(entry))])
    told: set[str] = set()
    for field, text in [(("question",), entry.question), *shown_texts(entry)]:
        for found in ACRONYM.finditer(text):
            bare = found[0].removesuffix("s")
            if bare in KNOWN_ACRONYMS or bare in told or _is_explained(bare, everything):
                continue
            told.add(bare)
            message = f"“{bare}” is not explained: write it out, then “({bare})”, or leave it out"
            yield Finding(field, message, "warning")


def _is_explained(acronym: str, everything: str) -> bool:
    either = rf"\({re.escape(acronym)}s?\)|\b{re.escape(acronym)}s? \("
    return re.search(either, everything) is not None


def myth_is_marked(entry: Entry) -> Iterator[Finding]:
    """The reader must see what is false, and the fact must come first."""
    if entry.aspect is Aspect.MYTH and entry.myth is None:
        yield Finding(("myth",), "aspect is `myth`: give the claim and its rating")
    if entry.myth is None:
        return
    lead = re.split(r"(?<=[.!?])\s+", entry.short_answer)[0]
    said, claimed = set(words(lead)), set(words(entry.myth.claim))
    denies = re.search(r"\b(?:no|not|never|cannot|nor|none|without|\w+n't)\b|n’t\b", lead, re.I)
    if claimed and claimed <= said and not denies:
        message = "opens with the claim: a claim that is read first sticks, open with the fact"
        yield Finding(("short_answer",), message)
