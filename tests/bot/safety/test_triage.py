"""Triage: what the rules promise, what they measurably reach, that nothing makes them crawl."""

import random
import string
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.safety.triage import TriageResult, TriageRules, TriageRulesError, load_rules, triage

RULES_FILE = Path(__file__).parents[3] / "bot/safety/triage_rules/en.yml"
HELD_BACK = Path(__file__).parents[2] / "data/safety/emergencies.yml"
RULES = load_rules(RULES_FILE)

HITS = [(rule, text) for rule in RULES.rules for text in rule.hits]
ASKS = [(rule, text, level) for rule in RULES.rules for text, level in rule.asks.items()]
MISSES = [(rule, text) for rule in RULES.rules for text in rule.misses]


def level_of(text: str) -> str:
    result = triage(text, RULES)
    return result.level if result else "none"


@pytest.mark.parametrize(("rule", "text"), HITS, ids=[f"{r.id}: {t}" for r, t in HITS])
def test_an_emergency_takes_over(rule: Any, text: str) -> None:
    result = triage(text, RULES)
    assert result is not None
    assert (result.level, result.category) == ("takeover", rule.category)


@pytest.mark.parametrize(("rule", "text", "level"), ASKS, ids=[f"{r.id}: {t}" for r, t, _ in ASKS])
def test_a_question_about_an_emergency_is_answered(rule: Any, text: str, level: str | None) -> None:
    assert level_of(text) == (level or "none")


@pytest.mark.parametrize(("rule", "text"), MISSES, ids=[f"{r.id}: {t}" for r, t in MISSES])
def test_a_near_miss_is_left_alone(rule: Any, text: str) -> None:
    assert triage(text, RULES) is None


@pytest.mark.parametrize("rule", RULES.rules, ids=[rule.id for rule in RULES.rules])
def test_a_rule_says_why_and_from_where(rule: Any) -> None:
    assert rule.reason.endswith(".")
    assert rule.source.startswith("https://")


@pytest.mark.parametrize(
    "text",
    [
        "I CAN'T BREATHE",
        "I can’t breathe",
        "i cant breathe",
        "i cannot breathe",
        "i can not breathe",
        "I can't breeeeathe",
        "i c4nt br3athe",
        "i can\u200bt brea\u00adthe",
        "\u202ei can't breathe",
        "ｉ ｃａｎ＇ｔ ｂｒｅａｔｈｅ",
        "i cаnt brеathe",  # Cyrillic a and e
        "i cánt bréathe",
        "hello\n\ni can't breathe\nplease",
        "i can't   breathe!!!",
    ],
)
def test_spelling_and_typography_do_not_matter(text: str) -> None:
    assert level_of(text) == "takeover"


@pytest.mark.parametrize(
    "text",
    ["k i l l myself", "k1ll mys3lf", "want to k*ll myself", "i wanna d1e", "su1c1dal, i am"],
)
def test_disguised_words_are_read(text: str) -> None:
    result = triage(text, RULES)
    assert result is not None
    assert result.category == "self_harm"


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("no chest pain", "none"),
        ("I don't have chest pain", "none"),
        ("no fever, cough or chest pain", "none"),
        ("I have no trouble breathing and no chest pain", "none"),
        ("no fever but my chest hurts", "takeover"),
        ("I don't have a cough. My chest hurts.", "takeover"),
        ("No! I can't breathe", "takeover"),
        ("I have a cold. What are the signs of a stroke?", "call_now"),
        ("What are the signs of a stroke? My dad's face is drooping", "takeover"),
        ("what should I do, my son drank bleach", "takeover"),
        ("what should I do if a child drinks bleach", "call_now"),
    ],
)
def test_denial_and_question_reach_only_their_own_clause(text: str, level: str) -> None:
    assert level_of(text) == level


@pytest.mark.parametrize(("rule", "text"), HITS, ids=[f"{r.id}: {t}" for r, t in HITS])
def test_an_emergency_is_found_in_a_long_text(rule: Any, text: str) -> None:
    """The words that steer the search of long texts leave no pattern out."""
    filler = " ".join(f"we walked {n} miles and saw green hills." for n in range(60))
    assert level_of(f"{filler} {text}. {filler}") == "takeover"


