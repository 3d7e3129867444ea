"""Guards: negation, groups of people and numbers, each told from a text alone."""

from __future__ import annotations

import pytest

from knowledge.guards import POPULATIONS, Marks, differences, marks, together

NOTHING = Marks(negated=False, populations=frozenset(), numbers=frozenset())


@pytest.mark.parametrize(
    "text",
    [
        "can I not get it",
        "Can't I get it",
        "I can’t sleep",
        "it doesnt hurt",
        "without fever",
        "never had it",
        "is it unsafe",
        "neither of them",
        "nobody is unvaccinated",
    ],
)
def test_it_sees_a_denial(text: str) -> None:
    assert marks(text).negated


@pytest.mark.parametrize(
    "text", ["can I get it", "a note on knots", "notice the nose", "is it under control", "", "une"]
)
def test_it_sees_no_denial_where_there_is_none(text: str) -> None:
    assert not marks(text).negated


@pytest.mark.parametrize(
    ("text", "groups"),
    [
        ("fever in babies", {"baby"}),
        ("my 3 months old", {"baby"}),
        ("Kids at school", {"child"}),
        ("safe while pregnant?", {"pregnant"}),
        ("during pregnancy", {"pregnant"}),
        ("while breastfeeding", {"nursing"}),
        ("breast-feeding mothers", {"nursing"}),
        ("my grandma", {"older"}),
        ("adults over 65", {"older"}),
        ("men and women", {"man", "woman"}),
        ("can my dog get it", {"animal"}),
        ("before a trip abroad", {"traveller"}),
        ("after chemotherapy", {"weak"}),
        ("is it catching", set()),
        ("menace", set()),
        ("", set()),
    ],
)
def test_it_sees_the_groups_of_people(text: str, groups: set[str]) -> None:
    assert marks(text).populations == groups
    assert groups <= set(POPULATIONS)


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("type 2 diabetes", {"2"}),
        ("Type two", {"2"}),
        ("the second dose", {"2"}),
        ("38,5 degrees", {"38.5"}),
        ("38.5 or 40", {"38.5", "40"}),
        ("H1N1", {"1"}),
        ("someone phoned", set()),
    ],
)
def test_it_sees_numbers_in_digits_and_words(text: str, numbers: set[str]) -> None:
    assert marks(text).numbers == numbers


def test_several_texts_say_what_any_of_them_says() -> None:
    whole = together([marks("no kids"), marks("type 2"), marks("men")])
    assert whole == Marks(True, frozenset({"child", "man"}), frozenset({"2"}))
    assert together([]) == NOTHING


@pytest.mark.parametrize(
    ("asked", "question", "rest", "expected"),
    [
        ("can I get it", "Can I get it?", "", (0, 0, 0, 0)),
        ("can't I get it", "Can I get it?", "", (1, 0, 0, 0)),
        ("can I get it", "Why can't I get it?", "", (1, 0, 0, 0)),
        ("can't I get it", "Why can't I get it?", "", (0, 0, 0, 0)),
        ("can I get it", "Can I get it?", "No, you cannot.", (0, 0, 0, 0)),  # only the question's
        ("fever in babies", "What is fever?", "", (0, 1, 0, 0)),
        ("fever in babies", "What is fever?", "In infants it is higher.", (0, 0, 0, 0)),
        ("what is fever", "What is fever in babies?", "", (0, 0, 1, 0)),
        ("men or kids", "Is it safe for women?", "", (0, 2, 1, 0)),
        ("type 1", "What is type 2 diabetes?", "", (0, 0, 0, 1)),
        ("type two", "What is type 2 diabetes?", "", (0, 0, 0, 0)),
        ("type 1", "What is type 2 diabetes?", "Unlike type 1 …", (0, 0, 0, 0)),
        ("type 1", "What is diabetes?", "", (0, 0, 0, 0)),
        ("what is it", "What is type 2 diabetes?", "", (0, 0, 0, 0)),
    ],
)
def test_a_question_and_a_document_differ(
    asked: str, question: str, rest: str, expected: tuple[float, ...]
) -> None:
    known = marks(f"{question} {rest}")
    assert differences(marks(asked), known, marks(question)) == expected


@pytest.mark.parametrize("text", ["\x00\x07", "麻疹 сыпь", "not " * 2500, "n't", "٣ مرات", "³"])
def test_any_text_has_marks(text: str) -> None:
    assert isinstance(marks(text), Marks)
