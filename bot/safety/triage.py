"""Recognise emergencies in what a person writes, before anything else happens.

`triage` is a pure function of a text and a set of rules. It never raises, uses no network and no
clock, and its cost grows linearly with the text. The rules are data (`triage_rules/<locale>.yml`);
this module knows no English.

How a message is read:

1. It is normalised to lower-case words between single spaces: compatibility forms, accents,
   look-alike letters, invisible characters, apostrophes, stretched letters and simple
   digit-for-letter spelling are folded away.
2. Every rule scans the whole of it. `always` and `any` patterns describe an emergency that is
   happening, `topic` patterns only name one.
3. A match that is negated ("no chest pain") or excused by the rule's `unless` does not count. A
   match inside a question *about* the emergency, or about something long past, counts as
   `call_now`. Every other one is a `takeover`.

Errors:

    TriageRulesError (ValueError): the rules file cannot be used; names file, rule and field.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal, cast, get_args

import yaml

__all__ = ["TriageResult", "TriageRule", "TriageRules", "TriageRulesError", "load_rules", "triage"]

Level = Literal["takeover", "call_now"]
Category = Literal["emergency", "self_harm", "abuse", "poisoning"]

MIN_HITS, MIN_ASKS, MIN_MISSES = 5, 2, 3

# A match is judged inside its own sentence, and never looks further than this many characters
# either way, so that one endless sentence full of matches still costs linear time.
SENTENCE_REACH = 300
NEGATION_REACH = 90
# No English word a rule could look for is longer; cutting keeps `\S+` in a pattern cheap on a
# megabyte without spaces.
LONGEST_WORD = 40
# A long text is read in overlapping windows of so many words; no pattern spans the overlap.
WINDOW, STEP = 150, 110
SHORTEST_ANCHOR = 3


class TriageRulesError(ValueError):
    """A rules file that cannot be used; the message names the file, the rule and the field."""


@dataclass(frozen=True)
class TriageResult:
    """What was recognised.

    Attributes:
        level: `takeover` when somebody seems to be in an emergency now, `call_now` when the message
            asks about one.
        category: which kind of help is needed.
        rule_id: the rule that decided, for counting; it says nothing about the person.
    """

    level: Level
    category: Category
    rule_id: str


@dataclass(frozen=True)
class TriageRule:
    """One kind of emergency, compiled, together with the sentences that prove it.

    Attributes:
        happening: patterns for an emergency described as happening; a question around them softens
            the result.
        always: patterns that take over even inside a question ("how many pills to die"); None where
            there are none.
        topic: patterns that only name the emergency, so never take over; None where there are none.
        about: what, for this rule only, marks a message as asking about it; None where there is
            nothing.
        unless: what, in the same sentence, means something else altogether; None where there is
            nothing.
        past_counts: True where something long past is as serious as something happening now (abuse,
            self-harm).
    """

    id: str
    category: Category
    reason: str
    source: str
    happening: re.Pattern[str]
    always: re.Pattern[str] | None
    topic: re.Pattern[str] | None
    about: re.Pattern[str] | None
    unless: re.Pattern[str] | None
    past_counts: bool
    hits: tuple[str, ...]
    asks: Mapping[str, Level | None]
    misses: tuple[str, ...]


@dataclass(frozen=True)
class TriageRules:
    """A locale's rules and the wording they share.

    Attributes:
        spellings: misspelt or abbreviated word to the word the patterns use.
        rewrites: phrases brought to one form ("do not" to "dont"), applied in order.
        question_about: openings of a question about an emergency ("what are the signs of").
        search_about: words of a search-box query ("symptoms", "side effects"); they count only
            without a `personal` word.
        personal: words that say it is about the writer or somebody they know.
        past: wording that places an event in the past ("two years ago").
        negation: wording which, right before a match, denies it.
        hypothetical: wording which, right before a match, makes it a case to imagine ("if
            someone").
        always_now: wording that overrules a question ("right now", "please help").
        anchors: word beginnings, each with the places of the rules whose patterns use it. They only
            save work on long
            texts: a window is not tried against a rule of which it holds no telling word.
    """

    locale: str
    spellings: Mapping[str, str]
    rewrites: tuple[tuple[re.Pattern[str], str], ...]
    question_about: re.Pattern[str]
    search_about: re.Pattern[str]
    personal: re.Pattern[str]
    past: re.Pattern[str]
    negation: re.Pattern[str]
    hypothetical: re.Pattern[str]
    always_now: re.Pattern[str]
    anchors: Mapping[str, frozenset[int]]
    rules: tuple[TriageRule, ...]


def triage(text: str, rules: TriageRules) -> TriageResult | None:
    """Say whether a message tells of an emergency.

    Args:
        text: what the person wrote; any string at all, lone surrogates included.
        rules: the locale's rules, from `load_rules`.

    Returns:
        The first rule that takes over; else the first that asks for the call-now line; else None.
    """
    asked: tuple[int, TriageResult] | None = None
    windows = _windows(text, rules)
    for window in windows:
        places = range(len(rules.rules)) if len(windows) <= 2 else _anchored(window, rules)
        for place in places:
            rule = rules.rules[place]
            level = _rule_level(window, rule, rules)
            if level == "takeover":
                return TriageResult("takeover", rule.category, rule.id)
            if level and (asked is None or place < asked[0]):
                asked = (place, TriageResult("call_now", rule.category, rule.id))
    return asked[1] if asked else None


def takes_over(text: str, rules: TriageRules) -> bool:
    """Tell whether a message tells of an emergency that comes before everything else."""
    found = triage(text, rules)
    return found is not None and found.level == "takeover"


def _anchored(window: str, rules: TriageRules) -> list[int]:
    """The rules of which a window holds at least one telling word."""
    places: set[int] = set()
    for word in set(window.split()):
        for length in range(SHORTEST_ANCHOR, len(word) + 1):
            places |= rules.anchors.get(word[:length], frozenset())
    return sorted(places)


def _rule_level(text: str, rule: TriageRule, rules: TriageRules) -> Level | None:
    """The strongest level one rule gives a normalised text."""
    level: Level | None = None
    seen: set[tuple[str, int]] = set()
    for pattern in (rule.always, rule.happening, rule.topic):
        if pattern is None or (pattern is rule.topic and level):
            continue
        for match in pattern.finditer(text):
            sentence, start = _sentence_around(text, match.start(), match.end())
            if (
                sentence,
                start,
            ) in seen:  # the same sentence again: repeated text costs one judgement
                continue
            seen.add((sentence, start))
            if not _counts(sentence, start, rule, rules):
                continue
            if pattern is rule.always:
                return "takeover"
            end = start + match.end() - match.start()
            if pattern is rule.happening and not _asks_about(sentence, start, end, rule, rules):
                return "takeover"
            level = "call_now"
    return level


def _sentence_around(text: str, start: int, end: int) -> tuple[str, int]:
    """The sentence holding a match, and where in it the match starts."""
    lower, upper = max(0, start - SENTENCE_REACH), min(len(text), end + SENTENCE_REACH)
    stops = [text.rfind(mark, lower, start + 1) for mark in (" . ", " ? ")]
    begin = (
        max(lower, *(stop + 2 for stop in stops if stop >= 0), lower)
        if any(s >= 0 for s in stops)
        else lower
    )
    # A sentence keeps its closing mark, so that a pattern can ask for the question mark.
    closes = [stop + 3 for mark in (" . ", " ? ") if (stop := text.find(mark, end, upper)) >= 0]
    return text[begin : min([upper, *closes])], start - begin


def _counts(sentence: str, start: int, rule: TriageRule, rules: TriageRules) -> bool:
    """Whether a match is neither denied nor excused."""
    if rule.unless and rule.unless.search(sentence):
        return False
    # The space the match starts with belongs to the words before it, which the negation pattern
    # ends on.
    return not rules.negation.search(sentence[max(0, start - NEGATION_REACH) : start + 1])


def _asks_about(sentence: str, start: int, end: int, rule: TriageRule, rules: TriageRules) -> bool:
    """Whether a match stands in a question about the emergency, or tells of one that is over."""
    if rules.always_now.search(sentence):
        return False
    if rule.about and rule.about.search(sentence):
        return True
    if not rule.past_counts and rules.past.search(sentence):
        return True
    question = rules.question_about.search(sentence)
    if question is None or question.start() > start:
        vague = question is not None or rules.search_about.search(sentence) is not None
        return vague and rules.personal.search(sentence) is None
    if rules.hypothetical.search(sentence[max(0, start - NEGATION_REACH) : start + 1]):
        return True
    # "what should I do, my son drank bleach": the question is one clause, the emergency another,
    # and it has a subject.
    clause = max(sentence.rfind(" , ", 0, start + 1), 0)
    word_before = max(sentence.rfind(" ", 0, start), 0)
    subject = sentence[clause if clause > question.start() else word_before : end + 1]
    return rules.personal.search(subject) is None


# --- normalising ----------------------------------------------------------------------------------

# Letters of other alphabets that look Latin and serve to slip a word past a filter.
_LOOK_ALIKES = dict(zip("авеікмнорстухѕјαβεικμνορτυχ", "abeikmhopctyxsjabeikmvoptux", strict=True))
# Sentence ends and question marks of several scripts, apostrophes (dropped), marks used as letters.
_MARKS = {
    **dict.fromkeys(";\u061b\u3002\uff01\u2026\u0964", " . "),
    **dict.fromkeys("?\u061f\uff1f", "?"),
    **dict.fromkeys(",\u060c\uff0c", ","),
    **dict.fromkeys("'`\u2019\u2018\u02bc\u00b4\u201b\u2032\uff07", ""),
    **{mark: mark for mark in ".!@$|*_"},
    "&": " and ",
}
_LETTERS_FOR_DIGITS = str.maketrans("013457@$|", "oieastasl")

_DIGIT_IN_WORD = re.compile(r"(?<=[a-z])[013457@$|](?=[a-z])|(?<![^ ])[@$0](?=[a-z]{2})")
_STAR_IN_WORD = re.compile(r"(?<=[a-z])[*_](?=[a-z])")
_SPELLED_OUT = re.compile(r"(?<![^ ])[a-z](?:[ .\-*][a-z]){3,}(?![^ ])")
_POINT = re.compile(r"[.,](?!\d)|(?<!\d)[.,]")
_LONG_RUN = re.compile(r"([a-z])\1{2,}")
_LONG_WORD = re.compile(rf"(\S{{{LONGEST_WORD}}})\S+")
# No rule tells one number of five digits from another; as one word they make repeated text
# recognisable as repeated.
_LONG_NUMBER = re.compile(r"(?<![^ ])\d{5,}(?![^ ])")
_NOT_A_WORD = re.compile(r"[^a-z0-9.,? ]+")


def _windows(text: str, rules: TriageRules) -> tuple[str, ...]:
    """The text as plain words: one window, or for a long text several, each different one once.

    Where stretched letters can be read as one letter or as two ("heeelp", "feeel"), both readings
    are given.
    """
    plain = text.translate({ord(character): _plain(character) for character in set(text)})
    plain = _STAR_IN_WORD.sub("", plain)
    plain = _DIGIT_IN_WORD.sub(lambda found: found[0].translate(_LETTERS_FOR_DIGITS), plain)
    plain = _SPELLED_OUT.sub(lambda found: re.sub(r"[^a-z]", "", found[0]), plain)
    single = _LONG_RUN.sub(r"\1", plain)
    readings = (plain,) if single == plain else (single, _LONG_RUN.sub(r"\1\1", plain))
    windows: dict[str, None] = {}
    for reading in readings:
        words = _words(reading, rules)
        step = STEP if len(words) > WINDOW else WINDOW
        for start in range(0, max(1, len(words) - WINDOW + step), step):
            windows[" ".join(words[start : start + WINDOW])] = None
    return tuple(_rewritten(window, rules) for window in windows)


def _words(text: str, rules: TriageRules) -> list[str]:
    """Correctly spelt words, with `.`, `,` and `?` as words of their own."""
    text = _POINT.sub(r" \g<0> ", text).replace("!", " . ").replace("?", " ? ")
    text = _LONG_WORD.sub(r"\1", _LONG_NUMBER.sub("99999", _NOT_A_WORD.sub(" ", text)))
    return [rules.spellings.get(word, word) for word in text.split()]


def _rewritten(window: str, rules: TriageRules) -> str:
    """A window with its phrases in one form, single-spaced, with a space at both ends."""
    window = f" {window} "
    for pattern, replacement in rules.rewrites:
        window = pattern.sub(replacement, window)
    return window


@lru_cache(maxsize=4096)
def _plain(character: str) -> str:
    """One character as lower-case ASCII, as a mark that means something, a space, or nothing."""
    if character in _MARKS:
        return _MARKS[character]
    category = unicodedata.category(character)
    if category in {"Cf", "Mn", "Me"} or (category == "Cc" and not character.isspace()):
        return ""
    folded = unicodedata.normalize("NFKD", character).casefold()
    kept = "".join(
        _LOOK_ALIKES.get(part, part) for part in folded if not unicodedata.combining(part)
    )
    return kept if re.fullmatch(r"[a-z0-9]{1,4}", kept) else " "


# --- reading the rules ----------------------------------------------------------------------------

_SHARED = ("question_about", "search_about", "personal", "past", "always_now")
_RIGHT_BEFORE = "(?= $)"
_UNBOUNDED = re.compile(r"(?<!\\)[.)][*+]|\{\d*,\}")


@dataclass(frozen=True)
class _Field:
    """A value in the file together with the words an error names it by."""

    where: str
    value: object

    def fail(self, problem: str) -> TriageRulesError:
        return TriageRulesError(f"{self.where}: {problem}")

    def at(self, name: str) -> "_Field":
        return _Field(f"{self.where}, field {name!r}", self.mapping().get(name))

    def mapping(self) -> dict[object, object]:
        if not isinstance(self.value, dict):
            raise self.fail("must be a mapping")
        return self.value

    def text(self) -> str:
        if not isinstance(self.value, str) or not self.value.strip():
            raise self.fail("must be a non-empty text")
        return self.value.strip()

    def texts(self, at_least: int) -> tuple[str, ...]:
        value = [] if self.value is None else self.value
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.fail("must be a list of texts")
        if len(value) < at_least:
            raise self.fail(f"needs at least {at_least}, has {len(value)}")
        return tuple(value)


def load_rules(path: Path) -> TriageRules:
    """Read and compile a rules file.

    Args:
        path: a file such as `triage_rules/en.yml`.

    Raises:
        TriageRulesError: the file is missing or not YAML, or a field is missing, of the wrong kind,
        or not a safe pattern.
    """
    try:
        top = _Field(str(path), yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise TriageRulesError(f"{path}: cannot be read: {error}") from error
    macros = _macros(top.at("macros"))
    shared = {name: _compile(top.at(name), macros) for name in _SHARED}
    rules = tuple(_rule(field, macros) for field in _rule_fields(top))
    if len({rule.id for rule in rules}) < len(rules):
        raise top.at("rules").fail("two rules share an id")
    return TriageRules(
        locale=top.at("locale").text(),
        spellings=_spellings(top.at("spellings")),
        rewrites=_rewrites(top.at("rewrites"), macros),
        negation=_compile(top.at("negation"), macros, end=_RIGHT_BEFORE),
        hypothetical=_compile(top.at("hypothetical"), macros, end=_RIGHT_BEFORE),
        anchors=_anchors(rules, top.at("common_words").texts(1)),
        rules=rules,
        **shared,
    )


def _rule_fields(top: _Field) -> Iterator[_Field]:
    """The rules of a file, each named by its id, or by its place where it has none."""
    field = top.at("rules")
    if not isinstance(field.value, list) or not field.value:
        raise field.fail("must be a list of rules")
    for place, value in enumerate(field.value, start=1):
        name = value.get("id") if isinstance(value, dict) else None
        yield _Field(f"{top.where}, rule {name or f'number {place}'}", value)


def _rule(field: _Field, macros: Mapping[str, str]) -> TriageRule:
    """One rule, compiled."""
    category = field.at("category")
    if category.value not in get_args(Category):
        raise category.fail(f"must be one of {', '.join(get_args(Category))}")
    return TriageRule(
        id=field.at("id").text(),
        category=cast(Category, category.value),
        reason=field.at("reason").text(),
        source=field.at("source").text(),
        happening=_compile(field.at("any"), macros),
        always=_compile_optional(field.at("always"), macros),
        topic=_compile_optional(field.at("topic"), macros),
        about=_compile_optional(field.at("about"), macros),
        unless=_compile_optional(field.at("unless"), macros),
        past_counts=category.value in {"self_harm", "abuse"},
        hits=field.at("hits").texts(MIN_HITS),
        asks=_asks(field.at("asks")),
        misses=field.at("misses").texts(MIN_MISSES),
    )


def _asks(field: _Field) -> dict[str, Level | None]:
    """Questions about the emergency, each with the level it must get."""
    rows = field.mapping()
    if len(rows) < MIN_ASKS:
        raise field.fail(f"needs at least {MIN_ASKS}, has {len(rows)}")
    for text, level in rows.items():
        if not isinstance(text, str) or level not in (None, *get_args(Level)):
            raise field.fail(f"{text!r} must be a text with takeover, call_now or null")
    return cast(dict[str, Level | None], rows)


def _macros(field: _Field) -> dict[str, str]:
    """Pattern fragments by name; a later one may use the earlier ones."""
    macros: dict[str, str] = {}
    for name, value in field.mapping().items():
        macros[f"{{{name}}}"] = _expand(_Field(field.at(str(name)).where, value).text(), macros)
    return macros


def _expand(pattern: str, macros: Mapping[str, str]) -> str:
    for name, fragment in macros.items():
        pattern = pattern.replace(name, fragment)
    return pattern


def _compile_optional(field: _Field, macros: Mapping[str, str]) -> re.Pattern[str] | None:
    return None if field.value is None else _compile(field, macros)


def _compile(field: _Field, macros: Mapping[str, str], end: str = "(?= )") -> re.Pattern[str]:
    """Whole-word patterns as one.

    Starting on a literal space lets the matcher jump from word to word instead of trying every
    character.
    """
    patterns = [_expand(pattern, macros) for pattern in field.texts(1)]
    for pattern in patterns:
        if _UNBOUNDED.search(pattern):
            raise field.fail(
                f"unbounded repetition in {pattern!r}: give the most words it may span"
            )
        try:
            re.compile(pattern)
        except re.error as error:
            raise field.fail(f"{pattern!r} is not a pattern: {error}") from error
    return re.compile(f" (?:{'|'.join(patterns)}){end}")


def _anchors(rules: tuple[TriageRule, ...], common: tuple[str, ...]) -> dict[str, frozenset[int]]:
    """Beginnings of the telling words in each rule's patterns, with the rules' places."""
    places: dict[str, set[int]] = {}
    skipped = {word for line in common for word in line.split()}
    for place, rule in enumerate(rules):
        for pattern in (rule.always, rule.happening, rule.topic):
            # Escapes and optional last letters go: "hurts?" is found as "hurt", "squeez\\w+" as
            # "squeez".
            source = re.sub(r"\\.|[a-z]\?", " ", pattern.pattern if pattern else "")
            for word in set(re.findall(rf"[a-z]{{{SHORTEST_ANCHOR},}}", source)) - skipped:
                places.setdefault(word, set()).add(place)
    return {word: frozenset(found) for word, found in places.items()}


def _spellings(field: _Field) -> dict[str, str]:
    """Misspelt word to right word, from right word to misspelt words."""
    return {
        wrong: str(right) for right in field.mapping() for wrong in field.at(str(right)).texts(1)
    }


def _rewrites(field: _Field, macros: Mapping[str, str]) -> tuple[tuple[re.Pattern[str], str], ...]:
    """Phrases to bring to one form."""
    return tuple(
        (
            _compile(_Field(field.where, [str(pattern)]), macros),
            f" {_Field(field.at(str(pattern)).where, to).text()}",
        )
        for pattern, to in field.mapping().items()
    )
