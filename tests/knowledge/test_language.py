"""The language gate: other languages are seen, and no English question is taken for one."""

from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from knowledge.entry import TopicEntry
from knowledge.exchange import read_corpus
from knowledge.language import UNDETERMINED, LanguageGate
from knowledge.words import STOPWORDS, fold, words

ROOT = Path(__file__).parents[2]
QUESTIONS = ROOT / "tests" / "data" / "questions"
SHARE_CAUGHT = 0.95
SHARE_CAUGHT_WITHOUT_VOCABULARY = 0.75
SHARE_MISNAMED = 0.05
SHARE_ENGLISH_GATED = 0.001
# What a release of few entries is asked, it mostly does not know.
SHARE_ENGLISH_GATED_BY_FEW = 0.005
SECONDS_PER_QUESTION = 0.001


def rows(name: str) -> list[dict[str, Any]]:
    """Return the rows of a file of questions."""
    text = (QUESTIONS / f"{name}.yml").read_text(encoding="utf-8")
    found: list[dict[str, Any]] = yaml.safe_load(text)["questions"]
    return found


def wordings(pair: TopicEntry) -> list[str]:
    """Return everything that may ask for an entry."""
    return [*pair.topic.aliases, pair.entry.question, *pair.entry.variants]


def vocabulary(pairs: Sequence[TopicEntry]) -> Callable[[str], bool]:
    """Return what tells whether entries use a word."""
    used: set[str] = set()
    for pair in pairs:
        answer = [pair.entry.short_answer, *(detail.text for detail in pair.entry.details)]
        used.update(word for text in (*wordings(pair), *answer) for word in words(text))
    return lambda word: word.replace("'", "") in STOPWORDS or fold(word) in used


@pytest.fixture(scope="module")
def corpus() -> list[TopicEntry]:
    """All entries that ship."""
    return [located.topic_entry for located in read_corpus(ROOT / "knowledge" / "corpus")]


@pytest.fixture(scope="module")
def gate(corpus: list[TopicEntry]) -> LanguageGate:
    """A gate for the corpus that ships."""
    return LanguageGate(["en"], vocabulary(corpus))


@pytest.fixture(scope="module")
def bare() -> LanguageGate:
    """A gate for English without a vocabulary."""
    return LanguageGate(["en"])


@pytest.mark.parametrize("name", ["calibration", "held_back"])
def test_it_gates_no_answerable_english_question(gate: LanguageGate, name: str) -> None:
    asked = [row["text"] for row in rows(name) if row["entry"]]
    gated = [text for text in asked if gate.foreign(text)]
    assert len(gated) <= SHARE_ENGLISH_GATED * len(asked), gated


def test_it_gates_no_wording_of_the_corpus(gate: LanguageGate, corpus: list[TopicEntry]) -> None:
    asked = [text for pair in corpus for text in wordings(pair)]
    assert [text for text in asked if gate.foreign(text)] == []


def test_a_release_of_few_entries_gates_hardly_any_english_question(
    corpus: list[TopicEntry],
) -> None:
    few = LanguageGate(["en"], vocabulary(corpus[:6]))
    asked = [row["text"] for row in rows("calibration") if row["entry"]]
    gated = [text for text in asked if few.foreign(text)]
    assert len(gated) <= SHARE_ENGLISH_GATED_BY_FEW * len(asked), gated


def test_it_sees_other_languages(gate: LanguageGate) -> None:
    missed = [row["text"] for row in rows("languages") if gate.foreign(row["text"]) is None]
    assert len(missed) <= (1 - SHARE_CAUGHT) * len(rows("languages")), missed


def test_it_sees_every_language_of_the_set(gate: LanguageGate) -> None:
    asked, caught = Counter[str](), Counter[str]()
    for row in rows("languages"):
        asked[row["language"]] += 1
        caught[row["language"]] += gate.foreign(row["text"]) is not None
    assert {language for language, count in asked.items() if 2 * caught[language] < count} == set()


def test_it_seldom_names_a_wrong_language(gate: LanguageGate) -> None:
    # Neighbours that a short text does not tell apart.
    near = {"hi": {"ne", "mr", "bh"}, "id": {"ms"}, "ht": {"crs", "mfe"}}
    wrong = [
        (row["text"], named)
        for row in rows("languages")
        if (named := gate.foreign(row["text"])) not in {None, UNDETERMINED, row["language"]}
        and named not in near.get(row["language"], set())
    ]
    assert len(wrong) <= SHARE_MISNAMED * len(rows("languages")), wrong


def test_without_a_vocabulary_it_sees_what_the_detector_is_sure_of(bare: LanguageGate) -> None:
    asked = [row["text"] for row in rows("languages")]
    caught = [text for text in asked if bare.foreign(text)]
    assert len(caught) >= SHARE_CAUGHT_WITHOUT_VOCABULARY * len(asked)
    english = [row["text"] for row in rows("calibration") if row["entry"]]
    assert [text for text in english if bare.foreign(text)] == []


