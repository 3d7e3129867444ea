"""The commands of ``python -m knowledge``: what they print, where, and their exit codes."""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import pytest
import yaml

from knowledge import __main__ as commands
from knowledge import embedder as embedding
from knowledge import emergency
from knowledge.calibration import load_calibration
from knowledge.exchange import read_corpus
from knowledge.settings import ROOT
from knowledge.store import connect, migrate, read_live, transaction
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
    """A store and a corpus of their own, and an embedder without a model."""

    def load_words(name: str, threads: int) -> WordEmbedder:
        return WordEmbedder()

    monkeypatch.setenv("CITEWELL_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("CITEWELL_CORPUS_DIR", str(corpus))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("DATABASE_URL_FILE", raising=False)
    monkeypatch.setattr(embedding, "SentenceTransformerEmbedder", load_words)
    monkeypatch.setattr(commands, "load_calibration", lambda: CALIBRATION)
    monkeypatch.setattr(emergency, "read_exemplars", lambda: EXEMPLARS)


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
    assert run(capsys, "publish", "--note", "Clearer") == (0, "release 2 is live\n", "")
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


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "nothing to publish: import a corpus first\n"),
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
    assert lines[1] == "answers from 0.80, offers a choice from 0.20"
    assert lines[3].split() == [
        "score",
        "best",
        "typical",
        "answer",
        "characters",
        "coverage",
        "topic",
        "centroid",
        "aspect",
        "topic_typical",
        "entry",
    ]
    assert lines[4].endswith("flu-spread  (“How does flu spread?”)")
    assert len(lines) == 6


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
    things = ("car", "phone", "bike", "roof", "shoe", "lamp", "door", "desk", "chair", "oven")
    rows = [f"{{text: my {thing} is broken, entry: null}}" for thing in things]
    rows += [f"{{text: {thing} flu spread, entry: flu-spread}}" for thing in things]
    rows += [f"{{text: {thing} mmr vaccine, entry: measles-vaccine}}" for thing in things]
    file, output = tmp_path / "questions.yml", tmp_path / "learnt.json"
    file.write_text("questions:\n  - " + "\n  - ".join(rows) + "\n", encoding="utf-8")
    status, out, _ = run(capsys, "calibrate", "--questions", str(file), "--output", str(output))
    learnt = load_calibration(output)
    assert status == 0
    assert learnt.model == "words"
    assert learnt.fitted_on["questions"] == 30
    assert out.startswith(f"answers from {learnt.answer_at}, offers a choice from ")
    assert "  answerable: 20.0\n" in out


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
    monkeypatch.setattr(commands, "load_calibration", lambda: load_calibration(nowhere))
    status, _, err = run(capsys, "search", "flu")
    assert status == 1
    assert err == "nowhere.json is missing or damaged: run `python -m knowledge calibrate`\n"


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
        "search",
        "calibrate",
        "evaluate",
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
    assert finished.stderr == "nothing to publish: import a corpus first\n"
