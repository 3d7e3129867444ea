"""Clones of public repositories become sets; the clones here are tiny and made up."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook

from benchmarks.public_sets import Document, by_label, is_copy, main, own_pair, plain, sequences

ROOT = Path(__file__).parent.parent.parent
OTHERS = ["covid", "meqsum", "clinc", "stanford_covid", "stackfaq", "liveqa", "rqe"]
OTHERS += ["banking77", "mqp"]

FAQ_HEAD = ["question", "answer", "lang"]
FAQS = [
    ["What is a quokka?", "A small marsupial, and a fairly cheerful one.", "en"],
    ["What is a QUOKKA ?", "Another answer.", "en"],
    ["Was ist ein Quokka?", "Ein Beuteltier.", "de"],
]
MORE_FAQS = [["Are quokkas tame?", "Yes.\nMostly.", "en"], ["Co to?", "Nic.", "pl"]]
PAIR_HEAD = ["question_1", "question_2", "similar"]
ENGLISH_PAIRS = [
    ["What is a quokka? ", "which animal is a quokka", "1"],
    ["Do quokkas bite?", "Are quokkas tame?", "1"],
    ["Are quokkas tame?", "where do quokkas live", "0"],
]
GERMAN_PAIRS = [["Was ist ein Quokka?", "Welches Tier heißt Quokka?", "1"]]

JUDGED_LETTER = "Bite. My brother was bitten by a quokka on the island and now his hand is swollen"
OWN_LETTER = "My cat has slept under the warm kettle for eleven days, is she ill?"
ANSWER = "Question: {} ? (Also called: Q)\nURL: https://example.org/q\nAnswer: {} \n"


def write_csv(path: Path, rows: Sequence[Sequence[str]], delimiter: str = ",") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as lines:
        csv.writer(lines, delimiter=delimiter).writerows(rows)


def write_text(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


@pytest.fixture
def clones(tmp_path: Path) -> Path:
    """Return a folder with a tiny clone of every repository."""
    folder = tmp_path / "clones"
    make_covid(folder / "deepset-ai+COVID-QA" / "data")
    make_meqsum(folder / "abachaa+MeQSum")
    make_intents(folder)
    make_stanford(folder / "stanford-oval+covid-faq" / "data" / "clean")
    make_liveqa(folder)
    write_text(
        folder / "YosiMass+faq-retrieval" / "StackFAQ-paraphrases.tsv",
        "How do I fold a map?\tmap folding, how\nHow do I fold a map?\tfold my map\n\n",
    )
    write_text(
        folder / "abachaa+RQE_Data_AMIA2016" / "RQE_Test_302_pairs_AMIA2016.xml",
        "<RQE>"
        f'<pair pid="1" value="true"><chq>{JUDGED_LETTER}</chq><faq>What helps a bite?</faq></pair>'
        f'<pair pid="2" value="true"><chq>{JUDGED_LETTER}</chq><faq>Do bites swell?</faq></pair>'
        '<pair pid="3" value="false"><chq>I am\ttired &amp; cold</chq>'
        "<faq>What helps a bite?</faq></pair></RQE>",
    )
    write_csv(
        folder / "curai+medical-question-pair-dataset" / "mqp.csv",
        [["1", 'Is a "mole" bad?', "Are moles\nharmful?", "1"], ["1", "a", "b", "0"]],
    )
    return folder


def make_covid(data: Path) -> None:
    write_csv(data / "faqs" / "faq_covidbert.csv", [FAQ_HEAD, *FAQS])
    write_csv(data / "faqs" / "faq_200327.tsv", [FAQ_HEAD, *MORE_FAQS], "\t")
    write_csv(data / "eval_question_similarity_en.csv", [PAIR_HEAD, *ENGLISH_PAIRS])
    write_csv(data / "eval_question_similarity_de.csv", [PAIR_HEAD, *GERMAN_PAIRS])


def make_meqsum(folder: Path) -> None:
    folder.mkdir(parents=True)
    book = Workbook()
    sheet = book.active
    sheet.append(["File", "CHQ", "Summary"])
    sheet.append(["1", f"SUBJECT: the CAT\nMESSAGE: {OWN_LETTER}", "Why does a cat sleep much?"])
    sheet.append(["2", "how LONG do cats sleep", "why does a cat sleep much"])
    sheet.append(["3", f"SUBJECT: help\nMESSAGE: {JUDGED_LETTER}", "What is done about a bite?"])
    sheet.append(["4", "does noonan syndrome of my quokka go with a third ear", "Third ear?"])
    book.save(folder / "letters.xlsx")


def make_intents(folder: Path) -> None:
    intents = {"greet": "hello", "leave": "goodbye"}
    data = {
        "train": [(f"{said} {n}", name) for name, said in intents.items() for n in range(12)],
        "test": [(f"{said} test {n}", name) for name, said in intents.items() for n in range(30)],
        "oos_test": [(f"no intent {n}", "oos") for n in range(5)],
    }
    write_text(folder / "clinc+oos-eval" / "data" / "data_full.json", json.dumps(data))
    banking = folder / "PolyAI-LDN+task-specific-datasets" / "banking_data"
    for part in ("train", "test"):
        write_csv(banking / f"{part}.csv", [["text", "category"], *data[part]])


def make_stanford(folder: Path) -> None:
    entries = [["2", "Is it safe?", "Yes."], ["3", "Is it free?", "Yes."]]
    write_csv(folder / "faq_db.csv", [["ID", "Question", "Answer"], *entries])
    asked = [["cost?", "3"], ["safe or free?", "2, 3"], ["something else?", "-1"]]
    write_csv(folder / "validation.csv", [["Question", "Answer"], *asked])


def make_liveqa(folder: Path) -> None:
    questions = [
        ("TQ1", "does noonan syndrome of my quokka go with a third ear", "What is a third ear?"),
        ("TQ2", "nothing was found for this one", "What is nothing?"),
    ]
    body = "".join(
        f'<NLM-QUESTION qid="{number}"><Original-Question><SUBJECT/><MESSAGE>{letter}</MESSAGE>'
        f"</Original-Question><NLM-Summary>{summary}</NLM-Summary></NLM-QUESTION>"
        for number, letter, summary in questions
    )
    write_text(
        folder
        / "abachaa+LiveQA_MedicalTask_TREC2017"
        / "TestDataset"
        / "TREC-2017-LiveQA-Medical-Test-Questions-w-summaries.xml",
        f"<Set>{body}</Set>",
    )
    rows = [["AnswerID", "Answer"]]
    rows += [[f"A{n}.txt", ANSWER.format(f"What is {n}", f"It is {n}.")] for n in (1, 2, 3, 4, 1)]
    table = folder.parent / "answers.csv"
    write_csv(table, rows)
    grades = "1 1-Incorrect A1.txt\n1 2-Related A2.txt\n1 3-Incomplete A3.txt\n"
    grades += "1 4-Excellent A4.txt\n2 2-Related A1.txt\n"
    archive = folder / "abachaa+MedQuAD" / "QA-TestSet-LiveQA-Med-Qrels-2479-Answers.zip"
    archive.parent.mkdir(parents=True)
    with zipfile.ZipFile(archive, "w") as files:
        files.writestr("__MACOSX/x/._All-2479-Answers-retrieved-from-MedQuAD.csv", b"\xff\x00")
        files.write(table, "x/All-2479-Answers-retrieved-from-MedQuAD.csv")
        files.writestr("x/All-qrels_LiveQAMed2017-TestQuestions_2479_Judged-Answers.txt", grades)


class Made:
    """Reads one set back from where it was written."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def titles(self) -> dict[str, str]:
        """Title -> text."""
        return {row["title"]: row["text"] for row in self.lines("corpus.jsonl")}

    @property
    def right(self) -> dict[str, set[str]]:
        """Text of a query -> titles of its right documents."""
        titles = {row["_id"]: row["title"] for row in self.lines("corpus.jsonl")}
        queries = {row["_id"]: row["text"] for row in self.lines("queries.jsonl")}
        found: dict[str, set[str]] = {text: set() for text in queries.values()}
        for query, document, score in self.rows("qrels/test.tsv", "query-id corpus-id score"):
            assert score == "1"
            found[queries[query]].add(titles[document])
        return found

    def lines(self, name: str) -> list[dict[str, Any]]:
        """Return the records of a file."""
        with (self.folder / name).open(encoding="utf-8") as lines:
            return [json.loads(line) for line in lines]

    def rows(self, name: str, head: str) -> list[list[str]]:
        """Return the rows of a file below its header, which is checked."""
        with (self.folder / name).open(encoding="utf-8", newline="") as lines:
            first, *rest = csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        assert first == head.split()
        return rest


