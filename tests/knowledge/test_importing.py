"""Files of entries into the store: told before, all or nothing, as drafts, and undone again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from knowledge import people, workflow
from knowledge.audit import read_audit
from knowledge.corpus_files import corpus_files, write_archive
from knowledge.entry import Status, Topic, TopicEntry
from knowledge.exchange import CorpusFile, read_corpus
from knowledge.importing import (
    LONGEST_TEXT,
    Flaw,
    ImportChanged,
    ImportedDrafts,
    Outcome,
    UnreadableFile,
    dry_run,
    import_drafts,
    past_imports,
    read_incoming,
    undo_import,
    without_review,
)
from knowledge.people import Member, NotAllowed, Role
from knowledge.schema import Person, Revision
from knowledge.settings import ROOT
from knowledge.store import FEW, live_release_id, transaction
from knowledge.workflow import EditConflict, State, WorkflowError
from tests.knowledge.small import make_pair
from tests.knowledge.test_spreadsheet import (
    as_csv,
    as_xlsx,
    cells,
    put,
    raw_csv,
    reviewed_pair,
)

SLEEP = "sleep-how-much"


def join(session: Session, name: str, *roles: Role) -> Member:
    """Let somebody in."""
    person = Person(email=f"{name.casefold()}@example.org", name=name)
    session.add(person)
    session.flush()
    for role in roles:
        people.grant(session, person.id, role, None, None)
    found = people.member(session, person.id)
    assert found is not None
    return found


def other_pair(name: str, **changes: Any) -> TopicEntry:
    """Return an entry that shares no wording with the sleep entry."""
    variants = [f"{name} wording number {number}" for number in range(10)]
    return make_pair(
        **{"id": name, "question": f"What is {name} about?", "variants": variants} | changes
    )


class Desk:
    """Alice writes, Rita reviews, Paul publishes; the sleep entry and another one are live."""

    def __init__(self, store: Engine) -> None:
        self.store = store
        with transaction(store) as session:
            self.alice = join(session, "Alice", Role.AUTHOR)
            self.rita = join(session, "Rita", Role.REVIEWER)
            self.paul = join(session, "Paul", Role.PUBLISHER)
            ids = [
                workflow.save_draft(session, self.alice, pair, None).id
                for pair in (make_pair(), other_pair("other"))
            ]
            for one in ids:
                workflow.submit(session, self.alice, one)
                workflow.approve(session, self.rita, one)
            workflow.release(session, self.paul, ids, "first")

    def revisions(self) -> list[tuple[str, int, str, int | None]]:
        """Return entry, number, state and basis of all revisions."""
        with transaction(self.store) as session:
            rows = session.scalars(sa.select(Revision).order_by(Revision.id)).all()
            return [(row.entry_id, row.number, row.state, row.based_on) for row in rows]

    def save(self, pair: TopicEntry, based_on: int | None) -> int:
        """Save a draft by Alice; return its id."""
        with transaction(self.store) as session:
            return workflow.save_draft(session, self.alice, pair, based_on).id


@pytest.fixture
def desk(store: Engine) -> Desk:
    """A content team with two live entries."""
    return Desk(store)


def edited() -> list[TopicEntry]:
    """Return what an editor brings back: one entry changed, one as it was, one new."""
    rows = cells(make_pair(), other_pair("other"), other_pair("third"))
    rows = put(rows, "short_answer", "Go to bed early.", row=2)
    rows = put(rows, "source1_section", "Before bed", row=2)
    return read_incoming("edited.csv", raw_csv(rows)).pairs


def test_a_dry_run_tells_what_would_happen_and_writes_nothing(desk: Desk) -> None:
    before = desk.revisions()
    with transaction(desk.store) as session:
        plan = dry_run(session, edited())
    told = [(one.entry_id, one.outcome, one.fields, one.based_on) for one in plan.entries]
    assert told == [
        (SLEEP, Outcome.CHANGED, ("short_answer", "sources"), 1),
        ("other", Outcome.UNCHANGED, (), 1),
        ("third", Outcome.NEW, (), None),
    ]
    assert [plan.count(one) for one in Outcome] == [1, 1, 1]
    assert not [fault for fault in plan.faults if fault.level == "error"]
    assert desk.revisions() == before


def test_a_dry_run_names_changes_of_the_topic(desk: Desk) -> None:
    topic = Topic(slug="sleep", title="Sleeping", aliases=("sleep",))
    with transaction(desk.store) as session:
        plan = dry_run(session, [TopicEntry(topic=topic, entry=make_pair().entry)])
    assert plan.entries[0].fields == ("topic.title",)


def test_a_dry_run_tells_what_the_checks_find_beside_the_live_entries(desk: Desk) -> None:
    dose = make_pair(short_answer="Take 500 mg twice a day and you will be cured.")
    same = other_pair("third", question="What is other about?")
    with transaction(desk.store) as session:
        plan = dry_run(session, [dose, same])
    errors = {(one.entry, one.field) for one in plan.faults if one.level == "error"}
    assert errors == {(SLEEP, "short_answer"), ("third", "question")}


def test_a_dry_run_finds_a_review_that_is_overdue(desk: Desk) -> None:
    pair = make_pair(short_answer="Go to bed early.")
    with transaction(desk.store) as session:
        in_time = dry_run(session, [pair], date(2098, 12, 31)).faults
        overdue = dry_run(session, [pair], date(2099, 1, 2)).faults
    assert {one.field for one in overdue} - {one.field for one in in_time} == {"review_due"}


def test_an_import_lands_as_drafts_and_makes_nothing_live(desk: Desk) -> None:
    with transaction(desk.store) as session:
        live = live_release_id(session)
        done = import_drafts(session, desk.alice, edited())
        revisions = [session.get(Revision, one) for one in done.revision_ids]
        bodies = [TopicEntry.model_validate(one.body) for one in revisions if one]
    assert (done.new, done.changed, done.unchanged) == (1, 1, 1)
    assert bodies == [edited()[0], edited()[2]]
    assert desk.revisions()[2:] == [(SLEEP, 2, "draft", 1), ("third", 1, "draft", None)]
    with transaction(desk.store) as session:
        assert live_release_id(session) == live
        found = workflow.live_revision(session, SLEEP, "en")
        assert found is not None
        assert found.number == 1


def test_a_second_import_of_the_same_file_does_nothing(desk: Desk) -> None:
    with transaction(desk.store) as session:
        import_drafts(session, desk.alice, edited())
    before = desk.revisions()
    with transaction(desk.store) as session:
        assert import_drafts(session, desk.alice, edited()) == ImportedDrafts(0, 0, 3, ())
    assert desk.revisions() == before


def test_only_an_author_imports_even_where_nothing_is_different(desk: Desk) -> None:
    before = desk.revisions()
    for pairs in (edited(), [make_pair()]):
        with pytest.raises(NotAllowed), transaction(desk.store) as session:
            import_drafts(session, desk.rita, pairs)
    assert desk.revisions() == before


def test_an_edit_after_the_dry_run_stops_the_whole_import(desk: Desk) -> None:
    pairs = list(reversed(edited()))  # so that others were written before the conflict
    with transaction(desk.store) as session:
        plan = dry_run(session, pairs)
    desk.save(make_pair(short_answer="Somebody else's words."), 1)
    before = desk.revisions()
    with (
        pytest.raises(ImportChanged, match="somebody saved one of its answers in between"),
        transaction(desk.store) as session,
    ):
        import_drafts(session, desk.alice, pairs, plan.checked)
    assert desk.revisions() == before


def test_another_file_than_the_one_checked_is_not_imported(desk: Desk) -> None:
    with transaction(desk.store) as session:
        checked = dry_run(session, edited()).checked
    other = [*edited()[:2], other_pair("third", short_answer="Words that nobody checked.")]
    before = desk.revisions()
    for pairs in (other, edited()[:2], list(reversed(edited()))):
        with pytest.raises(ImportChanged), transaction(desk.store) as session:
            import_drafts(session, desk.alice, pairs, checked)
    assert desk.revisions() == before


def test_an_edit_at_the_very_moment_stops_the_whole_import(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def save_late(session: Session, member: Member, *rest: Any) -> Revision:
        """Save as ever, after somebody else saved the same answer."""
        monkeypatch.undo()
        theirs = make_pair(short_answer="Somebody else's words.")
        workflow.save_draft(session, desk.alice, theirs, 1)
        return workflow.save_draft(session, member, *rest)

    before = desk.revisions()
    monkeypatch.setattr("knowledge.importing.save_draft", save_late)
    with (
        pytest.raises(EditConflict, match="revision 2 is newer than"),
        transaction(desk.store) as session,
    ):
        import_drafts(session, desk.alice, edited())
    assert desk.revisions() == before


def test_an_import_as_the_dry_run_told_lands(desk: Desk) -> None:
    with transaction(desk.store) as session:
        plan = dry_run(session, edited())
    with transaction(desk.store) as session:
        done = import_drafts(session, desk.alice, edited(), plan.checked)
    assert len(done.revision_ids) == 2


def test_a_draft_that_would_be_replaced_is_told(desk: Desk) -> None:
    desk.save(make_pair(short_answer="Somebody else's words."), 1)
    with transaction(desk.store) as session:
        plan = dry_run(session, edited())
        import_drafts(session, desk.alice, edited(), plan.checked)
    assert [one.is_open for one in plan.entries] == [True, False, False]
    assert (SLEEP, 2, State.REPLACED.value, 1) in desk.revisions()


def test_words_that_were_put_away_do_not_count(desk: Desk) -> None:
    away = make_pair(short_answer="Put away.")
    revision_id = desk.save(away, 1)
    with transaction(desk.store) as session:
        workflow.discard(session, desk.alice, revision_id)
        as_it_was, again = dry_run(session, [make_pair()]), dry_run(session, [away])
        done = import_drafts(session, desk.alice, [away])
    assert as_it_was.entries[0].outcome is Outcome.UNCHANGED
    assert again.entries[0].outcome is Outcome.CHANGED
    assert again.entries[0].fields == ("short_answer",)
    assert done.changed == 1
    assert desk.revisions()[-1] == (SLEEP, 3, "draft", 2)


def test_an_entry_of_which_all_was_put_away_is_new_again(desk: Desk) -> None:
    revision_id = desk.save(other_pair("third"), None)
    with transaction(desk.store) as session:
        workflow.discard(session, desk.alice, revision_id)
        plan = dry_run(session, [other_pair("third")])
        done = import_drafts(session, desk.alice, [other_pair("third")], plan.checked)
    assert (plan.entries[0].outcome, plan.entries[0].based_on) == (Outcome.NEW, 1)
    assert done.new == 1


def test_another_locale_is_another_entry(desk: Desk) -> None:
    topic = Topic(slug="sleep", title="Sueño", aliases=("sueño",), locale="es")
    pair = TopicEntry(topic=topic, entry=make_pair().entry)
    with transaction(desk.store) as session:
        plan = dry_run(session, [pair, make_pair()])
    assert [one.outcome for one in plan.entries] == [Outcome.NEW, Outcome.UNCHANGED]


def test_many_entries_are_compared_in_several_goes(desk: Desk) -> None:
    folder = ROOT / "knowledge" / "corpus"
    known = [item.topic_entry for item in read_corpus(folder)][:20]
    with transaction(desk.store) as session:
        import_drafts(session, desk.alice, read_incoming("a.csv", as_csv(known)).pairs)
    topic = Topic(slug="sleep", title="Sleep", aliases=("sleep",))
    entry = make_pair().entry
    fresh = [
        TopicEntry(topic=topic, entry=entry.model_copy(update={"id": f"fresh-{number}"}))
        for number in range(FEW)
    ]
    with transaction(desk.store) as session:
        plan = dry_run(session, [*fresh, *read_incoming("a.xlsx", as_xlsx(known)).pairs])
    told = [one.outcome for one in plan.entries]
    assert told == [Outcome.NEW] * FEW + [Outcome.UNCHANGED] * 20


# --- reviews are for the console ------------------------------------------------------------------


def sign(desk: Desk) -> TopicEntry:
    """Let Rita sign the sleep entry and make it live; return what it says then."""
    revision_id = desk.save(make_pair(short_answer="Go to bed early."), 1)
    with transaction(desk.store) as session:
        people.set_credentials(session, desk.rita.id, "registered nurse", None)
        rita = people.member(session, desk.rita.id)
        assert rita is not None
        workflow.submit(session, desk.alice, revision_id)
        signed = workflow.approve(session, rita, revision_id, signed_on=date(2098, 7, 2))
        workflow.release(session, desk.paul, [signed], "signed")
        pair = TopicEntry.model_validate(session.get_one(Revision, signed).body)
    assert pair.entry.status is Status.CLINICIAN_REVIEWED
    return pair


def test_a_review_that_a_file_claims_is_not_taken_over_and_that_is_said(desk: Desk) -> None:
    claimed = reviewed_pair()
    with transaction(desk.store) as session:
        plan = dry_run(session, [claimed])
        done = import_drafts(session, desk.alice, [claimed], plan.checked)
        saved = session.get_one(Revision, done.revision_ids[0])
        entry = TopicEntry.model_validate(saved.body).entry
    assert (entry.status, entry.last_reviewed, entry.reviewed_by) == ("source_checked", None, ())
    assert entry.short_answer == claimed.entry.short_answer
    (note,) = plan.notes
    assert note.startswith("1 answer says in this file that somebody reviewed it.")
    with transaction(desk.store) as session:
        again = dry_run(session, [claimed])
    assert again.changes == []
    assert again.notes == plan.notes


def test_a_file_without_claims_has_no_note(desk: Desk) -> None:
    with transaction(desk.store) as session:
        assert dry_run(session, edited()).notes == ()


def test_what_was_signed_comes_back_unchanged_whether_the_file_knows_of_it_or_not(
    desk: Desk,
) -> None:
    signed = sign(desk)
    with transaction(desk.store) as session:
        for pair in (signed, without_review(signed)):
            plan = dry_run(session, [pair])
            assert [one.outcome for one in plan.entries] == [Outcome.UNCHANGED]
            assert plan.notes == ()
            assert import_drafts(session, desk.alice, [pair]) == ImportedDrafts(0, 0, 1, ())


def test_other_words_than_those_signed_lose_the_signature_and_that_is_told(desk: Desk) -> None:
    signed = sign(desk)
    entry = signed.entry.model_copy(update={"short_answer": "Keep the room dark."})
    with transaction(desk.store) as session:
        plan = dry_run(session, [signed.model_copy(update={"entry": entry})])
    assert set(plan.entries[0].fields) == {
        "short_answer",
        "status",
        "last_reviewed",
        "reviewed_by",
    }
    assert plan.notes


# --- files ----------------------------------------------------------------------------------------


def as_zip(pairs: Sequence[TopicEntry]) -> bytes:
    """Return entries as corpus files in an archive."""
    return write_archive(corpus_files(pairs))


def flaws_of(name: str, content: bytes) -> tuple[Flaw, ...]:
    """Return what is wrong with a file."""
    with pytest.raises(UnreadableFile) as caught:
        read_incoming(name, content)
    return caught.value.flaws


def yaml_of(pair: TopicEntry) -> str:
    """Return an entry as a corpus file."""
    return corpus_files([pair])[0].content.decode()


def line_with(text: str, piece: str) -> int:
    """Return the number of the line that holds a piece."""
    return next(number for number, line in enumerate(text.splitlines(), 1) if piece in line)


def test_every_format_brings_the_same_entries() -> None:
    pairs = [make_pair(), replace_id(reviewed_pair(), "other")]
    topic = pairs[1].topic
    pairs[0] = pairs[0].model_copy(update={"topic": topic})
    files = {"a.csv": as_csv(pairs), "a.xlsx": as_xlsx(pairs), "a.zip": as_zip(pairs)}
    (file,) = corpus_files(pairs)
    files |= {"sleep (1).yml": file.content, "A.YAML": file.content}
    for name, content in files.items():
        found = read_incoming(name, content).pairs
        assert sorted(found, key=by_id) == sorted(pairs, key=by_id), name


def replace_id(pair: TopicEntry, entry_id: str) -> TopicEntry:
    """Return an entry under another id."""
    return pair.model_copy(update={"entry": pair.entry.model_copy(update={"id": entry_id})})


def by_id(pair: TopicEntry) -> str:
    """Return the id of an entry."""
    return pair.entry.id


def test_a_wrong_cell_is_told_by_row_and_column() -> None:
    (flaw,) = flaws_of("a.csv", raw_csv(put(cells(make_pair()), "aspect", "story")))
    assert (flaw.row, flaw.field, flaw.entry, flaw.line) == (2, "aspect", SLEEP, 0)
    assert flaw.place == f"row 2, {SLEEP}, column aspect"


def test_a_wrong_field_is_told_by_file_and_line() -> None:
    text = yaml_of(make_pair()).replace("aspect: overview", "aspect: story")
    line = line_with(text, "aspect: story")
    for name, content in (
        ("sleep.yml", text.encode()),
        ("all.zip", write_archive([CorpusFile("sleep.yml", text.encode())])),
    ):
        (flaw,) = flaws_of(name, content)
        assert (flaw.file, flaw.line, flaw.entry, flaw.field) == (
            "sleep.yml",
            line,
            SLEEP,
            "aspect",
        )
        assert flaw.place == f"sleep.yml:{line}, {SLEEP}, aspect"


@pytest.mark.parametrize(
    ("name", "column", "field"),
    [
        ("a.csv", "detail1_text", "details.0.text"),
        ("a.csv", "topic_title", "title"),
        ("a.csv", "source1_title", "sources.0.title"),
        ("a.csv", "variants", "variants.0"),
    ],
)
def test_a_pasted_book_is_refused_with_its_place_and_the_limit(
    name: str, column: str, field: str
) -> None:
    book = "A long story. " * 400_000
    rows = put(cells(make_pair()), column, book)
    if column == "variants":
        rows = put(rows, column, f"{book}\nb\nc")
    (flaw,) = flaws_of(name, raw_csv(rows))
    assert (flaw.row, flaw.field) == (2, column)
    assert flaw.message.startswith(f"is too long: {LONGEST_TEXT:,} characters at most, this has 5,")
    short = yaml_of(make_pair(short_answer="y" * LONGEST_TEXT))
    assert read_incoming("sleep.yml", short.encode()).pairs
    text = yaml_of(make_pair(short_answer="y" * (LONGEST_TEXT + 1)))
    (flaw,) = flaws_of("sleep.yml", text.encode())
    assert (flaw.line, flaw.field) == (line_with(text, "short_answer"), "short_answer")


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_delimiter_and_mark_do_not_matter(delimiter: str, mark: bytes) -> None:
    content = mark + raw_csv(cells(make_pair()), delimiter)
    assert read_incoming("a.csv", content).pairs == [make_pair()]
    assert read_incoming("sleep.yml", mark + yaml_of(make_pair()).encode()).pairs == [make_pair()]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"a,b\n1,2\n", "there is no such column"),
        ("a.csv", b"", "the file is empty"),
        ("a.pdf", b"%PDF-1.7", "neither .csv nor .xlsx"),
        ("a.yml", b"", "needs `topic:`"),
        ("a.yml", b"- a\n", "needs `topic:`"),
        ("a.yml", b"a: [", "broken YAML"),
        ("a.yml", b"\xff\xfea", "not UTF-8"),
        ("a.yml", b"[" * 200_000, "nested too deeply"),
        ("a.yml", b"a: " + b"1:" * 300_000 + b"1", "a number is too long"),
        ("a.yml", b"a: " + b"9" * 5_000, "a number is too long"),
        ("a.yml", b"#" * 1_000_001, "larger than 1000000 bytes"),
        ("a.zip", b"PK", "is no zip archive"),
        ("a.zip", b"x" * 20_000_001, "20 MB at most"),
    ],
)
def test_what_is_no_file_of_ours_is_refused_with_a_sentence(
    name: str, content: bytes, message: str
) -> None:
    found = flaws_of(name, content)
    assert any(message in flaw.message for flaw in found), found[:3]


@pytest.mark.parametrize("kind", ["csv", "zip"])
def test_what_the_checks_find_has_its_place_in_the_file(desk: Desk, kind: str) -> None:
    topic = Topic(slug="sleep", title="Sleep", aliases=("sleep",), related=("no-such-topic",))
    pairs = [
        make_pair(short_answer="Take 500 mg twice a day."),
        other_pair("third", details=[{"text": "Take 2 tablets.", "cite": ["s1"]}]),
    ]
    pairs = [pair.model_copy(update={"topic": topic}) for pair in pairs]
    content = as_csv(pairs) if kind == "csv" else as_zip(pairs)
    incoming = read_incoming(f"a.{kind}", content)
    with transaction(desk.store) as session:
        flaws = incoming.placed(dry_run(session, incoming.pairs).faults)
    errors = {(one.entry, one.row, one.field) for one in flaws if one.level == "error"}
    if kind == "csv":
        assert {
            (SLEEP, 2, "short_answer"),
            (SLEEP, 2, "topic_related"),
            ("third", 3, "detail1_text"),
        } <= errors
        return
    assert {
        (SLEEP, 0, "short_answer"),
        ("", 0, "related.0"),
        ("third", 0, "details.0.text"),
    } <= errors
    text = corpus_files(pairs)[0].content.decode()
    lines = {one.field: (one.file, one.line) for one in flaws}
    assert lines["short_answer"] == ("sleep.yml", line_with(text, "Take 500 mg"))
    assert lines["related.0"] == ("sleep.yml", line_with(text, "no-such-topic"))


# --- undoing --------------------------------------------------------------------------------------


def imported(desk: Desk, source: str = "edited.csv") -> int:
    """Import the edited file; return the id of the import."""
    with transaction(desk.store) as session:
        done = import_drafts(session, desk.alice, edited(), source=source)
    assert done.import_id is not None
    return done.import_id


def test_an_import_is_in_the_record_with_its_drafts(desk: Desk) -> None:
    import_id = imported(desk, "edi\u202eted\n.csv")
    with transaction(desk.store) as session:
        ((number, line),) = read_audit(session, area="import")
        drafts = session.scalars(sa.select(Revision.id).where(Revision.state == "draft")).all()
        (past,) = past_imports(session)
    assert (number, line.who, line.action, line.subject) == (
        import_id,
        "Alice",
        "import.made",
        "edited.csv",
    )
    assert line.detail == {"new": 1, "changed": 1, "revisions": [f"{drafts[0]}-{drafts[1]}"]}
    assert (past.id, past.who, past.source, past.drafts, past.waiting) == (
        import_id,
        "Alice",
        "edited.csv",
        2,
        2,
    )


def test_an_import_that_makes_no_draft_is_not_in_the_record(desk: Desk) -> None:
    with transaction(desk.store) as session:
        import_drafts(session, desk.alice, [make_pair()])
        assert past_imports(session) == []


def test_undoing_puts_all_drafts_of_the_import_away_and_nothing_else(desk: Desk) -> None:
    own = desk.save(other_pair("own"), None)
    import_id = imported(desk)
    with transaction(desk.store) as session:
        live = live_release_id(session)
        done = undo_import(session, desk.alice, import_id)
    assert (done.put_away, done.left) == (2, ())
    states = {(entry, number): state for entry, number, state, _ in desk.revisions()}
    assert states[SLEEP, 2] == states["third", 1] == "discarded"
    assert states["own", 1] == "draft"
    with transaction(desk.store) as session:
        assert live_release_id(session) == live
        assert session.get_one(Revision, own).state == "draft"
        (past,) = past_imports(session)
        ((_, line),) = read_audit(session, area="import", limit=1)
    assert past.waiting == 0
    assert (line.action, line.subject) == ("import.undone", str(import_id))
    assert line.detail == {"put_away": 2, "left": []}


def test_what_somebody_moved_on_stays(desk: Desk) -> None:
    import_id = imported(desk)
    with transaction(desk.store) as session:
        revision = workflow.newest_revision(session, "third", "en")
        assert revision is not None
        workflow.submit(session, desk.alice, revision.id)
        done = undo_import(session, desk.alice, import_id)
    assert (done.put_away, done.left) == (1, ("third (en)",))
    states = {(entry, number): state for entry, number, state, _ in desk.revisions()}
    assert states["third", 1] == "in_review"


def test_what_somebody_changed_further_stays(desk: Desk) -> None:
    import_id = imported(desk)
    desk.save(make_pair(short_answer="Better words."), 2)
    with transaction(desk.store) as session:
        done = undo_import(session, desk.alice, import_id)
    assert done.left == (f"{SLEEP} (en)",)
    assert (SLEEP, 3, "draft", 2) in desk.revisions()


def test_an_import_is_undone_once(desk: Desk) -> None:
    import_id = imported(desk)
    with transaction(desk.store) as session:
        undo_import(session, desk.alice, import_id)
    before = desk.revisions()
    with pytest.raises(WorkflowError, match="undone already"), transaction(desk.store) as session:
        undo_import(session, desk.alice, import_id)
    assert desk.revisions() == before


def test_only_an_author_undoes_and_only_an_import(desk: Desk) -> None:
    import_id = imported(desk)
    before = desk.revisions()
    with pytest.raises(NotAllowed), transaction(desk.store) as session:
        undo_import(session, desk.rita, import_id)
    for number in (1, 10**6):
        with (
            pytest.raises(WorkflowError, match=f"there is no import {number}"),
            transaction(desk.store) as session,
        ):
            undo_import(session, desk.alice, number)
    assert desk.revisions() == before


def test_an_import_after_an_undone_one_makes_the_drafts_anew(desk: Desk) -> None:
    import_id = imported(desk)
    with transaction(desk.store) as session:
        undo_import(session, desk.alice, import_id)
    with transaction(desk.store) as session:
        done = import_drafts(session, desk.alice, edited())
    assert len(done.revision_ids) == 2
    assert desk.revisions()[-2:] == [(SLEEP, 3, "draft", 2), ("third", 2, "draft", 1)]
