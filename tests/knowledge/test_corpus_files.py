"""Entries as corpus files and back: exact, in the corpus's own form, and safe to unpack."""

from __future__ import annotations

import io
import random
import zipfile
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from knowledge.corpus_files import (
    MOST_FILES,
    MOST_UNPACKED_BYTES,
    WIDTH,
    corpus_files,
    read_archive,
    write_archive,
)
from knowledge.entry import Topic, TopicEntry
from knowledge.exchange import MAX_FILE_BYTES, CorpusError, CorpusFile, read_corpus, read_files
from knowledge.settings import ROOT
from tests.knowledge.small import make_pair
from tests.knowledge.test_spreadsheet import NASTY, nasty_pairs, reviewed_pair

SHIPPED = ROOT / "knowledge" / "corpus"


def back(pairs: list[TopicEntry]) -> list[TopicEntry]:
    """Return entries after a way through an archive."""
    content = write_archive(corpus_files(pairs))
    return [item.topic_entry for item in read_files(read_archive("all.zip", content))]


def by_id(pair: TopicEntry) -> str:
    """Return the id of an entry."""
    return pair.entry.id


@pytest.fixture(scope="module")
def shipped() -> list[TopicEntry]:
    """The shipped corpus."""
    return [item.topic_entry for item in read_corpus(SHIPPED)]


# --- nothing is lost ------------------------------------------------------------------------------


def test_the_shipped_corpus_survives_whole(shipped: list[TopicEntry]) -> None:
    assert len(shipped) > 300
    found = back(shipped)
    assert sorted(found, key=by_id) == sorted(shipped, key=by_id)
    # A second way changes no byte, so that a folder under version control stays as it is.
    assert corpus_files(found) == corpus_files(shipped)


def test_a_full_entry_survives_whole() -> None:
    assert back([reviewed_pair()]) == [reviewed_pair()]


@pytest.mark.parametrize("text", NASTY)
def test_each_nasty_text_survives_in_a_text_and_in_a_list(text: str) -> None:
    pair = make_pair(short_answer=text, variants=["a", text, "b"])
    assert back([pair]) == [pair]


@given(nasty_pairs())
@settings(max_examples=80, deadline=None)
def test_any_text_survives(pair: TopicEntry) -> None:
    assert back([pair]) == [pair]


LONG = st.lists(
    st.sampled_from(
        ["word", "a: b", "# no comment", "-", "  two", "'quoted'", "\n", "\u2028", "é"]
    ),
    min_size=20,
    max_size=60,
).map(" ".join)


@given(LONG)
@settings(max_examples=80, deadline=None)
def test_a_long_text_is_folded_and_comes_back(text: str) -> None:
    pair = make_pair(short_answer=text, seek_care=f"x{text}")
    assert back([pair]) == [pair]


@pytest.mark.parametrize(
    "text", ["true", "no", "null", "~", "1", "2026-09-30", "0x1f", "1:30", "=", "<<"]
)
def test_what_yaml_takes_for_something_else_stays_a_text(text: str) -> None:
    pair = make_pair(short_answer=text, variants=[text, "b", "c"])
    pair = pair.model_copy(update={"topic": Topic(slug="sleep", title=text, aliases=(text,))})
    assert back([pair]) == [pair]


# --- in the form of the corpus --------------------------------------------------------------------


def test_a_file_looks_like_the_corpus() -> None:
    long = "Go to bed at the same time each night. " * 4
    topic = Topic(slug="sleep", title="Sleep", aliases=("sleep", "slumber"), related=("stress",))
    pair = make_pair(short_answer=long.strip())
    (file,) = corpus_files([pair.model_copy(update={"topic": topic})])
    assert file.name == "sleep.yml"
    lines = file.content.decode().splitlines()
    assert lines[:8] == [
        "topic: sleep",
        "title: Sleep",
        "aliases: [sleep, slumber]",
        "related: [stress]",
        "locale: en",
        "entries:",
        "  - id: sleep-how-much",
        "    aspect: overview",
    ]
    assert "    short_answer: >-" in lines
    assert "        cite: [s1]" in lines
    assert "        checked_on: '2026-09-30'" in lines
    assert "    date_created: 2098-07-01" in lines
    assert max(map(len, lines)) <= WIDTH + 12
    assert not [line for line in lines if line.strip().startswith(("compared", "exception"))]


def test_topics_have_a_file_each_and_other_languages_a_folder(tmp_path: Path) -> None:
    spanish = Topic(slug="sleep", title="Sueño", aliases=("sueño",), locale="es")
    pairs = [
        make_pair(),
        make_pair(id="sleep-less"),
        TopicEntry(topic=spanish, entry=make_pair().entry),
        make_pair(id="b").model_copy(update={"topic": Topic(slug="b", title="B", aliases=("b",))}),
    ]
    files = corpus_files(pairs)
    assert [file.name for file in files] == ["b.yml", "es/sleep.yml", "sleep.yml"]
    for file in files:
        path = tmp_path / file.name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(file.content)
    located = read_corpus(tmp_path)
    assert sorted((item.file, item.topic_entry.entry.id) for item in located) == [
        ("b.yml", "b"),
        ("es/sleep.yml", "sleep-how-much"),
        ("sleep.yml", "sleep-how-much"),
        ("sleep.yml", "sleep-less"),
    ]