def test_a_takeover_anywhere_outranks_an_earlier_question() -> None:
    filler = "I like walking in the park with my dog every day. " * 3_000
    assert level_of(f"What are signs of a stroke? {filler} I can't breathe.") == "takeover"


# Measured on 2026-11-21. Lower a bound when the rules get better; never raise one to make a change
# pass. What each batch is worth as evidence is said at the top of the file they are in.
FLOORS = {
    # batch: (missed emergencies, false takeovers, missed call-now lines, false call-now lines)
    "first": (0.0, 0.014, 0.0, 0.018),
    "second": (0.024, 0.0, 0.0, 0.026),
    "third": (0.771, 0.0, 0.0, 0.025),
}


def held_back_batches() -> dict[str, list[dict[str, Any]]]:
    """The rows by batch; comment lines divide the file."""
    text = HELD_BACK.read_text(encoding="utf-8")
    rows = yaml.safe_load(text)["rows"]
    second = yaml.safe_load(text.split("\n  # Second batch", 1)[0])["rows"]
    third = yaml.safe_load(text.split("\n  # Third batch", 1)[0])["rows"]
    return {
        "first": rows[: len(second)],
        "second": rows[len(second) : len(third)],
        "third": rows[len(third) :],
    }


@pytest.mark.parametrize("batch", FLOORS)
def test_the_held_back_messages_do_no_worse_than_measured(
    batch: str, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = held_back_batches()[batch]
    outcome = Counter((row["expect"], level_of(row["text"])) for row in rows)
    expected = Counter(row["expect"] for row in rows)
    quiet = expected["none"] + expected["call_now"]
    measured = (
        (outcome["takeover", "none"] + outcome["takeover", "call_now"]) / expected["takeover"],
        (outcome["none", "takeover"] + outcome["call_now", "takeover"]) / quiet,
        outcome["call_now", "none"] / expected["call_now"],
        outcome["none", "call_now"] / expected["none"],
    )
    with capsys.disabled():
        names = ("missed emergencies", "false takeovers", "missed call-now", "false call-now")
        shown = ", ".join(f"{name} {rate:.1%}" for name, rate in zip(names, measured, strict=True))
        print(f"\nheld back, {batch} batch of {len(rows)}: {shown}")  # noqa: T201
    assert all(rate <= most for rate, most in zip(measured, FLOORS[batch], strict=True)), measured


def test_the_held_back_set_is_large_and_mixed() -> None:
    rows = [row for batch in held_back_batches().values() for row in batch]
    counts = Counter(row["expect"] for row in rows)
    assert len(rows) >= 120
    assert counts["none"] >= 50
    assert len({row["text"] for row in rows}) == len(rows)
    taught = {text for rule in RULES.rules for text in (*rule.hits, *rule.asks, *rule.misses)}
    # The plainest sentence of all is in both; nothing else may be.
    assert taught & {row["text"] for row in rows} <= {"I want to kill myself"}


def test_what_is_recognised_has_the_right_kind_of_help() -> None:
    rows = [row for batch in held_back_batches().values() for row in batch]
    results = [(row, triage(row["text"], RULES)) for row in rows]
    wrong = [
        row for row, found in results if found and row["category"] not in (None, found.category)
    ]
    assert len(wrong) <= 2


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "\x00",
        "\ud800\udfff",
        "\ud83d",
        "?" * 999,
        "\u202e" * 99,
        "🙂🙃",
        "﷽" * 500,
        "a\x1b[31m",
        "٣٨٫٥",
    ],
    ids=ascii,
)
def test_any_string_gives_a_result(text: str) -> None:
    assert triage(text, RULES) is None


def test_random_strings_give_a_result() -> None:
    source = random.Random(7)  # noqa: S311
    for _ in range(200):
        length = source.randrange(80)
        triage("".join(chr(source.randrange(0x11_0000)) for _ in range(length)), RULES)


ADVERSARIES = {
    "one letter": "a" * 1_000_000,
    "letters apart": "a " * 500_000,
    "no chest pain": "no chest pain " * 70_000,
    "denied, counted": "".join(f"no chest pain {n} or " for n in range(45_000)),
    "almost": "my chest is my chest was i am the baby is not " * 21_000,
    "commas": ", " * 500_000,
    "stops": ". " * 500_000,
    "stretched": "heeeelp " * 125_000,
    "digits in words": "a1" * 500_000,
    "ligatures": "﷽" * 1_000_000,
    "spelled out": "k i l l " * 125_000,
    "random letters": "".join(
        random.Random(1).choices(string.ascii_lowercase + " ", k=1_000_000)  # noqa: S311
    ),
}