def make(clones: Path, *builders: str) -> Path:
    """Make some sets and return the folder that holds them."""
    output = clones.parent / "sets"
    assert main([str(clones), "--output", str(output), "--only", *builders]) == 0
    return output


def test_a_public_question_is_kept_once_with_its_first_answer(clones: Path) -> None:
    made = Made(make(clones, "covid") / "learn" / "covid-en")
    assert made.titles == {
        "What is a quokka?": "A small marsupial, and a fairly cheerful one.",
        "Are quokkas tame?": "Yes.\nMostly.",
        "Do quokkas bite?": "",
    }


def test_other_words_find_their_question_and_one_with_exactly_those_words(clones: Path) -> None:
    folder = make(clones, "covid") / "learn"
    assert Made(folder / "covid-en").right == {
        "which animal is a quokka": {"What is a quokka?"},
        "Are quokkas tame?": {"Do quokkas bite?", "Are quokkas tame?"},
    }
    assert Made(folder / "covid-de").right == {"Welches Tier heißt Quokka?": {FAQS[2][0]}}


def test_letters_lose_their_labels_and_share_a_summary(clones: Path) -> None:
    made = Made(make(clones, "meqsum") / "learn" / "meqsum")
    summary = {"Why does a cat sleep much?"}
    assert made.right == {f"the CAT {OWN_LETTER}": summary, "how LONG do cats sleep": summary}


