"""Live answers as files: what the store holds comes out whole, and nothing is overwritten."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from sqlalchemy.engine import Engine

from knowledge import __main__ as commands
from knowledge import workflow
from knowledge.corpus_files import corpus_files
from knowledge.entry import Topic, TopicEntry
from knowledge.exchange import read_corpus
from knowledge.exporting import (
    FORMATS,
    ExportError,
    exported,
    live_file,
    live_pairs,
    newest_pairs,
    write_folder,
)
from knowledge.importing import Outcome, dry_run, read_incoming
from knowledge.settings import ROOT
from knowledge.store import connect, import_entries, migrate, publish, transaction
from tests.knowledge.small import make_pair, small_corpus
from tests.knowledge.test_importing import Desk, other_pair

SHIPPED = ROOT / "knowledge" / "corpus"


def by_id(pair: TopicEntry) -> str:
    """Return the id of an entry."""
    return pair.entry.id


@pytest.fixture
def live(store: Engine) -> Engine:
    """A store in which the small corpus is live."""
    with transaction(store) as session:
        import_entries(session, small_corpus())
        publish(session, "first")
    return store


@pytest.mark.parametrize("ending", FORMATS)
def test_what_is_live_comes_out_and_changes_nothing_when_it_comes_back(
    live: Engine, ending: str
) -> None:
    with transaction(live) as session:
        file = live_file(session, ending)
        assert file is not None
        pairs = read_incoming(f"a.{ending}", file.content).pairs
        plan = dry_run(session, pairs)
    assert sorted(pairs, key=by_id) == sorted(small_corpus(), key=by_id)
    assert {one.outcome for one in plan.entries} == {Outcome.UNCHANGED}


def test_a_release_is_written_once_and_the_next_one_anew(live: Engine) -> None:
    with transaction(live) as session:
        first, again = live_file(session, "csv"), live_file(session, "csv")
        assert first is not None
        assert again is not None
        assert again.content is first.content
        import_entries(session, [make_pair()])
        publish(session, "second")
        second = live_file(session, "csv")
    assert second is not None
    assert second.release_id == first.release_id + 1
    assert b"sleep-how-much" in second.content
    assert b"sleep-how-much" not in first.content


def test_nothing_is_given_before_something_is_live(store: Engine) -> None:
    with transaction(store) as session:
        assert live_file(session, "zip") is None
        assert live_pairs(session) == []


def test_entries_that_disagree_about_their_topic_say_what_the_newest_says(store: Engine) -> None:
    desk = Desk(store)
    newer = Topic(slug="sleep", title="Sleeping well", aliases=("sleep",))
    with transaction(store) as session:
        other = other_pair("other", short_answer="Something else.")
        saved = workflow.save_draft(
            session, desk.alice, other.model_copy(update={"topic": newer}), 1
        )
        workflow.submit(session, desk.alice, saved.id)
        workflow.approve(session, desk.rita, saved.id)
        workflow.release(session, desk.paul, [saved.id], "second")
        pairs = live_pairs(session)
        content = exported(pairs, "csv")
    assert [pair.topic.title for pair in pairs] == ["Sleeping well"] * 2
    # Each form has one place for a topic, and refuses what says two things about it.
    assert read_incoming("a.csv", content).pairs == pairs


def test_the_newest_wordings_have_drafts_but_nothing_that_was_put_away_or_withdrawn(
    store: Engine,
) -> None:
    desk = Desk(store)
    draft = make_pair(short_answer="Go to bed early.")
    desk.save(draft, 1)
    away = desk.save(other_pair("away"), None)
    with transaction(store) as session:
        workflow.discard(session, desk.alice, away)
        assert newest_pairs(session) == [other_pair("other"), draft]
        workflow.withdraw(session, desk.paul, "other", "en", "It is wrong.")
        assert newest_pairs(session) == [draft]
        assert [pair.entry.id for pair in live_pairs(session)] == ["sleep-how-much"]


def test_a_draft_that_was_put_away_leaves_the_wording_before_it(store: Engine) -> None:
    desk = Desk(store)
    revision_id = desk.save(make_pair(short_answer="Put away."), 1)
    with transaction(store) as session:
        workflow.discard(session, desk.alice, revision_id)
        assert newest_pairs(session)[1] == make_pair()


# --- the command ----------------------------------------------------------------------------------


@pytest.fixture
def citewell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own with a database in which the small corpus is live."""
    monkeypatch.setenv("CITEWELL_DATA_DIR", str(tmp_path))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("DATABASE_URL_FILE", raising=False)
    fill(tmp_path, small_corpus())
    return tmp_path


def fill(folder: Path, pairs: list[TopicEntry]) -> None:
    """Make entries live in the database of a folder."""
    engine = connect(f"sqlite:///{folder / 'citewell.db'}")
    migrate(engine)
    with transaction(engine) as session:
        import_entries(session, pairs)
        publish(session, "first")
    engine.dispose()


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    """Run the command; return its exit code and what it wrote."""
    capsys.readouterr()
    status = commands.main(["export", *map(str, arguments)])
    written = capsys.readouterr()
    return status, written.out, written.err