@pytest.mark.parametrize("name", ADVERSARIES)
def test_the_cost_of_a_hostile_megabyte_grows_with_its_length_only(name: str) -> None:
    whole = ADVERSARIES[name]
    part = whole[: len(whole) // 8]
    # Eight times the text may cost sixteen times the processor time; a pattern that backtracks
    # costs sixty-four times or never ends. Ratios hold on a slow machine too.
    assert _seconds_for(whole) < 16 * max(_seconds_for(part), 0.01)


def _seconds_for(message: str) -> float:
    started = time.process_time()
    triage(message, RULES)
    return time.process_time() - started


def test_the_result_is_the_rule_that_decided() -> None:
    assert triage("My chest hurts", RULES) == TriageResult("takeover", "emergency", "chest-pain")


# --- loading -----------------------------------------------------------------------------------


@pytest.fixture
def good() -> dict[str, Any]:
    """A small valid rules file, as data."""
    loaded: dict[str, Any] = yaml.safe_load(RULES_FILE.read_text(encoding="utf-8"))
    return loaded | {"rules": loaded["rules"][:1]}


def load(data: object, tmp_path: Path) -> TriageRules:
    path = tmp_path / "xx.yml"
    path.write_text(yaml.safe_dump(data), encoding="utf-8")
    return load_rules(path)


def test_a_small_file_loads(good: dict[str, Any], tmp_path: Path) -> None:
    assert len(load(good, tmp_path).rules) == 1


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("category", "sadness", "must be one of"),
        ("reason", "", "must be a non-empty text"),
        ("any", [], "needs at least 1"),
        ("any", ["(unclosed"], "is not a pattern"),
        ("any", ["chest.*pain"], "unbounded repetition"),
        ("any", ["(?:a| b)+"], "unbounded repetition"),
        ("any", "chest pain", "must be a list of texts"),
        ("unless", ["a{2,}"], "unbounded repetition"),
        ("hits", ["one"], "needs at least 5"),
        ("asks", {"what?": "maybe", "why?": None}, "must be a text with"),
        ("asks", {}, "needs at least 2"),
        ("misses", ["one"], "needs at least 3"),
    ],
)
def test_a_bad_rule_is_named_with_file_rule_and_field(
    good: dict[str, Any], tmp_path: Path, field: str, value: object, problem: str
) -> None:
    rule_id = good["rules"][0]["id"]
    good["rules"][0][field] = value
    with pytest.raises(TriageRulesError) as caught:
        load(good, tmp_path)
    message = str(caught.value)
    assert "xx.yml" in message
    assert f"rule {rule_id}" in message
    assert f"field '{field}'" in message
    assert problem in message


@pytest.mark.parametrize("field", ["locale", "macros", "spellings", "negation", "rules"])
def test_a_missing_field_is_named(good: dict[str, Any], tmp_path: Path, field: str) -> None:
    del good[field]
    with pytest.raises(TriageRulesError, match=rf"xx\.yml, field '{field}'"):
        load(good, tmp_path)


def test_two_rules_with_one_id_are_refused(good: dict[str, Any], tmp_path: Path) -> None:
    good["rules"] *= 2
    with pytest.raises(TriageRulesError, match="two rules share an id"):
        load(good, tmp_path)


def test_a_file_that_is_missing_or_not_yaml_is_named(tmp_path: Path) -> None:
    with pytest.raises(TriageRulesError, match=r"none\.yml: cannot be read"):
        load_rules(tmp_path / "none.yml")
    broken = tmp_path / "broken.yml"
    broken.write_text("rules: [", encoding="utf-8")
    with pytest.raises(TriageRulesError, match=r"broken\.yml: cannot be read"):
        load_rules(broken)
    broken.write_text("just words", encoding="utf-8")
    with pytest.raises(TriageRulesError, match=r"broken\.yml: must be a mapping"):
        load_rules(broken)