@pytest.mark.parametrize(
    "text",
    [
        "meezles",
        "covid vaccin",
        "rsv?",
        "HPV",
        "diabeetus",
        "norovirus",
        "herpes zoster",
        "varicella zoster",
        "candida albicans infection",
        "amoxicillin clavulanate",
        "angina pectoris",
        "Sjögren syndrome",
        "Ménière's disease",
        "β blocker",
        "5 μg",
        "wat is teh flu shot 4",
        "measels vaxine babys ok??",
        "is sars-cov-2 airborne",
        "❤️❤️ ok",
        "f\u0336l\u0336u\u0336 s\u0336h\u0336o\u0336t\u0336",
        "ＨＰＶ ｖａｃｃｉｎｅ safe?",
    ],
)
def test_short_misspelt_or_latin_terms_are_not_foreign(gate: LanguageGate, text: str) -> None:
    assert gate.foreign(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "my doctor said I have sarampión, what is that in English?",
        "what does 麻疹 mean",
        "the label says антибиотик, can I take it for a cold?",
        "is السكري the same as diabetes",
        "can I give my kid té de manzanilla for a cough",
        "abuela says vaporub on the feet cures a cough, is it true",
    ],
)
def test_a_text_whose_main_part_is_english_is_not_foreign(gate: LanguageGate, text: str) -> None:
    assert gate.foreign(text) is None


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("COVID-19 क्या है", "hi"),
        ("HPV 백신", "ko"),
        ("COVID-19 疫苗安全吗", "zh"),
        ("コロナワクチンの副作用", "ja"),
        ("麻疹", "zh"),
        ("هل لقاح COVID آمن", "ar"),
        ("כאב ראש חזק", "he"),
        ("የኩፍኝ ምልክቶች ምንድን ናቸው", "am"),
    ],
)
def test_letters_decide_where_they_can(
    gate: LanguageGate, bare: LanguageGate, text: str, language: str
) -> None:
    assert gate.foreign(text) == bare.foreign(text) == language


@pytest.mark.parametrize(
    "text",
    ["", "   ", "?!", "1234", "38.5", "😷🤒", "https://www.cdc.gov/spanish/vacunas", "[phone]"],
)
def test_what_has_no_words_is_not_foreign(gate: LanguageGate, text: str) -> None:
    assert gate.foreign(text) is None


def test_links_addresses_and_masks_do_not_count(gate: LanguageGate) -> None:
    assert gate.foreign("https://www.who.int/ru/hiv ma@correo.es [name] flu") is None
    assert gate.foreign("¿cómo sé si mi hijo tiene fiebre? www.cdc.gov/flu [phone]") == "es"


def test_a_long_text_is_read_from_its_beginning(gate: LanguageGate) -> None:
    english = "what are the symptoms of measles in a child? " * 220
    spanish = "¿cuáles son los síntomas del sarampión en un niño? " * 200
    assert gate.foreign(english + spanish) is None
    assert gate.foreign(spanish + english) == "es"
    assert gate.foreign("x" * 10_000) is None


def test_a_language_of_the_release_is_not_foreign() -> None:
    spanish, arabic = "¿Cuáles son los síntomas del sarampión?", "ما هي أعراض الحصبة؟"
    both = LanguageGate(iter(["en", "es-419"]))
    assert both.foreign(spanish) is None
    assert both.foreign("what are the symptoms of measles") is None
    assert both.foreign(arabic) == "ar"
    assert LanguageGate(["ar"]).foreign(arabic) is None
    assert LanguageGate(["ar"]).foreign("what are the symptoms of measles") == "en"


def test_a_language_like_ours_may_be_ours() -> None:
    danish = "hvad er symptomerne på mæslinger hos børn"
    assert LanguageGate(["nb"]).foreign(danish) is None
    assert LanguageGate(["en"]).foreign(danish) == "da"


def test_without_locales_nothing_is_foreign() -> None:
    assert LanguageGate([]).foreign("ما هي أعراض الحصبة؟") is None


def test_a_locale_in_letters_that_it_does_not_know_makes_none_foreign() -> None:
    bamum = LanguageGate(["bax"])
    assert bamum.foreign("ꚠꚡꚢ ꚣꚤ") is None
    assert bamum.foreign("麻疹") is None


@given(st.text())
def test_any_text_can_be_asked(text: str) -> None:
    for gate in (LanguageGate(["en"], str.isascii), LanguageGate(["fil", "ja"])):
        first = gate.foreign(text)
        assert first is None or first.isalpha()
        assert gate.foreign(text) == first


def test_it_is_quick(gate: LanguageGate) -> None:
    asked = [row["text"] for name in ("languages", "held_back") for row in rows(name)]
    start = time.process_time()
    for text in asked:
        gate.foreign(text)
    assert (time.process_time() - start) / len(asked) < SECONDS_PER_QUESTION


def test_it_loads_neither_a_model_nor_the_index() -> None:
    code = (
        "import sys, knowledge.language; print({'torch', 'faiss', 'sklearn'} & sys.modules.keys())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert done.stdout.strip() == "set()"
