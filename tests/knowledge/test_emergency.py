"""The third safety net: near a description of an emergency, nearer than to anything harmless."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml

from knowledge.emergency import (
    ASKING,
    FILE,
    Category,
    EmergencyExemplars,
    Exemplar,
    ExemplarError,
    read_exemplars,
)

EXEMPLARS = [
    Exemplar("chest", "chest-pain", "emergency"),
    Exemplar("pills", "overdose", "poisoning"),
    Exemplar("phone", "everyday", None),
]
VECTORS = np.eye(3, dtype=np.float32)


@pytest.fixture
def net() -> EmergencyExemplars:
    """Three exemplars at right angles; a cosine of 0.6 counts."""
    return EmergencyExemplars(EXEMPLARS, VECTORS, 0.6)


def toward(*parts: float) -> np.ndarray:
    vector = np.array(parts, dtype=np.float32)
    return vector / np.linalg.norm(vector)


def test_it_tells_the_kind_of_emergency(net: EmergencyExemplars) -> None:
    likeness = net.likeness(toward(0.1, 0.9, 0.2), "she took them all", 0.0)
    assert likeness is not None
    assert (likeness.category, likeness.group) == ("poisoning", "overdose")
    assert likeness.cosine == pytest.approx(0.9 / np.sqrt(0.86), abs=1e-6)


def test_it_wants_a_certain_nearness(net: EmergencyExemplars) -> None:
    assert net.likeness(toward(0.61, 0.55, 0.57), "hm", 0.0) is not None
    assert net.likeness(toward(0.59, 0.57, 0.57), "hm", 0.0) is None


def test_a_harmless_exemplar_that_is_nearer_wins(net: EmergencyExemplars) -> None:
    assert net.likeness(toward(0.7, 0.0, 0.71), "my phone", 0.0) is None
    assert net.likeness(toward(0.71, 0.0, 0.7), "my chest", 0.0) is not None


def test_a_question_of_the_corpus_that_is_clearly_nearer_wins(net: EmergencyExemplars) -> None:
    vector = toward(0.8, 0.6, 0.0)
    assert net.likeness(vector, "chest pain", 0.84) is not None
    assert net.likeness(vector, "chest pain", 0.86) is None


@pytest.mark.parametrize(
    "text",
    [
        "what are the signs of a stroke",
        "How do you recognise a heart attack",
        "my dad wonders: is it dangerous?",
        "symptoms of poisoning",
        "tell me about overdoses",
    ],
)
def test_asking_is_recognised(net: EmergencyExemplars, text: str) -> None:
    assert ASKING.search(text)
    likeness = net.likeness(toward(1, 0, 0), text, 0.0)
    assert likeness is not None
    assert likeness.asking


@pytest.mark.parametrize(
    "text", ["my chest is being crushed", "he took them all", "can i die from this", "do i die"]
)
def test_reporting_is_not_taken_for_asking(net: EmergencyExemplars, text: str) -> None:
    likeness = net.likeness(toward(1, 0, 0), text, 0.0)
    assert likeness is not None
    assert not likeness.asking


@pytest.mark.parametrize(
    ("category", "chest", "wording", "confirmed"),
    [
        ("emergency", 0.45, 0.0, True),
        ("emergency", 0.45, 0.49, True),
        ("emergency", 0.45, 0.51, False),
        ("emergency", 0.35, 0.0, False),
        ("self_harm", 0.05, 0.9, True),
        ("abuse", 0.05, 0.9, True),
    ],
)
def test_it_confirms_what_another_net_caught(
    net: EmergencyExemplars, category: Category, chest: float, wording: float, confirmed: bool
) -> None:
    rest = -float(np.sqrt(1 - chest**2))
    assert net.confirm(category, toward(chest, 0.0, rest), wording) is confirmed


@pytest.mark.parametrize("category", ["emergency", "self_harm", "abuse"])
def test_it_confirms_nothing_that_sounds_everyday(
    net: EmergencyExemplars, category: Category
) -> None:
    assert not net.confirm(category, toward(0.6, 0.0, 0.8), 0.0)


# --- the file -------------------------------------------------------------------------------------


def test_the_shipped_exemplars_cover_every_kind_of_emergency() -> None:
    exemplars = read_exemplars()
    kinds = {exemplar.category for exemplar in exemplars}
    assert kinds == {"emergency", "self_harm", "abuse", "poisoning", None}
    assert len({exemplar.group for exemplar in exemplars}) >= 20
    texts = [exemplar.text.casefold() for exemplar in exemplars]
    assert len(set(texts)) == len(texts)


def test_the_shipped_exemplars_are_not_the_rows_that_measure_them() -> None:
    rows = Path(__file__).parent.parent / "data" / "safety" / "exemplar_rows.yml"
    measuring = yaml.safe_load(rows.read_text(encoding="utf-8"))["rows"]
    texts = {exemplar.text.casefold() for exemplar in read_exemplars()}
    assert texts.isdisjoint(row["text"].casefold() for row in measuring)


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("category: emergency", "category: scary", "groups.0.category"),
        ("locale: en\n", "", "locale"),
        ("    reason:", "    because:", "groups.0.reason"),
        ("groups:", "groups: [", ""),
    ],
)
def test_a_broken_file_is_refused_with_its_place(
    tmp_path: Path, old: str, new: str, place: str
) -> None:
    file = tmp_path / "en.yml"
    file.write_text(FILE.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ExemplarError, match=rf"(?s)en\.yml is missing or broken: .*{place}"):
        read_exemplars(file)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExemplarError, match=r"nowhere\.yml is missing or broken"):
        read_exemplars(tmp_path / "nowhere.yml")