def test_letters_of_the_sets_for_judging_are_not_learnt_from(clones: Path) -> None:
    made = Made(make(clones, "meqsum") / "learn" / "meqsum")
    assert set(made.titles) == {"Why does a cat sleep much?"}


@pytest.mark.parametrize(
    ("letter", "same"),
    [
        (JUDGED_LETTER.upper() + "!!", True),
        (JUDGED_LETTER.replace("brother", "bruther"), True),
        ("My brother was bitten by a dog in town and he has had a fever since then", False),
        ("", False),
    ],
)
def test_a_copy_is_told_from_a_letter_that_starts_alike(letter: str, same: bool) -> None:
    assert is_copy(letter, [sequences(JUDGED_LETTER)]) is same


def test_each_intent_gives_one_title_and_ten_queries(clones: Path) -> None:
    made = Made(make(clones, "clinc") / "learn" / "clinc")
    assert [row["_id"] for row in made.lines("corpus.jsonl")] == ["greet", "leave"]
    assert len(made.right) == 20
    for query, right in made.right.items():
        (title,) = right
        assert query.split()[0] == title.split()[0]
        assert "test" not in title


def test_variants_are_eight_wordings_with_the_title(clones: Path) -> None:
    folder = make(clones, "clinc") / "learn"
    single = Made(folder / "clinc")
    several = Made(folder / "clinc-variants")
    assert list(several.titles) == list(single.titles)
    assert several.right == single.right
    for row in several.lines("corpus.jsonl"):
        assert len({row["title"], *row["variants"]}) == 8
    assert not any("variants" in row for row in single.lines("corpus.jsonl"))


def test_what_is_abstained_from_is_no_query(clones: Path) -> None:
    made = Made(make(clones, "clinc") / "learn" / "clinc")
    rows = made.rows("abstain.tsv", "text label")
    inside = {text for text, label in rows if label == "in"}
    assert len(inside) == 40
    assert not inside & set(made.right)
    assert [text for text, label in rows if label == "out"] == [f"no intent {n}" for n in range(5)]


def test_an_answer_column_names_ids_and_minus_one_is_no_answer(clones: Path) -> None:
    made = Made(make(clones, "stanford_covid") / "judge" / "stanford-covid")
    assert made.right == {
        "cost?": {"Is it free?"},
        "safe or free?": {"Is it safe?", "Is it free?"},
    }


def test_paraphrases_find_their_question(clones: Path) -> None:
    made = Made(make(clones, "stackfaq") / "judge" / "stackfaq")
    question = "How do I fold a map?"
    assert made.right == {"map folding, how": {question}, "fold my map": {question}}


def test_answers_judged_three_or_four_are_right(clones: Path) -> None:
    made = Made(make(clones, "liveqa") / "judge" / "liveqa")
    assert [row["_id"] for row in made.lines("corpus.jsonl")] == ["A1", "A2", "A3", "A4"]
    assert made.titles["What is 3 ? (Also called: Q)"] == "It is 3."
    assert made.right == {
        "What is a third ear?": {"What is 3 ? (Also called: Q)", "What is 4 ? (Also called: Q)"}
    }


def test_pairs_keep_their_label_and_true_ones_are_queries(clones: Path) -> None:
    made = Made(make(clones, "rqe") / "judge" / "rqe")
    assert made.rows("pairs.tsv", "text_a text_b label") == [
        [JUDGED_LETTER, "What helps a bite?", "1"],
        [JUDGED_LETTER, "Do bites swell?", "1"],
        ["I am tired & cold", "What helps a bite?", "0"],
    ]
    assert made.right == {JUDGED_LETTER: {"What helps a bite?", "Do bites swell?"}}


def test_a_category_gives_fifteen_queries(clones: Path) -> None:
    made = Made(make(clones, "banking77") / "judge" / "banking77")
    assert len(made.titles) == 2
    assert len(made.right) == 30


def test_pairs_with_quotes_and_line_ends_stay_one_row(clones: Path) -> None:
    folder = make(clones, "mqp") / "judge" / "mqp"
    assert Made(folder).rows("pairs.tsv", "text_a text_b label") == [
        ['Is a "mole" bad?', "Are moles harmful?", "1"],
        ["a", "b", "0"],
    ]
    assert not (folder / "corpus.jsonl").exists()


