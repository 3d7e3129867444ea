"""Corpus files: all or nothing, and every fault with its file, line, entry and field."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from knowledge.exchange import MAX_FILE_BYTES, CorpusError, Fault, read_corpus
from tests.knowledge.small import CORPUS

Edit = Callable[[str, str], None]


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """A copy of the small corpus that a test may spoil."""
    folder = tmp_path / "corpus"
    shutil.copytree(CORPUS, folder)
    return folder


@pytest.fixture
def edit(corpus: Path) -> Edit:
    """Replace one piece of measles.yml."""

    def replace(old: str, new: str) -> None:
        file = corpus / "measles.yml"
        text = file.read_text(encoding="utf-8")
        assert old in text
        file.write_text(text.replace(old, new, 1), encoding="utf-8")

    return replace


def faults_of(folder: Path) -> tuple[Fault, ...]:
    with pytest.raises(CorpusError) as caught:
        read_corpus(folder)
    return caught.value.faults


def line_with(folder: Path, piece: str, name: str = "measles.yml") -> int:
    lines = (folder / name).read_text(encoding="utf-8").splitlines()
    return next(number for number, line in enumerate(lines, start=1) if piece in line)


def test_it_reads_the_files_in_order_with_their_topics() -> None:
    located = read_corpus(CORPUS)
    assert [(item.file, item.topic_entry.entry.id) for item in located] == [
        ("flu.yml", "flu-symptoms"),
        ("flu.yml", "flu-spread"),
        ("flu.yml", "flu-shot-myth"),
        ("measles.yml", "measles-symptoms"),
        ("measles.yml", "measles-vaccine"),
        ("stroke.yml", "stroke-signs"),
    ]
    assert located[3].topic_entry.topic.aliases == ("measles", "rubeola")
    assert located[3].topic_entry.topic.related == ("flu",)


def test_it_knows_the_line_of_every_field(corpus: Path) -> None:
    second = read_corpus(corpus)[4]
    assert second.line("id") == line_with(corpus, "id: measles-vaccine")
    assert second.line("variants", 1) == line_with(corpus, "- mmr vaccine")
    assert second.line("review_due") == line_with(corpus, "review_due: 2026-11-10")


def test_it_gives_the_line_of_the_parent_where_a_field_is_missing(corpus: Path) -> None:
    second = read_corpus(corpus)[4]
    assert second.line("urgency", "colour") == second.line("urgency")
    assert second.line("variants", 99) == second.line("variants")


def test_it_refuses_a_folder_without_files(tmp_path: Path) -> None:
    (fault,) = faults_of(tmp_path)
    assert "add corpus files" in fault.message


def test_it_refuses_a_key_given_twice(corpus: Path, edit: Edit) -> None:
    edit("    aspect: vaccine\n", "    aspect: vaccine\n    aspect: risk\n")
    (fault,) = faults_of(corpus)
    assert (fault.field, fault.message) == ("aspect", "is given twice")
    assert fault.line == line_with(corpus, "aspect: risk")


def test_it_names_entry_field_and_line_of_a_wrong_value(corpus: Path, edit: Edit) -> None:
    edit("https://www.who.int/news-room", "ftp://www.who.int/news-room")
    (fault,) = faults_of(corpus)
    assert (fault.file, fault.entry, fault.field) == (
        "measles.yml",
        "measles-symptoms",
        "sources.0.url",
    )
    assert fault.line == line_with(corpus, "ftp://")
    assert str(fault).startswith(
        f"measles.yml:{fault.line}: error: measles-symptoms sources.0.url: "
    )


def test_it_tells_every_fault_of_every_file_at_once(corpus: Path, edit: Edit) -> None:
    edit("    aspect: vaccine", "    aspect: gossip")
    edit("    aspect: symptoms", "    aspect: rumour")
    (corpus / "stroke.yml").write_text("topic: stroke\n", encoding="utf-8")
    faults = faults_of(corpus)
    assert {(fault.file, fault.field) for fault in faults} == {
        ("measles.yml", "aspect"),
        ("stroke.yml", "title"),
        ("stroke.yml", "aliases"),
        ("stroke.yml", "entries"),
    }
    assert len([fault for fault in faults if fault.file == "measles.yml"]) == 2


def test_its_error_says_the_first_fault_and_how_many_follow(corpus: Path, edit: Edit) -> None:
    edit("    aspect: vaccine", "    aspect: gossip")
    edit("    aspect: symptoms", "    aspect: rumour")
    with pytest.raises(CorpusError, match=r"measles-symptoms aspect: .*\(and 1 more\)"):
        read_corpus(corpus)


def test_it_says_when_a_list_is_really_too_short(corpus: Path) -> None:
    file = corpus / "stroke.yml"
    text = file.read_text(encoding="utf-8")
    kept, dropped = text.index("      - signs of stroke"), text.index("    short_answer")
    file.write_text(text[:kept] + text[dropped:], encoding="utf-8")
    (fault,) = faults_of(corpus)
    assert (fault.entry, fault.field) == ("stroke-signs", "variants")
    assert "at least 3" in fault.message


def test_it_says_why_half_a_review_is_refused_without_pydantics_words(
    corpus: Path, edit: Edit
) -> None:
    edit("status: source_checked", "status: clinician_reviewed")
    (fault,) = faults_of(corpus)
    assert fault.message.startswith("clinician_reviewed, last_reviewed and reviewed_by go together")


def test_it_names_an_entry_without_id_by_its_number(corpus: Path, edit: Edit) -> None:
    edit("  - id: measles-vaccine\n    aspect", "  - aspect")
    (fault,) = faults_of(corpus)
    assert (fault.entry, fault.field) == ("entry 2", "id")


def test_it_refuses_an_entry_that_is_no_mapping(corpus: Path) -> None:
    with (corpus / "stroke.yml").open("a", encoding="utf-8") as file:
        file.write("  - just a sentence\n")
    (fault,) = faults_of(corpus)
    assert (fault.file, fault.entry) == ("stroke.yml", "?")
    assert fault.line == line_with(corpus, "just a sentence", "stroke.yml")


@pytest.mark.parametrize("entries", ["entries: []\n", "entries: none\n", ""])
def test_it_refuses_a_file_without_entries(corpus: Path, entries: str) -> None:
    head = 'topic: stroke\ntitle: Stroke\naliases: ["stroke"]\n'
    (corpus / "stroke.yml").write_text(head + entries, encoding="utf-8")
    (fault,) = faults_of(corpus)
    assert (fault.field, fault.message) == ("entries", "needs a list of entries")


def test_it_refuses_a_topic_that_is_not_the_file_name(corpus: Path, edit: Edit) -> None:
    edit("topic: measles", "topic: mumps")
    (fault,) = faults_of(corpus)
    assert (fault.line, fault.field) == (1, "topic")
    assert "they must agree" in fault.message


def in_spanish(corpus: Path, name: str) -> Path:
    """Copy a file into the folder of another language; return the copy."""
    text = (corpus / name).read_text(encoding="utf-8")
    head, rest = text.split("entries:", 1)
    head = "".join(line for line in head.splitlines(keepends=True) if "locale:" not in line)
    copy = corpus / "es" / name
    copy.parent.mkdir(exist_ok=True)
    copy.write_text(f"{head}locale: es\nentries:{rest}", encoding="utf-8")
    return copy


def test_it_reads_other_languages_from_folders_of_their_own(corpus: Path) -> None:
    in_spanish(corpus, "flu.yml")
    located = read_corpus(corpus)
    found = {(item.file, item.topic_entry.topic.locale) for item in located}
    assert {("es/flu.yml", "es"), ("flu.yml", "en")} <= found
    assert sum(item.topic_entry.entry.id == "flu-spread" for item in located) == 2


def test_it_refuses_a_language_that_is_not_the_folders(corpus: Path) -> None:
    copy = in_spanish(corpus, "flu.yml")
    copy.write_text(copy.read_text(encoding="utf-8").replace("locale: es", "locale: fr"))
    (fault,) = faults_of(corpus)
    assert (fault.file, fault.field) == ("es/flu.yml", "locale")
    assert fault.line == line_with(corpus, "locale: fr", "es/flu.yml")
    assert fault.message == "is 'fr' but the folder is es: they must agree"


def test_it_refuses_a_topic_that_has_two_files_in_one_language(corpus: Path) -> None:
    copy = in_spanish(corpus, "stroke.yml")
    text = copy.read_text(encoding="utf-8").replace("id: stroke-signs", "id: stroke-other")
    (corpus / "stroke.yml").write_text(text, encoding="utf-8")
    found = faults_of(corpus)
    assert [(fault.file, fault.field, fault.message) for fault in found] == [
        ("stroke.yml", "topic", "is already in es/stroke.yml: put its entries into one file")
    ]


def test_it_refuses_an_id_used_in_another_file_and_says_where(corpus: Path, edit: Edit) -> None:
    edit("id: measles-vaccine", "id: flu-spread")
    (fault,) = faults_of(corpus)
    place = line_with(corpus, "id: flu-spread", "flu.yml")
    assert (fault.file, fault.entry) == ("measles.yml", "flu-spread")
    assert fault.message == f"is already used in flu.yml:{place}"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"topic: [\n", "broken YAML"),
        (b"\xff\xfe", "not UTF-8"),
        (b"- a list\n", "needs `topic:`"),
        (b"", "needs `topic:`"),
        (b"topic: stroke\nentries: !!python/object:os.system {}\n", "a value cannot be read"),
        (b"topic: stroke\nreviewed: 2026-13-45\n", "a value cannot be read"),
        (b"? [a, b]\n: c\n", "a value cannot be read"),
        (b"#" * (MAX_FILE_BYTES + 1), "larger than"),
        (b"topic: " + b"[" * 100_000, "nested too deeply"),
        (b"- " * 100_000, "nested too deeply"),
        (b"topic: stroke\ntitle: " + b"1:" * 100_000 + b"1\n", "a number is too long"),
        (b"topic: stroke\ntitle: " + b"9" * 101 + b"\n", "a number is too long"),
    ],
)
def test_it_refuses_what_is_no_corpus_file(corpus: Path, content: bytes, message: str) -> None:
    (corpus / "stroke.yml").write_bytes(content)
    (fault,) = faults_of(corpus)
    assert fault.file == "stroke.yml"
    assert message in fault.message


def test_it_does_not_unfold_references_without_end(corpus: Path) -> None:
    levels = [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    bomb = "\n".join(["topic: stroke", "a0: &a0 [x]", *levels, ""])
    (corpus / "stroke.yml").write_text(bomb, encoding="utf-8")
    (fault,) = faults_of(corpus)
    assert "refers to another place" in fault.message


def test_it_refuses_a_file_that_cannot_be_opened(corpus: Path) -> None:
    (corpus / "zika.yml").symlink_to(corpus / "nowhere")
    (fault,) = faults_of(corpus)
    assert fault.message == "cannot be read: No such file or directory"