def test_the_shipped_corpus_comes_out_as_it_went_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shipped = [item.topic_entry for item in read_corpus(SHIPPED)]
    monkeypatch.setenv("CITEWELL_DATA_DIR", str(tmp_path))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    fill(tmp_path, shipped)
    folder = tmp_path / "out"
    status, out, err = run(capsys, "--format", "yaml", "--output", folder)
    assert (status, err) == (0, "")
    assert out == f"{folder} holds {len(shipped)} answers\n"
    found = [item.topic_entry for item in read_corpus(folder)]
    assert sorted(found, key=by_id) == sorted(shipped, key=by_id)
    assert {path.name for path in folder.iterdir()} == {path.name for path in SHIPPED.glob("*.yml")}


@pytest.mark.parametrize(
    ("kind", "name"), [("csv", "a.csv"), ("xlsx", "a.xlsx"), ("yaml", "a.zip")]
)
def test_a_file_is_written_whole_and_read_again(
    citewell: Path, capsys: pytest.CaptureFixture[str], kind: str, name: str
) -> None:
    output = citewell / name
    assert run(capsys, "--format", kind, "--output", output)[0] == 0
    found = read_incoming(name, output.read_bytes()).pairs
    assert sorted(found, key=by_id) == sorted(small_corpus(), key=by_id)
    assert not [*citewell.glob(".a*")]


@pytest.mark.parametrize(("kind", "name"), [("csv", "a.csv"), ("yaml", "a.zip")])
def test_a_file_that_is_there_is_overwritten_with_force_only(
    citewell: Path, capsys: pytest.CaptureFixture[str], kind: str, name: str
) -> None:
    output = citewell / name
    output.write_text("mine")
    status, out, err = run(capsys, "--format", kind, "--output", output)
    assert (status, out) == (1, "")
    assert err == f"{output} exists: name another file, or overwrite it with --force\n"
    assert output.read_text() == "mine"
    assert run(capsys, "--format", kind, "--output", output, "--force")[0] == 0
    assert read_incoming(name, output.read_bytes()).pairs


def test_a_folder_with_corpus_files_is_overwritten_with_force_only(
    citewell: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = citewell / "out"
    folder.mkdir()
    (folder / "notes.txt").write_text("mine")
    (folder / "flu.yml").write_text("mine")
    status, _, err = run(capsys, "--format", "yaml", "--output", folder)
    assert status == 1
    assert "holds corpus files" in err
    assert (folder / "flu.yml").read_text() == "mine"
    assert not (folder / "stroke.yml").exists()
    assert run(capsys, "--format", "yaml", "--output", folder, "--force")[0] == 0
    assert len(read_corpus(folder)) == 6
    assert (folder / "notes.txt").read_text() == "mine"


def test_a_corpus_file_that_is_not_part_of_it_is_never_mixed_in(
    citewell: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = citewell / "out"
    (folder / "es").mkdir(parents=True)
    (folder / "es" / "zika.yml").write_text("mine")
    status, _, err = run(capsys, "--format", "yaml", "--output", folder, "--force")
    assert status == 1
    assert (
        err == f"{folder} holds es/zika.yml, which is not part of the export: take it away first\n"
    )
    assert [path.name for path in folder.iterdir()] == ["es"]


def test_drafts_come_out_when_they_are_asked_for(
    citewell: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    engine = connect(f"sqlite:///{citewell / 'citewell.db'}")
    with transaction(engine) as session:
        import_entries(session, [make_pair()])
    engine.dispose()
    for arguments, count in (((), 6), (("--drafts", "--force"), 7)):
        output = citewell / "a.csv"
        status, out, _ = run(capsys, "--format", "csv", "--output", output, *arguments)
        assert (status, out) == (0, f"{output} holds {count} answers\n")


def test_nothing_to_export_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CITEWELL_DATA_DIR", str(tmp_path))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    status, _, err = run(capsys, "--format", "csv", "--output", tmp_path / "a.csv")
    assert (status, err) == (1, "there is nothing to export: publish first, or add --drafts\n")
    assert not (tmp_path / "a.csv").exists()


def test_a_text_that_does_not_fit_into_a_cell_is_told_and_nothing_is_written(
    citewell: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(citewell, [make_pair(short_answer="x" * 40_000)])
    status, _, err = run(capsys, "--format", "xlsx", "--output", citewell / "a.xlsx")
    assert status == 1
    assert "short_answer" in err
    assert "32,767 characters at most" in err
    assert not (citewell / "a.xlsx").exists()


def test_a_folder_that_cannot_be_made_is_told(
    citewell: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (citewell / "file").write_text("mine")
    status, _, err = run(capsys, "--format", "yaml", "--output", citewell / "file")
    assert status == 1
    assert str(citewell / "file") in err


def test_what_is_half_written_takes_no_place(tmp_path: Path) -> None:
    files = corpus_files(small_corpus())
    write_folder(tmp_path, files)
    with pytest.raises(ExportError):
        write_folder(tmp_path, files)
    assert sorted(path.name for path in tmp_path.iterdir()) == [file.name for file in files]


def test_the_archive_holds_one_file_per_topic(live: Engine) -> None:
    with transaction(live) as session:
        file = live_file(session, "zip")
    assert file is not None
    with zipfile.ZipFile(io.BytesIO(file.content)) as archive:
        assert archive.namelist() == ["flu.yml", "measles.yml", "stroke.yml"]
        assert {part.date_time[0] for part in archive.infolist()} == {1980}