def test_own_questions_with_an_entry_and_no_context_are_asked() -> None:
    from knowledge.evaluation import Question
    from tests.knowledge.small import small_corpus

    entries = small_corpus()
    first, second = (pair.entry for pair in entries[:2])
    asked = [
        Question(text="no entry", entry=None, kind="off_topic"),
        Question(text="what  now", entry=second.id, also=(first.id,)),
        Question(text="and then", entry=first.id, context=second.id),
    ]
    bare, several = own_pair("learn/own", entries, asked)
    assert [(query.text, set(query.right)) for query in bare.queries] == [
        ("what now", {first.id, second.id})
    ]
    assert bare.documents[0] == Document(first.id, first.question, first.short_answer)
    assert several.documents[0].variants == first.variants
    assert (several.name, several.queries) == ("learn/own-variants", bare.queries)


def test_what_is_missing_is_named_and_the_rest_is_made(
    clones: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (clones / "curai+medical-question-pair-dataset" / "mqp.csv").unlink()
    output = clones.parent / "sets"
    assert main([str(clones), "--output", str(output), "--only", "mqp", "stackfaq"]) == 1
    said = capsys.readouterr()
    assert "mqp: missing: " in said.err
    assert "curai+medical-question-pair-dataset/mqp.csv; skipped" in said.err
    assert "judge/stackfaq" in said.out
    assert (output / "judge" / "stackfaq" / "corpus.jsonl").exists()


@pytest.mark.parametrize("builder", OTHERS)
def test_a_missing_clone_is_named(
    builder: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path), "--output", str(tmp_path / "sets"), "--only", builder]) == 1
    assert f"{builder}: missing: {tmp_path}" in capsys.readouterr().err


def test_letters_are_not_learnt_from_while_those_for_judging_are_unknown(
    clones: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (clones / "abachaa+RQE_Data_AMIA2016" / "RQE_Test_302_pairs_AMIA2016.xml").unlink()
    output = clones.parent / "sets"
    assert main([str(clones), "--output", str(output), "--only", "meqsum"]) == 1
    assert "RQE_Test_302_pairs_AMIA2016.xml" in capsys.readouterr().err
    assert not (output / "learn" / "meqsum").exists()


def test_a_file_that_cannot_be_read_is_told(
    clones: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_text(clones / "clinc+oos-eval" / "data" / "data_full.json", "version https://git-lfs")
    write_text(
        clones / "abachaa+MedQuAD" / "QA-TestSet-LiveQA-Med-Qrels-2479-Answers.zip", "no archive"
    )
    output = clones.parent / "sets"
    assert main([str(clones), "--output", str(output), "--only", "clinc", "liveqa", "mqp"]) == 1
    said = capsys.readouterr()
    assert "clinc: cannot be read" in said.err
    assert "liveqa: cannot be read" in said.err
    assert "judge/mqp" in said.out


def test_the_table_counts_entries_queries_and_words(
    clones: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make(clones, "stanford_covid", "mqp")
    head, stanford, pairs = capsys.readouterr().out.splitlines()
    assert head.split() == ["set", "entries", "queries", "words/query", "further", "rows"]
    assert stanford.split() == ["judge/stanford-covid", "2", "2", "2.0"]
    assert pairs.split() == ["judge/mqp", "0", "0", "0.0", "pairs.tsv", "2"]


def test_two_processes_write_the_same_bytes(clones: Path) -> None:
    outputs = []
    for seed in ("1", "2"):
        output = clones.parent / f"sets-{seed}"
        command = [sys.executable, "-m", "benchmarks.public_sets", str(clones)]
        command += ["--output", str(output), "--only", *OTHERS]
        subprocess.run(
            command, check=True, cwd=ROOT, env=os.environ | {"PYTHONHASHSEED": seed}, timeout=60
        )
        files = sorted(path for path in output.rglob("*") if path.is_file())
        outputs.append({str(path.relative_to(output)): path.read_bytes() for path in files})
    assert outputs[0] == outputs[1]
    assert len(outputs[0]) == 10 * 3 + 3  # ten sets to search, three tables beside or without


def test_labels_are_sorted_and_texts_stay_in_order() -> None:
    assert by_label([("x", "b"), ("y", "a"), ("z", "b")]) == {"a": ["y"], "b": ["x", "z"]}
    assert list(by_label([("x", "b"), ("y", "a")])) == ["a", "b"]


def test_texts_that_differ_in_case_and_marks_only_count_as_one() -> None:
    assert plain(" What's THAT ? ") == plain("what’s that")
    assert plain("?!") != plain("...")
