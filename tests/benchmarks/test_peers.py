"""The comparison with other systems: its arithmetic, its table, its page, and a peer that fails."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks.page import write_part
from benchmarks.peers import (
    Figures,
    Outcome,
    System,
    figures_of,
    libraries,
    measure,
    pick_questions,
    read_subjects,
    separation,
    systems,
    table,
)
from benchmarks.peers_exchange import (
    BEST,
    Hit,
    Report,
    Subject,
    Task,
    first_of_each,
    read_report,
    read_task,
    write_report,
    write_task,
)
from knowledge.evaluation import Question

START, END = "<!-- peers:start -->", "<!-- peers:end -->"
ROWS = [
    Question(text="is the flu shot safe", entry="flu-shot", also=("flu-myth",)),
    Question(text="lice?", entry="lice"),
    Question(text="who won the cup", entry=None, kind="off_topic"),
]
SUBJECTS = (
    Subject("flu-shot", "Is it safe?", ("safe jab?", "jab ok?"), "Yes."),
    Subject("lice", "What are lice?", ("nits?",), "Insects."),
)


def task(kind: str) -> Task:
    return Task(kind, SUBJECTS, tuple(row.text for row in ROWS), "model", 3, 1)


def report(*hits: Hit) -> Report:
    return Report(hits, (1.0, 2.0, 9.0), 100.4, {"numpy": "2"})


def system(label: str, module: str = "benchmarks.peers_ours") -> System:
    return System("one", label, "questions", module, "questions", Path(sys.executable))


def test_a_right_entry_counts_at_its_rank_and_also_is_as_good() -> None:
    found = report(
        Hit(("flu-myth", "lice"), 0.9), Hit(("a", "b", "c", "lice"), 0.5), Hit(("lice",), 0.1)
    )
    figures = figures_of(found, ROWS)
    assert (figures.first, figures.third, figures.reciprocal) == (0.5, 0.5, (1 + 1 / 4) / 2)
    assert (figures.separation, figures.median) == (1.0, 2.0)


def test_what_comes_after_the_tenth_counts_as_not_found() -> None:
    late = tuple(f"other-{number}" for number in range(BEST))
    found = report(Hit((*late, "flu-shot"), 0.5), Hit((), 0.0), Hit((), 0.9))
    figures = figures_of(found, ROWS)
    assert (figures.first, figures.third, figures.reciprocal) == (0.0, 0.0, 0.0)
    assert figures.separation == 0.0, "the one without an answer scored highest"


def test_scores_of_one_kind_alone_separate_nothing() -> None:
    assert separation([True, True], [0.1, 0.2]) is None


def test_an_entry_counts_at_its_best_document() -> None:
    assert first_of_each([("b", 0.9), ("a", 0.8), ("b", 0.7)]) == Hit(("b", "a"), 0.9)
    assert first_of_each([]) == Hit((), 0.0)


def test_the_kind_tells_whether_variants_are_documents() -> None:
    assert task("questions").documents() == (
        ["Is it safe?", "What are lice?"],
        ["flu-shot", "lice"],
    )
    texts, owners = task("bm25-wordings").documents()
    assert texts == ["Is it safe?", "safe jab?", "jab ok?", "What are lice?", "nits?"]
    assert owners == ["flu-shot"] * 3 + ["lice"] * 2


def test_tasks_and_reports_survive_their_files(tmp_path: Path) -> None:
    write_task(task("questions"), tmp_path / "task.json")
    assert read_task(tmp_path / "task.json") == task("questions")
    found = report(Hit(("a", "b"), 0.5), Hit((), 0.0), Hit(("c",), -1.5))
    write_report(found, tmp_path / "report.json")
    assert read_report(tmp_path / "report.json") == found


def test_the_table_is_aligned_and_tells_why_a_peer_failed() -> None:
    figures = Figures(0.5, 0.75, 0.6125, None, 12.34, 20.06, 1234.5)
    text = table([
        Outcome(system("**A**"), figures, {}),
        Outcome(system("Long name"), None, {}, "no wheel"),
    ])  # fmt: skip
    head, ruler, good, bad = text.splitlines()
    assert {len(line) for line in (head, ruler, good, bad)} == {len(head)}
    assert [cell.strip() for cell in good.split("|")[1:-1]] == [
        "**A**", "questions", "0.500", "0.750", "0.613", "–", "12.3", "20.1", "1234",
    ]  # fmt: skip
    assert [cell.strip() for cell in bad.split("|")[1:4]] == ["Long name", "failed: no wheel", "–"]
    assert ruler.replace(" ", "").startswith("|---")
    assert ruler.endswith(": |")


def test_libraries_are_told_once_a_product() -> None:
    dense = Outcome(system("Haystack, embedding"), None, {"haystack-ai": "3", "torch": "2"})
    words = Outcome(system("Haystack, BM25"), None, {"haystack-ai": "3"})
    ours = Outcome(system("**Citewell**"), None, {"torch": "2"})
    failed = Outcome(system("Rasa"), None, {}, "no wheel")
    assert libraries([ours, dense, words, failed]) == [
        "Citewell: torch 2",
        "Haystack: haystack-ai 3, torch 2",
    ]


def test_the_page_keeps_what_others_wrote(tmp_path: Path) -> None:
    page = tmp_path / "benchmarks.md"
    write_part("peers", "first", page)
    made = page.read_text()
    assert made.startswith("# Benchmarks\n")
    assert made.endswith(f"\n\n{START}\nfirst\n{END}\n")
    page.write_text(f"{made}\n## Theirs\n")
    write_part("peers", "second", page)
    assert page.read_text() == made.replace("first", "second") + "\n## Theirs\n"
    page.write_text("# Other\n\ntext\n")
    write_part("peers", "third", page)
    assert page.read_text() == f"# Other\n\ntext\n\n{START}\nthird\n{END}\n"


def test_a_peer_that_fails_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    outcome = measure(system("X", "benchmarks.no_such_peer"), task("questions"), ROWS, 1)
    assert outcome.figures is None
    assert outcome.reason.endswith("No module named benchmarks.no_such_peer")
    assert "no_such_peer" in capsys.readouterr().err
    missing = System("y", "Y", "questions", "benchmarks.peers_ours", "q", Path("/nowhere/python"))
    assert measure(missing, task("questions"), ROWS, 1).reason == "its environment is missing"


def test_the_same_sample_is_taken_each_time_and_no_follow_up() -> None:
    subjects = read_subjects()
    sample = pick_questions(subjects, 40)
    assert sample == pick_questions(subjects, 40)
    assert len({question.text for question in sample}) == 40
    everything = pick_questions(subjects, None)
    assert all(question.context is None for question in everything)
    assert {bool(question.right) for question in everything} == {True, False}


def test_every_system_has_a_module_and_a_name_of_its_own() -> None:
    names = [one.name for one in systems()]
    assert len(set(names)) == len(names)
    root = Path(__file__).parents[2]
    for one in systems():
        assert (root / f"{one.module.replace('.', '/')}.py").is_file()