def test_entries_that_do_not_agree_about_their_topic_are_not_written() -> None:
    other = Topic(slug="sleep", title="Sleeping", aliases=("sleep",))
    pairs = [make_pair(), make_pair(id="z").model_copy(update={"topic": other})]
    with pytest.raises(ValueError, match="z: differs from sleep-how-much about their topic"):
        corpus_files(pairs)


def test_no_reference_is_written_which_the_reader_would_refuse() -> None:
    pair = make_pair(variants=["same", "same ", "same  "], date_modified="2098-07-01")
    (file,) = corpus_files([pair])
    assert b"&" not in file.content
    assert b"*" not in file.content


def test_the_same_entries_give_the_same_archive() -> None:
    first, second = (write_archive(corpus_files([make_pair()])) for _ in range(2))
    assert first == second


# --- archives from elsewhere ----------------------------------------------------------------------


GOOD = corpus_files([make_pair()])[0].content


def packed_as(files: dict[str, bytes]) -> bytes:
    """Return files as an archive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def messages_of(content: bytes) -> list[str]:
    """Return what is wrong with an archive."""
    with pytest.raises(CorpusError) as caught:
        read_archive("all.zip", content)
    assert {fault.file for fault in caught.value.faults} == {"all.zip"}
    return [fault.message for fault in caught.value.faults]


def test_a_folder_around_the_files_and_what_systems_add_do_not_matter() -> None:
    content = packed_as(
        {
            "corpus/": b"",
            "corpus/sleep.yml": GOOD,
            "corpus/.DS_Store": b"x",
            "__MACOSX/corpus/._sleep.yml": b"x",
        }
    )
    assert read_archive("all.zip", content) == [CorpusFile("sleep.yml", GOOD)]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("../sleep.yml", "leads elsewhere"),
        ("a/../../sleep.yml", "leads elsewhere"),
        ("/etc/sleep.yml", "leads elsewhere"),
        ("..\\sleep.yml", "leads elsewhere"),
        ("C:\\sleep.yml", "leads elsewhere"),
        ("a//sleep.yml", "leads elsewhere"),
        ("sl\u202eeep.yml", "leads elsewhere"),
        ("sleep.yaml", "is no corpus file"),
        ("sleep.exe", "is no corpus file"),
        ("inner.zip", "is no corpus file"),
    ],
)
def test_a_name_that_leads_elsewhere_or_is_none_of_ours_is_refused(name: str, message: str) -> None:
    (told,) = messages_of(packed_as({"other.yml": GOOD, name: GOOD}))
    assert message in told
    assert told.isprintable()


def test_a_file_too_deep_is_refused() -> None:
    content = packed_as({"a/b/sleep.yml": GOOD, "sleep.yml": GOOD, "b.yml": GOOD})
    assert "is no corpus file" in messages_of(content)[0]


def test_a_name_that_is_there_twice_is_refused() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("sleep.yml", GOOD)
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("sleep.yml", GOOD)
    (told,) = messages_of(buffer.getvalue())
    assert told == "“sleep.yml” is there 2 times"


def test_too_many_files_are_refused() -> None:
    content = packed_as({f"a{number}.yml": b"" for number in range(MOST_FILES + 1)})
    assert messages_of(content) == ["2,000 files at most, this has 2,001"]


def test_an_archive_that_unfolds_without_end_is_refused_on_the_way() -> None:
    count = MOST_UNPACKED_BYTES // MAX_FILE_BYTES + 2
    content = packed_as({f"a{number}.yml": bytes(MAX_FILE_BYTES) for number in range(count)})
    assert len(content) < 1_000_000
    assert messages_of(content) == ["50 MB at most when unpacked: divide it into several"]


def test_one_file_that_unfolds_without_end_is_read_up_to_the_limit_only() -> None:
    content = packed_as({"sleep.yml": b"#" * 80_000_000})
    (file,) = read_archive("all.zip", content)
    assert len(file.content) == MAX_FILE_BYTES + 1
    with pytest.raises(CorpusError, match="larger than 1000000 bytes"):
        read_files([file])


def test_a_password_is_named() -> None:
    content = bytearray(packed_as({"sleep.yml": GOOD}))
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(mark) + place] |= 1
    assert messages_of(bytes(content)) == ["sleep.yml has a password: pack it without one"]


@pytest.mark.parametrize("content", [b"", b"PK", b"PK\x03\x04" + b"x" * 99, b"not a zip"])
def test_what_is_no_archive_is_refused(content: bytes) -> None:
    assert messages_of(content) == ["is no zip archive, or it is damaged: pack it anew"]


def test_an_archive_without_files_is_refused() -> None:
    assert messages_of(packed_as({"corpus/": b""})) == [
        "holds no file: put corpus files in, such as flu.yml"
    ]


def test_a_damaged_archive_is_refused_or_read_and_nothing_else() -> None:
    whole = packed_as({"sleep.yml": GOOD, "b.yml": GOOD})
    dice = random.Random(7)  # noqa: S311
    refused = 0
    for _ in range(80):
        damaged = bytearray(whole)
        for _ in range(dice.randint(1, 8)):
            damaged[dice.randrange(len(damaged))] = dice.randrange(256)
        try:
            read_archive("a.zip", bytes(damaged[: dice.randint(len(whole) // 2, len(whole) * 2)]))
        except CorpusError:
            refused += 1
    assert refused > 40


def test_what_is_written_is_plain_yaml() -> None:
    data = yaml.safe_load(GOOD)
    assert data["entries"][0]["id"] == "sleep-how-much"
    assert data["entries"][0]["urgency"] == {"level": "none", "action": None}
