"""The commands of ``python -m knowledge``: what they print, where, and their exit codes."""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
import yaml

from knowledge import __main__ as commands
from knowledge import embedder as embedding
from knowledge import emergency, evaluation, learning, search_commands
from knowledge.calibration import SHIPPED, load_calibration
from knowledge.exchange import read_corpus
from knowledge.schema import Embedding
from knowledge.settings import ROOT, KnowledgeSettings
from knowledge.store import connect, migrate, read_live, read_refit, transaction
from tests.conftest import WordEmbedder
from tests.knowledge.small import CALIBRATION, CORPUS, EXEMPLARS

SPOILT = "Take 2 tablets. A face that droops"


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """A copy of the small corpus, written yesterday, that a test may change."""
    copy = Path(shutil.copytree(CORPUS, tmp_path / "corpus"))
    written, due = date.today() - timedelta(days=1), date.today() + timedelta(days=100)
    for file in copy.glob("*.yml"):
        text = file.read_text(encoding="utf-8")
        text = re.sub(r"(date_created|date_modified): \S+", rf"\1: {written}", text)
        text = re.sub(r"review_due: \S+", f"review_due: {due}", text)
        file.write_text(text, encoding="utf-8")
    return copy


@pytest.fixture(autouse=True)
def environment(
    tmp_path: Path, corpus: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store, a corpus and labelled questions of their own, and an embedder without a model."""

    def load_words(settings: KnowledgeSettings, tell: Callable[[str], None]) -> WordEmbedder:
        return WordEmbedder()

    labelled = tmp_path / "calibration.yml"
    labelled.write_text(labelled_questions(), encoding="utf-8")
    monkeypatch.setattr(evaluation, "CALIBRATION_FILE", labelled)
    monkeypatch.setattr(learning, "LEAST_TO_REFIT", 20)  # as many as have an answer here
    monkeypatch.setenv("CITEWELL_ANSWER_FROM", str(CALIBRATION.answer_at))
    monkeypatch.setenv("CITEWELL_OFFER_FROM", str(CALIBRATION.clarify_at))
    monkeypatch.setenv("CITEWELL_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("CITEWELL_CORPUS_DIR", str(corpus))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("DATABASE_URL_FILE", raising=False)
    monkeypatch.setattr(embedding, "load_embedder", load_words)
    for module in (commands, search_commands):
        monkeypatch.setattr(module, "load_calibration", lambda file=SHIPPED: CALIBRATION)
    monkeypatch.setattr(emergency, "read_exemplars", lambda: EXEMPLARS)


def labelled_questions() -> str:
    """Return thirty questions over the small corpus, ten of which nothing answers."""
    things = ("car", "phone", "bike", "roof", "shoe", "lamp", "door", "desk", "chair", "oven")
    rows = [f"{{text: my {thing} is broken, entry: null}}" for thing in things]
    rows += [f"{{text: {thing} flu spread, entry: flu-spread}}" for thing in things]
    rows += [f"{{text: {thing} mmr vaccine, entry: measles-vaccine}}" for thing in things]
    return "questions:\n  - " + "\n  - ".join(rows) + "\n"


def edit(corpus: Path, old: str, new: str) -> None:
    file = corpus / "stroke.yml"
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Run a command; return its exit code and what it wrote."""
    capsys.readouterr()
    status = commands.main(list(arguments))
    written = capsys.readouterr()
    return status, written.out, written.err


def live_answer(database_url: str, entry_id: str) -> str | None:
    engine = connect(database_url)
    migrate(engine)
    with transaction(engine) as session:
        live = read_live(session)
    engine.dispose()
    found = [] if live is None else [e.topic_entry.entry for e in live.entries]
    return next((entry.short_answer for entry in found if entry.id == entry_id), None)


# --- check ----------------------------------------------------------------------------------------


def test_check_passes_a_good_corpus(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "check", "--quick") == (0, "6 entries, 0 errors, 0 warnings\n", "")


def test_check_compares_the_entries_by_meaning(
    corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(corpus, "question: ", "question: What are the symptoms of the flu? #")
    status, out, err = run(capsys, "check")
    assert status == 0
    assert "stroke-signs question: asks nearly the same as flu-symptoms" in out
    assert err.startswith("comparing the entries by meaning")


def test_check_tells_of_a_review_that_is_overdue(
    corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = corpus / "stroke.yml"
    text = re.sub(r"20\d\d-\d\d-\d\d", "2020-01-01", file.read_text(encoding="utf-8"))
    text = text.replace("review_due: 2020-01-01", "review_due: 2020-06-01")
    file.write_text(text, encoding="utf-8")
    status, out, _ = run(capsys, "check", "--quick")
    assert status == 0
    assert "warning: stroke-signs review_due: has passed" in out


def test_check_shows_errors_before_warnings(
    corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(corpus, "A face that droops", SPOILT)
    edit(corpus, "        section: Signs and symptoms\n", "")
    _, out, _ = run(capsys, "check", "--quick")
    assert [line.split(": ")[1] for line in out.splitlines()[:2]] == ["error", "warning"]


# --- intents --------------------------------------------------------------------------------------


def test_intents_writes_training_data_without_what_is_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pairs = [item.topic_entry for item in read_corpus(CORPUS)]
    known = next(p.entry for p in pairs if p.entry.id == "flu-spread").variants[0]
    (tmp_path / "questions.yml").write_text(f"      - {known.upper()}\n", encoding="utf-8")
    status, _, _ = run(capsys, "intents", "--output", str(tmp_path / "corpus.yml"))
    nlu = yaml.safe_load((tmp_path / "corpus.yml").read_text(encoding="utf-8"))["nlu"]
    examples = nlu[0]["examples"].splitlines()
    assert status == 0
    assert nlu[0]["intent"] == "ask_health_question"
    assert len(examples) == len(set(examples)) >= 4
    assert f"- {known}" not in examples
    assert "- measles" in nlu[1]["examples"].splitlines()


# --- coverage -------------------------------------------------------------------------------------


def test_coverage_tells_topics_evidence_and_claims(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "coverage")
    assert status == 0
    assert "| entries | 6 |" in out
    assert "(`measles`)" in out


def test_coverage_writes_a_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "corpus.md"
    status, out, _ = run(capsys, "coverage", "--output", str(page))
    assert (status, out) == (0, f"{page} tells of 6 entries\n")
    assert page.read_text(encoding="utf-8") == run(capsys, "coverage")[1]


def test_check_fails_on_an_error_and_says_where(
    corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(corpus, "A face that droops", SPOILT)
    status, out, _ = run(capsys, "check", "--quick")
    assert status == 1
    first, last = out.splitlines()
    assert first.startswith("stroke.yml:")
    assert "error: stroke-signs short_answer: “2 tablets” reads like a dose" in first
    assert last == "6 entries, 1 errors, 0 warnings"


def test_check_lets_a_warning_pass(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(corpus, "        section: Signs and symptoms\n", "")
    status, out, _ = run(capsys, "check", "--quick")
    assert status == 0
    assert out.endswith("6 entries, 0 errors, 1 warnings\n")


def test_check_tells_the_faults_of_a_file_that_cannot_be_read(
    corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(corpus, "    aspect: symptoms", "    aspect: gossip")
    status, out, _ = run(capsys, "check", "--quick")
    assert status == 1
    assert "stroke-signs aspect" in out
    assert out.endswith("0 entries, 1 errors, 0 warnings\n")


def test_check_writes_json_for_other_programs(
    corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(corpus, "A face that droops", SPOILT)
    status, out, _ = run(capsys, "check", "--quick", "--format", "json")
    (fault,) = json.loads(out)
    assert status == 1
    assert (fault["file"], fault["entry"], fault["field"], fault["level"]) == (
        "stroke.yml",
        "stroke-signs",
        "short_answer",
        "error",
    )


def test_check_takes_another_folder_and_cdcs_list(
    tmp_path: Path, corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pages = tmp_path / "pages.txt.gz"
    with gzip.open(pages, "wt", encoding="utf-8") as file:
        file.write("https://www.cdc.gov/flu/signs-symptoms/index.html\n")
    status, out, _ = run(
        capsys, "check", "--quick", "--corpus", str(corpus), "--cdc-pages", str(pages)
    )
    assert status == 1
    assert "stroke-signs sources.0.url: is not in CDC's own list" in out
    assert "flu-symptoms" not in out


def test_check_says_which_list_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = tmp_path / "nowhere.gz"
    status, _, err = run(capsys, "check", "--cdc-pages", str(nowhere))
    assert (status, err) == (1, f"No such file or directory: {nowhere}\n")


# --- import and publish ---------------------------------------------------------------------------


def test_the_first_import_is_published(
    database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(capsys, "import") == (0, "6 new, 0 changed, 0 unchanged\npublished: 6 entries\n", "")
    assert live_answer(database_url, "stroke-signs") is not None


def test_importing_again_says_that_nothing_changed(capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, "import")
    assert run(capsys, "import") == (0, "0 new, 0 changed, 6 unchanged\n", "")


def test_a_later_import_waits_to_be_published(
    corpus: Path, database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run(capsys, "import")
    before = live_answer(database_url, "stroke-signs")
    edit(corpus, "A face that droops", "A face that sags")
    status, out, _ = run(capsys, "import")
    assert (status, out) == (
        0,
        "0 new, 1 changed, 5 unchanged\n"
        "1 drafts wait; `python -m knowledge publish` makes them live\n",
    )
    assert live_answer(database_url, "stroke-signs") == before
    told = "learning how sure to be of this release, from 30 labelled questions\n"
    assert run(capsys, "publish", "--note", "Clearer") == (0, "release 2 is live\n", told)
    assert (live_answer(database_url, "stroke-signs") or "").startswith("A face that sags")


def test_import_refuses_a_corpus_with_an_error_and_changes_nothing(
    corpus: Path, database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(corpus, "A face that droops", SPOILT)
    status, out, err = run(capsys, "import")
    assert (status, out) == (1, "")
    assert "stroke-signs short_answer" in err
    assert err.endswith("Nothing was imported or changed.\n")
    assert live_answer(database_url, "flu-spread") is None


def test_import_is_not_stopped_by_a_warning(
    corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(corpus, "        section: Signs and symptoms\n", "")
    assert run(capsys, "import")[0] == 0


def test_import_tells_no_more_than_twenty_faults(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "broken"
    folder.mkdir()
    for number in range(30):
        (folder / f"file-{number}.yml").write_text("- a list\n", encoding="utf-8")
    status, _, err = run(capsys, "import", "--corpus", str(folder))
    assert status == 1
    assert len(err.splitlines()) == 21


def test_publish_goes_back_to_an_older_release(
    corpus: Path, database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run(capsys, "import")
    before = live_answer(database_url, "stroke-signs")
    edit(corpus, "A face that droops", "A face that sags")
    run(capsys, "import")
    run(capsys, "publish")
    expected = (0, "release 1 is live again\n", "")
    assert run(capsys, "publish", "--rollback", "1") == expected
    assert live_answer(database_url, "stroke-signs") == before


def test_publish_keeps_the_shipped_figures_where_too_few_questions_fit(
    database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(learning, "LEAST_TO_REFIT", 21)
    run(capsys, "import")
    status, _, err = run(capsys, "publish")
    assert status == 0
    assert err == (
        "only 20 labelled questions have an answer in this release, 21 are needed to learn how "
        "sure to be: the shipped figures stay\n"
    )
    engine = connect(database_url)
    with transaction(engine) as session:
        assert read_refit(session, 2, "words") is None
    engine.dispose()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "nothing to publish: import a corpus first, or approve a draft\n"),
        (["--rollback", "9"], "no release 9\n"),
    ],
)
def test_publish_says_why_it_cannot(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(capsys, "publish", *arguments) == (1, "", message)


# --- search, evaluate, calibrate ------------------------------------------------------------------


def test_search_shows_the_decision_and_its_reasons(capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, "import")
    status, out, _ = run(capsys, "search", "how does flu spread?", "--top-k", "2")
    lines = out.splitlines()
    assert status == 0
    assert lines[0].startswith("decision: flu-spread (")
    assert [line.split()[1] for line in lines[1:]] == ["flu-spread", "flu-symptoms"]
    assert lines[1].endswith("  (“How does flu spread?”)")


def test_search_explains_which_signal_brought_what(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "search", "how does xanthan flu spread?", "--explain", "--top-k", "1")
    _, reason, unknown, first, signals, key = out.splitlines()
    assert re.fullmatch(
        r"answered: flu-spread is right with probability 0\.\d\d, and 0\.80 is enough", reason
    )
    assert unknown == "no entry knows: xanthan"
    assert first.split()[1] == "flu-spread"
    assert re.search(r"\bbest \d\.\d\d \(\+\d\.\d\)", signals)
    assert key.startswith("In brackets: log-odds")


def test_search_tells_what_it_took_a_misspelt_word_for(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "search", "what are the symptoms of meazles?")
    assert "searched as: what are the symptoms of measles?" in out


def test_search_writes_json_for_other_programs(capsys: pytest.CaptureFixture[str]) -> None:
    question = ("search", "how does flu spread?", "--format", "json")
    status, out, _ = run(capsys, *question, "--top-k", "1")
    told = json.loads(out)
    assert status == 0
    assert told["asked"] == "how does flu spread?"
    assert told["reason"].startswith("answered: flu-spread ")
    assert told["unknown_words"] == []
    (line,) = told["lines"]
    assert line["entry_id"] == "flu-spread"
    assert {"name", "value", "lift"} == set(line["signals"][0])


def test_search_takes_the_limits_of_the_settings(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    question = ("search", "how does flu spread?")
    assert run(capsys, *question)[1].startswith("decision: flu-spread (")
    monkeypatch.setenv("CITEWELL_ANSWER_FROM", "1")
    assert not run(capsys, *question)[1].startswith("decision: flu-spread (")
    monkeypatch.setenv("CITEWELL_OFFER_FROM", "1")
    assert run(capsys, *question)[1].startswith("decision: no answer")


def test_search_reads_a_folder_instead_of_the_live_release(
    corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(capsys, "import")
    edit(corpus, "id: stroke-signs", "id: stroke-new")
    question = ("search", "warning signs of a stroke", "--top-k", "1")
    assert "  stroke-signs  (" in run(capsys, *question)[1]
    assert "  stroke-new  (" in run(capsys, *question, "--corpus", str(corpus))[1]


def test_search_reads_the_corpus_files_before_anything_is_published(
    capsys: pytest.CaptureFixture[str],
) -> None:
    status, out, _ = run(capsys, "search", "how does flu spread?")
    assert (status, out.split(" (")[0]) == (0, "decision: flu-spread")


def test_search_prefers_what_is_live_to_the_files(
    corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(capsys, "import")
    shutil.rmtree(corpus)
    assert run(capsys, "search", "how does flu spread?")[0] == 0


def test_search_follows_up(capsys: pytest.CaptureFixture[str]) -> None:
    question = "what are the signs of it"
    _, alone, _ = run(capsys, "search", question)
    _, after, _ = run(capsys, "search", question, "--after", "flu-spread")
    assert not alone.startswith("decision: flu-symptoms")
    assert after.startswith("decision: flu-symptoms")


def test_search_says_when_a_question_sounds_like_an_emergency(
    capsys: pytest.CaptureFixture[str],
) -> None:
    _, out, _ = run(capsys, "search", "an elephant sits on my chest")
    assert "sounds like an emergency: chest-pain 1.00" in out


@pytest.fixture
def questions(tmp_path: Path) -> str:
    """Labelled questions over the small corpus."""
    rows = [
        "{text: how does flu spread, entry: flu-spread}",
        "{text: what are the symptoms of flu, entry: flu-spread}",
        "{text: bake bread, entry: null, kind: off_topic}",
    ]
    file = tmp_path / "questions.yml"
    file.write_text("questions:\n  - " + "\n  - ".join(rows) + "\n", encoding="utf-8")
    return str(file)


def test_evaluate_prints_the_figures(questions: str, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "evaluate", "--questions", questions, "--brief")
    figures = dict(line.strip().split(": ") for line in out.splitlines())
    assert status == 0
    assert figures["questions"] == "2"
    assert (figures["right_first"], figures["wrong_shown"]) == ("0.500", "0.500")
    assert "misses" not in figures


def test_evaluate_writes_json_for_other_programs(
    questions: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _, out, _ = run(capsys, "evaluate", "--questions", questions, "--format", "json")
    figures = json.loads(out)
    assert (figures["questions"], figures["right_first"]) == (2, 0.5)
    assert figures["by_topic"][0]["topic"] == "flu"


def test_evaluate_takes_the_corpus_files_instead_of_the_live_release(
    corpus: Path, questions: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run(capsys, "import")
    edit(corpus, "id: stroke-signs", "id: stroke-new")
    file = Path(questions)
    file.write_text("questions:\n  - {text: stroke, entry: stroke-new}\n", encoding="utf-8")
    assert run(capsys, "evaluate", "--questions", questions)[0] == 1
    assert run(capsys, "evaluate", "--questions", questions, "--corpus", str(corpus))[0] == 0


def test_evaluate_lists_topics_and_misses(
    questions: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _, out, _ = run(capsys, "evaluate", "--questions", questions)
    assert any(line.split()[:2] == ["flu", "2"] for line in out.splitlines())
    missed = "'what are the symptoms of flu': wanted flu-spread, got flu-symptoms"
    assert out.splitlines()[-1].startswith(missed)


def test_evaluate_refuses_a_question_about_an_unknown_entry(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "questions.yml"
    file.write_text("questions:\n  - {text: zika, entry: zika}\n", encoding="utf-8")
    status, _, err = run(capsys, "evaluate", "--questions", str(file))
    assert (status, err) == (
        1,
        "questions.yml: row 1: no entry zika here: correct the row, "
        "or name the corpus it is about with --corpus FOLDER\n",
    )


def test_calibrate_writes_what_it_learnt(
    tmp_path: Path, corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, output = tmp_path / "questions.yml", tmp_path / "learnt.json"
    file.write_text(labelled_questions(), encoding="utf-8")
    status, out, _ = run(capsys, "calibrate", "--questions", str(file), "--output", str(output))
    learnt = load_calibration(output)
    assert status == 0
    assert learnt.model == "words"
    assert learnt.fitted_on["questions"] == 30
    assert (learnt.answer_at, learnt.clarify_at) == (0.8, 0.2)  # as the settings have it
    assert out.startswith(f"{output} is written\n")
    assert "  questions: 30\n  answerable: 20\n" in out


# --- files of one's own ---------------------------------------------------------------------------


@pytest.fixture
def collection(tmp_path: Path) -> Path:
    """Three documents and two queries in BEIR's layout."""
    folder = tmp_path / "sets" / "tiny"
    (folder / "qrels").mkdir(parents=True)
    titles = {"a": "how does flu spread", "b": "what is a stroke", "c": "when to sleep"}
    documents = [json.dumps({"_id": name, "title": t, "text": ""}) for name, t in titles.items()]
    (folder / "corpus.jsonl").write_text("\n".join(documents), encoding="utf-8")
    queries = {"1": "flu spread", "2": "stroke what is it"}
    rows = [json.dumps({"_id": name, "text": text}) for name, text in queries.items()]
    (folder / "queries.jsonl").write_text("\n".join(rows), encoding="utf-8")
    (folder / "qrels" / "test.tsv").write_text(
        "query-id\tcorpus-id\tscore\n1\ta\t1\n2\tb\t1\n", encoding="utf-8"
    )
    return folder


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """Four pairs of texts, two of which ask the same."""
    file = tmp_path / "pairs.csv"
    file.write_text(
        "text_a,text_b,label\n"
        "how does flu spread,flu spread how,1\n"
        "what is a stroke,stroke what is it,1\n"
        "how does flu spread,bake some bread,0\n"
        "what is a stroke,where to park,0\n",
        encoding="utf-8",
    )
    return file


@pytest.fixture
def scope(tmp_path: Path) -> Path:
    """Two questions in scope and two out of it."""
    file = tmp_path / "scope.tsv"
    file.write_text(
        "text\tlabel\nhow does flu spread\tin\nwhat is a stroke\tin\n"
        "bake some bread\tout\nwhere to park\tout\n",
        encoding="utf-8",
    )
    return file


def figures_of(out: str) -> dict[str, float]:
    lines = [line.strip().split(": ") for line in out.splitlines()]
    return {name: float(value) for name, value in lines}


def test_evaluate_measures_a_collection_of_ones_own(
    collection: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, err = run(capsys, "evaluate", "--beir", str(collection))
    figures = figures_of(out)
    assert status == 0
    assert (figures["S@1"], figures["MRR@10"], figures["R@5"]) == (1.0, 1.0, 1.0)
    assert figures["P@5"] == 0.2
    assert err == "indexing 3 documents\n"


def test_evaluate_measures_pairs(pairs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = run(capsys, "evaluate", "--pairs", str(pairs))
    figures = figures_of(out)
    assert status == 0
    assert (figures["pairs"], figures["same"]) == (4, 0.5)
    assert (figures["AUC"], figures["best_accuracy"]) == (1.0, 1.0)
    assert err == "comparing 4 pairs\n"


@pytest.mark.parametrize("asked", ["live", "collection", "corpus"])
def test_evaluate_measures_what_it_declines(
    asked: str, scope: Path, collection: Path, corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(capsys, "import")
    where = {"live": (), "collection": ("--beir", collection), "corpus": ("--corpus", corpus)}
    words = ("evaluate", "--abstain", str(scope), *map(str, where[asked]), "--format", "json")
    status, out, _ = run(capsys, *words)
    figures = json.loads(out)
    assert status == 0
    assert set(figures) == ({"beir", "abstain"} if asked == "collection" else {"abstain"})
    assert figures["abstain"]["AUROC"] == 1.0
    assert (figures["abstain"]["in_scope"], figures["abstain"]["out_of_scope"]) == (2, 2)


@pytest.mark.parametrize("option", ["--beir", "--pairs", "--abstain"])
def test_evaluate_says_which_file_is_missing(
    option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = tmp_path / "nowhere.csv"
    status, out, err = run(capsys, "evaluate", option, str(nowhere))
    assert (status, out) == (1, "")
    assert "nowhere.csv" in err or "corpus.jsonl" in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    ("option", "text", "sentence"),
    [
        ("--pairs", "text_a,text_b,label\na,b,perhaps\n", "pairs.csv: line 2: `label` must be"),
        ("--abstain", "text,label\n,in\n", "abstain.csv: line 2: `text` is missing or empty"),
        ("--pairs", "text_a,text_b,label\na,b,1\n", "pairs.csv: needs rows with either label"),
        ("--abstain", "text,label\nflu,in\n", "abstain.csv: needs rows with either label"),
        ("--abstain", "", "abstain.csv: needs rows with either label"),
    ],
)
def test_evaluate_says_which_row_is_wrong(
    option: str, text: str, sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / f"{option.strip('-')}.csv"
    file.write_text(text, encoding="utf-8")
    status, out, err = run(capsys, "evaluate", option, str(file))
    assert (status, out) == (1, "")
    assert err.startswith(sentence)


def test_reliability_draws_the_plot(
    questions: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plot = tmp_path / "plot.svg"
    status, out, err = run(capsys, "reliability", "--questions", questions, "--output", str(plot))
    assert status == 0
    assert out.endswith(f"{plot} is written\n")
    assert "expected calibration error: " in out
    assert err == "asking 3 questions\n"
    assert plot.read_text(encoding="utf-8").startswith("<svg")


def test_learn_writes_weights_for_any_corpus(
    collection: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(collection, collection.parent / "second")
    output = tmp_path / "general.json"
    status, out, err = run(capsys, "learn", str(collection.parent), "--output", str(output))
    assert status == 0
    assert load_calibration(output).fitted_on["sets"] == "second, tiny"
    assert out.startswith(f"{output} is written\n")
    assert err.startswith("second: 3 documents, 2 queries\n")


def test_learn_says_that_there_is_nothing_to_learn_from(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, _, err = run(capsys, "learn", str(tmp_path), "--output", str(tmp_path / "x.json"))
    assert status == 1
    assert err.startswith(f"{tmp_path} holds no folder with a corpus.jsonl")
    assert not (tmp_path / "x.json").exists()


# --- prepare --------------------------------------------------------------------------------------


def stored_vectors(database_url: str) -> int:
    engine = connect(database_url)
    with transaction(engine) as session:
        count = session.scalar(sa.select(sa.func.count()).select_from(Embedding))
    engine.dispose()
    return int(count or 0)


def test_prepare_embeds_what_is_live_once(
    database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(capsys, "import")
    status, out, err = run(capsys, "prepare")
    made = stored_vectors(database_url)
    assert status == 0
    assert made > 60
    assert out.startswith("words is ready, with vectors of ")
    assert err == ""
    # What is there needs no model.
    monkeypatch.setattr(WordEmbedder, "embed", None)
    assert run(capsys, "prepare")[0] == 0
    assert stored_vectors(database_url) == made


def test_prepare_tells_how_far_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(search_commands, "TOLD_EVERY", 30)
    run(capsys, "import")
    _, _, err = run(capsys, "prepare")
    assert re.fullmatch(r"embedding: (\d+) of \1 texts \(100 %\)\n", err)


def test_progress_is_told_once_per_so_many_texts(capsys: pytest.CaptureFixture[str]) -> None:
    progress = search_commands.told_share()
    for done in (*range(7, 1200, 170), 1200):
        progress(done, 1200)
    lines = [line.split()[1] for line in capsys.readouterr().err.splitlines()]
    assert lines == ["517", "1027", "1200"]
    search_commands.told_share()(400, 400)
    assert capsys.readouterr().err == ""


def test_prepare_learns_anew_how_sure_to_be_with_another_model(
    database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(capsys, "import")
    run(capsys, "prepare")
    monkeypatch.setattr(WordEmbedder, "name", "other words")
    status, _, err = run(capsys, "prepare")
    assert status == 0
    assert err == (
        "the calibration that ships was learnt with another model than other words\n"
        "learning how sure to be of this release, from 30 labelled questions\n"
    )
    assert run(capsys, "prepare")[2] == ""
    engine = connect(database_url)
    with transaction(engine) as session:
        assert read_refit(session, 1, "words") is None
        assert CALIBRATION.with_refit(read_refit(session, 1, "other words") or {})
    engine.dispose()


def test_prepare_works_before_anything_is_published(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "prepare")
    assert status == 0
    assert out.startswith("words is ready")


# --- failures -------------------------------------------------------------------------------------


def test_a_setting_that_makes_no_sense_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CITEWELL_ACTIONS_PORT", "many")
    status, _, err = run(capsys, "check", "--quick")
    expected = "CITEWELL_ACTIONS_PORT: needs a whole number from 1 to 65535\n"
    assert (status, err) == (1, expected)


@pytest.mark.parametrize("url", ["nonsense", "sqlite:////proc/nowhere/citewell.db"])
def test_a_database_that_cannot_be_used_is_one_sentence(
    url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", url)
    status, out, err = run(capsys, "import")
    assert (status, out) == (1, "")
    assert len(err.splitlines()) == 1
    assert "nowhere" in err or "check DATABASE_URL" in err


def test_a_file_that_is_no_database_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "letter.txt"
    file.write_text("Dear doctor, " * 100, encoding="utf-8")
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{file}")
    status, _, err = run(capsys, "publish")
    assert status == 1
    assert err == ("The database cannot be used (file is not a database): check DATABASE_URL.\n")


def test_a_damaged_calibration_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = tmp_path / "nowhere.json"
    monkeypatch.setattr(
        search_commands, "load_calibration", lambda file=SHIPPED: load_calibration(nowhere)
    )
    status, _, err = run(capsys, "search", "flu")
    assert status == 1
    assert err.startswith("nowhere.json is missing or damaged: make it anew with `python -m ")


def test_an_unknown_command_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        commands.main(["heal"])
    assert stopped.value.code == 2
    assert "invalid choice: 'heal'" in capsys.readouterr().err


def test_every_command_says_what_it_does(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        commands.main(["--help"])
    assert stopped.value.code == 0
    shown = capsys.readouterr().out
    for name in (
        "check",
        "coverage",
        "intents",
        "import",
        "publish",
        "prepare",
        "search",
        "calibrate",
        "learn",
        "evaluate",
        "reliability",
    ):
        assert f"    {name} " in shown


def test_the_exit_code_reaches_the_shell(tmp_path: Path) -> None:
    finished = subprocess.run(
        [sys.executable, "-m", "knowledge", "publish"],
        cwd=ROOT,
        env=os.environ | {"CITEWELL_DATA_DIR": str(tmp_path / "fresh")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert finished.returncode == 1
    assert finished.stderr == "nothing to publish: import a corpus first, or approve a draft\n"
