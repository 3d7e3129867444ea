"""Entries as CSV and XLSX and back: nothing is lost, and what is wrong is told with its place."""

from __future__ import annotations

import csv
import io
import random
import re
import types
import typing
import zipfile
from collections.abc import Callable, Sequence
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook
from pydantic import BaseModel

from knowledge.entry import Entry, Topic, TopicEntry
from knowledge.exchange import read_corpus
from knowledge.settings import ROOT
from knowledge.spreadsheet import (
    GROUPS,
    LAYOUT,
    LONGEST_CELL,
    MOST_BYTES,
    MOST_ROWS,
    Column,
    Problem,
    SpreadsheetError,
    export_rows,
    read_content,
    read_spreadsheet,
    write_csv,
    write_xlsx,
)
from tests.knowledge.small import entry_data, make_pair

SHEET_XML = "xl/worksheets/sheet1.xml"
MAIN = b"http://schemas.openxmlformats.org/spreadsheetml/2006/main"
NASTY = (
    '=1+1 "quoted"; and, more',
    "'=1+1 after an apostrophe",
    "''-1",
    "'plain apostrophe",
    "+1",
    "-1",
    "@SUM(A1)",
    "\uff1d1",
    "line\nbreak\r\nand\rreturn",
    "tab\tinside",
    "\\n is no line break, \\\\ neither, nor \\u0041 \\x",
    "_x000D_ and _x005F_x000D_ and x005F_ and _x0041_x0042_",
    "bell \x07 null \x00 separator \x1c next line \x85 and \u2028 noncharacter \ufffe",
    "\x1cbegins and ends with what only Python strips\x1f",
    "\ufeffmark",
    "كم ساعة أنام؟ \u202eשלום\u202c 👩‍⚕️ e\u0301",
    "#N/A",
    "TRUE",
    "2026-09",
    "00112",
    "1e5",
    "; , \t ;",
)


def as_csv(pairs: Sequence[TopicEntry], delimiter: str = ",") -> bytes:
    """Return entries as the content of a CSV file."""
    buffer = io.BytesIO()
    write_csv(pairs, buffer, delimiter)
    return buffer.getvalue()


def as_xlsx(pairs: Sequence[TopicEntry]) -> bytes:
    """Return entries as the content of an XLSX file."""
    buffer = io.BytesIO()
    write_xlsx(pairs, buffer)
    return buffer.getvalue()


def raw_csv(rows: Sequence[Sequence[object]], delimiter: str = ",") -> bytes:
    """Return cells as CSV, as a spreadsheet program saves them."""
    buffer = io.StringIO(newline="")
    csv.writer(buffer, delimiter=delimiter).writerows(rows)
    return buffer.getvalue().encode()


def raw_xlsx(rows: Sequence[Sequence[Any]], *, title: str = "Sheet1") -> bytes:
    """Return cells as XLSX: text as text, and what is no text as what it is."""
    book = Workbook()
    sheet = book.worksheets[0]
    sheet.title = title
    for number, row in enumerate(rows, 1):
        for place, value in enumerate(row, 1):
            cell = sheet.cell(number, place)
            cell.value = value
            if isinstance(value, str) and not value.startswith("=FORMULA"):
                cell.data_type = "s"
    return saved(book)


def saved(book: Workbook) -> bytes:
    """Return a workbook as the content of a file."""
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def with_part(content: bytes, name: str, change: Callable[[bytes], bytes]) -> bytes:
    """Return an XLSX file, one of its parts changed."""
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as old,
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for part in old.namelist():
            data = old.read(part)
            new.writestr(part, change(data) if part == name else data)
    return buffer.getvalue()


def as_excel_saves(content: bytes) -> bytes:
    """Return an XLSX file with its texts in a table of their own, which is where Excel has them."""
    texts: list[bytes] = []

    def moved(match: re.Match[bytes]) -> bytes:
        texts.append(b"<si>%s</si>" % match[1])
        return b't="s"><v>%d</v></c>' % (len(texts) - 1)

    inline = re.compile(rb't="inlineStr"><is>(<t.*?</t>)</is></c>', re.DOTALL)
    content = with_part(content, SHEET_XML, lambda data: inline.sub(moved, data))
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
    override = f'<Override PartName="/xl/sharedStrings.xml" ContentType="{kind}"/></Types>'
    content = with_part(
        content, "[Content_Types].xml", lambda data: data.replace(b"</Types>", override.encode())
    )
    buffer = io.BytesIO(content)
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_DEFLATED) as archive:
        table = b'<sst xmlns="%s">%s</sst>' % (MAIN, b"".join(texts))
        archive.writestr("xl/sharedStrings.xml", table)
    assert texts
    return buffer.getvalue()


def cells_of(content: bytes) -> list[list[Any]]:
    """Return what the cells of an XLSX file show."""
    sheet = load_workbook(io.BytesIO(content)).worksheets[0]
    return [["" if cell.value is None else cell.value for cell in row] for row in sheet.rows]


def problems_of(name: str, content: bytes) -> tuple[Problem, ...]:
    """Return what is wrong with a file."""
    with pytest.raises(SpreadsheetError) as caught:
        read_content(name, content)
    return caught.value.problems


def reviewed_pair() -> TopicEntry:
    """Return an entry in which every field has a value."""
    source = {
        "publisher": "CDC",
        "title": "About Sleep",
        "url": "https://www.cdc.gov/sleep/about/index.html",
        "section": "What to do",
        "source_date": "2026-05-01",
        "evidence": "text_seen",
        "checked_on": "2026-09",
        "exception": "it moved",
    }
    entry = Entry.model_validate(
        entry_data(
            details=[
                {"text": "One.", "cite": ["s2", "s1"]},
                {"text": "Two.", "cite": ["s1"]},
                {"text": "Three.", "cite": ["s2"]},
            ],
            sources=[
                source | {"key": "s1"},
                source | {"key": "s2", "evidence": "url_only", "checked_on": None},
            ],
            seek_care="When you cannot sleep for a month.",
            urgency={"level": "urgent", "action": "Call a doctor."},
            audience="parents",
            region="US",
            myth={"claim": "Sleep is a waste.", "rating": "false"},
            conflict="CDC and WHO give other hours.",
            compared=[{"entry": "sleep-babies", "why": "Babies sleep more."}],
            last_reviewed="2098-07-01",
            reviewed_by=[
                {"name": "Rita", "role": "nurse", "credentials": "RN"},
                {"name": "Dora", "role": "doctor"},
            ],
            status="clinician_reviewed",
        )
    )
    topic = Topic(slug="sleep", title="Sleep", aliases=("sleep", "slumber"), related=("stress",))
    return TopicEntry(topic=topic, entry=entry)


@pytest.fixture(scope="module")
def corpus() -> list[TopicEntry]:
    """The shipped corpus."""
    return [item.topic_entry for item in read_corpus(ROOT / "knowledge" / "corpus")]


# --- nothing is lost ------------------------------------------------------------------------------


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_shipped_corpus_survives_csv(corpus: list[TopicEntry], delimiter: str) -> None:
    assert len(corpus) > 300
    assert read_content("corpus.csv", as_csv(corpus, delimiter)) == corpus


def test_the_shipped_corpus_survives_xlsx(corpus: list[TopicEntry]) -> None:
    assert read_content("corpus.xlsx", as_xlsx(corpus)) == corpus


def test_files_are_written_and_read_by_their_path(tmp_path: Path) -> None:
    pairs = [reviewed_pair(), make_pair()]
    pairs[1] = pairs[1].model_copy(update={"topic": Topic(slug="b", title="B", aliases=("b",))})
    pairs[1] = pairs[1].model_copy(update={"entry": pairs[1].entry.model_copy(update={"id": "b"})})
    write_csv(pairs, tmp_path / "a.csv", ";")
    write_xlsx(pairs, tmp_path / "a.xlsx")
    assert read_spreadsheet(tmp_path / "a.csv") == pairs
    assert read_spreadsheet(tmp_path / "a.xlsx") == pairs
    with pytest.raises(SpreadsheetError, match=r"none\.csv cannot be read: No such file"):
        read_spreadsheet(tmp_path / "none.csv")


def model_paths(model: type[BaseModel], path: tuple[str, ...] = ()) -> set[tuple[str, ...]]:
    """Return the paths of all fields of a model, those inside of models in it included."""
    found: set[tuple[str, ...]] = set()
    for name, field in model.model_fields.items():
        inner = [one for one in inner_types(field.annotation) if isinstance(one, type)]
        models = [one for one in inner if issubclass(one, BaseModel)]
        for one in models:
            found |= model_paths(one, (*path, name))
        if not models:
            found.add((*path, name))
    return found


def inner_types(annotation: Any) -> list[Any]:
    """Return the types that a type is made of."""
    origin = typing.get_origin(annotation)
    if origin in {typing.Union, types.UnionType, tuple, list}:
        return [one for arg in typing.get_args(annotation) for one in inner_types(arg)]
    return (
        inner_types(typing.get_args(annotation)[0]) if origin is typing.Annotated else [annotation]
    )


def test_every_field_of_an_entry_has_a_column() -> None:
    single = {part.path for part in LAYOUT if isinstance(part, Column)}
    grouped = {
        ("entry", group.field, *part.path) for group in GROUPS.values() for part in group.parts
    }
    assert single | grouped == model_paths(TopicEntry)


@pytest.mark.parametrize("write", [as_csv, as_xlsx])
def test_a_full_entry_survives_whole(write: Callable[[Sequence[TopicEntry]], bytes]) -> None:
    name = "a.csv" if write is as_csv else "a.xlsx"
    pair = reviewed_pair()
    assert all(value for value in pair.entry.model_dump().values())
    assert read_content(name, write([pair])) == [pair]


TEXTS = st.one_of(
    st.text(min_size=1, max_size=30),
    st.text(st.sampled_from("=+-@'\"\\;,\t\r\n x005FD_anru\x00\x1c\x85\u2028א"), min_size=1),
    st.sampled_from(NASTY),
).filter(lambda text: bool(text.strip().strip("\x1c\x1d\x1e\x1f")))


@st.composite
def nasty_pairs(draw: st.DrawFn) -> TopicEntry:
    """Draw an entry whose texts are hard to keep."""
    source = entry_data()["sources"][0] | {"title": draw(TEXTS), "section": draw(TEXTS)}
    pair = make_pair(
        question=f"Why {draw(TEXTS)}"[:100].strip() + "?",
        variants=draw(st.lists(TEXTS, min_size=3, max_size=5)),
        short_answer=draw(TEXTS),
        details=[{"text": text, "cite": ["s1"]} for text in draw(st.lists(TEXTS, max_size=3))],
        seek_care=draw(st.none() | TEXTS),
        urgency={"level": "urgent", "action": draw(TEXTS)},
        sources=[source],
        myth=draw(st.none() | st.builds(lambda text: {"claim": text, "rating": "false"}, TEXTS)),
        compared=[{"entry": "a-b", "why": text} for text in draw(st.lists(TEXTS, max_size=2))],
    )
    topic = Topic(
        slug="t", title=draw(TEXTS), aliases=tuple(draw(st.lists(TEXTS, min_size=1))[:20])
    )
    return TopicEntry(topic=topic, entry=pair.entry)


@given(nasty_pairs(), st.sampled_from(",;\t"))
@settings(max_examples=120, deadline=None)
def test_any_text_survives_csv_and_begins_no_formula(pair: TopicEntry, delimiter: str) -> None:
    content = as_csv([pair], delimiter)
    assert read_content("a.csv", content) == [pair]
    text = content.decode("utf-8-sig")
    for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
        assert not [cell for cell in row if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]


@given(nasty_pairs())
@settings(max_examples=50, deadline=None)
def test_any_text_survives_xlsx_and_is_no_formula(pair: TopicEntry) -> None:
    content = as_xlsx([pair])
    assert read_content("a.xlsx", content) == [pair]
    sheet = zipfile.ZipFile(io.BytesIO(content)).read(SHEET_XML)
    tags = set(re.findall(rb"<(\w+)", sheet))
    assert b"t" in tags
    assert not tags & {b"f", b"v"}


@pytest.mark.parametrize("text", NASTY)
def test_each_nasty_text_survives_in_a_text_and_in_a_list(text: str) -> None:
    pair = make_pair(short_answer=text, variants=["a", text, "b"])
    assert read_content("a.csv", as_csv([pair])) == [pair]
    assert read_content("a.xlsx", as_xlsx([pair])) == [pair]


@pytest.mark.parametrize("text", NASTY)
def test_a_file_saved_by_excel_or_in_the_other_format_says_the_same(text: str) -> None:
    pair = make_pair(short_answer=text, variants=["a", text, "b"])
    content = as_xlsx([pair])
    assert read_content("a.xlsx", as_excel_saves(content)) == [pair]
    assert read_content("a.csv", raw_csv(cells_of(content))) == [pair]
    cells = list(csv.reader(io.StringIO(as_csv([pair]).decode("utf-8-sig"), newline="")))
    assert read_content("a.xlsx", raw_xlsx(cells)) == [pair]


def test_excel_knows_the_csv_as_utf_8_and_sees_a_table_in_the_xlsx() -> None:
    assert as_csv([make_pair()]).startswith(b"\xef\xbb\xbf")
    book = load_workbook(io.BytesIO(as_xlsx([make_pair(short_answer="=1")])))
    sheet = book["Entries"]
    columns = {cell.value: cell for cell in sheet[1]}
    answer = sheet.cell(2, columns["short_answer"].column)
    assert sheet.freeze_panes == "C2"
    assert columns["id"].font.b
    assert answer.alignment.wrap_text
    assert answer.quotePrefix
    assert answer.data_type == "s"
    assert sheet.column_dimensions[columns["short_answer"].column_letter].width == 50
    assert sheet.cell(2, columns["source1_checked_on"].column).number_format == "@"


# --- what an editor does --------------------------------------------------------------------------


Cells = list[list[Any]]


def cells(*pairs: TopicEntry) -> Cells:
    """Return entries as cells to change."""
    return [list(row) for row in export_rows(pairs or [reviewed_pair()])]


def put(rows: Cells, name: str, value: object, row: int = 2) -> Cells:
    """Put a value into a cell, in a new column where there is none of that name."""
    if name not in rows[0]:
        for number, one in enumerate(rows):
            one.append(name if number == 0 else "")
    rows[row - 1][rows[0].index(name)] = value
    return rows


def without(rows: Cells, *names: str) -> Cells:
    """Return the cells without some columns."""
    kept = [place for place, name in enumerate(rows[0]) if name not in names]
    return [[row[place] for place in kept] for row in rows]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_header_alone_tells_the_delimiter(delimiter: str) -> None:
    pair = make_pair(short_answer=",".join("abc") * 300 + ";" * 500 + "a\tb" * 400)
    assert read_content("a.csv", raw_csv(cells(pair), delimiter)) == [pair]


def test_a_mark_blank_lines_other_line_breaks_and_another_order_do_not_matter() -> None:
    pair = make_pair(variants=["one", "two", "three"])
    rows = [list(reversed(row)) for row in cells(pair)]
    rows[0] = [f" {name.upper()} " for name in rows[0]]
    content = (
        raw_csv([[], *rows, [], ["", ""], [" "] * 2000])
        .replace(b"\n", b"\r\n")
        .replace(b"\r\r", b"\r")
    )
    assert read_content("A.CSV", content) == [pair]
    assert read_content("a.txt", b"\xef\xbb\xbf" + content) == [pair]


def test_optional_columns_may_be_missing_and_gaps_close_up() -> None:
    rows = without(cells(), "compared1_entry", "compared1_why", "conflict", "detail2_cite")
    rows = put(put(rows, "detail2_text", ""), "audience", "  ")
    (pair,) = read_content("a.csv", raw_csv(rows))
    assert [detail.text for detail in pair.entry.details] == ["One.", "Three."]
    assert pair.entry.compared == ()
    assert pair.entry.conflict is None
    assert pair.entry.audience == "general"


def test_lists_have_one_item_per_line_and_backslashes_of_other_meaning_stay() -> None:
    rows = put(cells(), "variants", "one\r\n\n two \n" + r"a\nb" + "\n" + r"C:\temp")
    rows = put(rows, "detail1_cite", " s2;s1 ")
    (pair,) = read_content("a.csv", raw_csv(rows))
    assert pair.entry.variants == ("one", "two", "a\nb", r"C:\temp")
    assert pair.entry.details[0].cite == ("s2", "s1")


def test_an_xlsx_may_hold_real_dates_and_numbers() -> None:
    rows = put(cells(), "review_due", datetime(2099, 3, 4))
    rows = put(rows, "source1_source_date", date(2026, 1, 2))
    rows = put(rows, "source1_checked_on", date(2026, 9, 1))
    rows = put(rows, "topic_aliases", 911)
    book = load_workbook(io.BytesIO(raw_xlsx(rows)))
    sheet = book.worksheets[0]
    (pair,) = read_content("a.xlsx", saved(book))
    assert pair.entry.review_due == date(2099, 3, 4)
    assert pair.entry.sources[0].source_date == date(2026, 1, 2)
    assert pair.entry.sources[0].checked_on == "2026-09-01"
    assert pair.topic.aliases == ("911",)
    column = rows[0].index("source1_checked_on") + 1
    sheet.cell(2, column).number_format = '[$-409]mmm\\-yy;"day"@'
    (pair,) = read_content("a.xlsx", saved(book))
    assert pair.entry.sources[0].checked_on == "2026-09"


def test_a_sheet_that_lies_about_its_size_is_read_whole() -> None:
    pair = make_pair()
    content = with_part(
        raw_xlsx(cells(pair)),
        SHEET_XML,
        lambda data: re.sub(rb'<dimension ref="[^"]*"', b'<dimension ref="A1"', data),
    )
    assert b'ref="A1"' in zipfile.ZipFile(io.BytesIO(content)).read(SHEET_XML)
    assert read_content("a.xlsx", content) == [pair]


def test_of_several_sheets_the_one_named_entries_counts() -> None:
    book = load_workbook(io.BytesIO(raw_xlsx(cells(make_pair()), title="entries ")))
    book.create_sheet("Notes", 0)["A1"] = "not an entry"
    assert read_content("a.xlsx", saved(book)) == [make_pair()]
    book["entries "].title = "Other"
    (problem,) = problems_of("a.xlsx", saved(book))
    assert problem.message == "there are 2 sheets: give the right one the name Entries"


# --- what is wrong --------------------------------------------------------------------------------


WRONG: list[tuple[str, object, str]] = [
    ("id", "Measles Symptoms", "is not in the right form: write lower-case letters"),
    ("id", "", "is empty: write lower-case letters"),
    ("locale", "", "is empty: write the language"),
    ("locale", "klingonese", "'klingonese' is no language tag"),
    ("topic", "", "is empty"),
    ("topic_title", " ", "is empty: write the topic's title"),
    ("topic_aliases", "", "is empty: write one name per line"),
    ("topic_related", "stress\nNo Topic", "item 2 is not in the right form"),
    ("aspect", "story", "is none of the words that may be here: write overview, symptoms"),
    ("question", "Why", "is too short: 5 characters at least"),
    ("question", "W" * 121, "is too long: 120 characters at most"),
    ("variants", "one\ntwo", "has 2, and 3 at least are needed: write one other wording per line"),
    ("variants", "x\n" * 61, "has 61, and 60 at most may be"),
    ("short_answer", "", "is empty: write the answer"),
    ("short_answer", r"half a \ud800 character", "is not in the right form"),
    ("detail2_cite", "", "is empty: write the keys of the sources"),
    ("detail3_text", "", "is empty"),
    ("urgency_level", "", "is empty: write emergency, urgent, routine or none"),
    ("source1_url", "http://www.cdc.gov", "write an address that begins with https://"),
    ("source2_publisher", "NHS", "write CDC or WHO"),
    ("source2_source_date", "01/02/2026", "is no day: write the day as 2026-11-21"),
    ("source1_checked_on", "September", "is not in the right form: write a month or a day"),
    ("source2_checked_on", "2026-09", "checked_on is the date of the copy that was read"),
    ("source2_key", "s1", ""),
    ("source9_title", "A title alone", ""),
    ("review_due", "2026-02-30", "is no day"),
    ("review_due", "20261121", "is no day"),
    ("myth_rating", "", "is empty: write false, misleading or unproven"),
    ("reviewer2_role", "", "is empty: write what the person is"),
    ("compared1_entry", "", "is empty"),
    ("last_reviewed", "", "clinician_reviewed, last_reviewed and reviewed_by go together"),
    ("urgency_action", "", "urgency.action is missing: say what to do now"),
]


@pytest.mark.parametrize(("column", "value", "message"), WRONG)
def test_what_is_wrong_with_a_cell_is_told_with_row_and_column(
    column: str, value: object, message: str
) -> None:
    topic = Topic(slug="other", title="Other", aliases=("other",))
    first = TopicEntry(topic=topic, entry=make_pair(id="first").entry)
    rows = put(cells(first, reviewed_pair()), column, value, row=3)
    rows.insert(2, [])
    found = problems_of("a.csv", raw_csv(rows))
    assert {problem.row for problem in found} == {4}
    places = {problem.column for problem in found}
    if column == "source2_key":
        assert found[0].message == "two sources share one key"
        assert places == {"source1_key"}
    elif column == "source9_title":
        assert places == {f"source9_{name}" for name in ("key", "publisher", "url", "evidence")}
    else:
        assert places == {column}
        assert message in found[0].message
    if column != "id":
        assert {problem.entry for problem in found} == {"sleep-how-much"}


def test_all_problems_are_told_at_once_in_the_order_of_rows() -> None:
    rows = put(cells(make_pair(), make_pair(id="b"), make_pair(id="c")), "status", "done", row=4)
    rows = put(put(rows, "aspect", "story", row=2), "review_due", "soon", row=2)
    rows = without(put(rows, "qestion", "Why?", row=3), "urgency_level")
    found = problems_of("a.csv", raw_csv(rows))
    assert [(problem.row, problem.column) for problem in found] == [
        (1, "qestion"),
        (1, "urgency_level"),
        (2, "review_due"),
        (2, "aspect"),
        (4, "status"),
    ]
    with pytest.raises(SpreadsheetError, match=r"row 1, column qestion: .* \(and 4 more\)"):
        read_content("a.csv", raw_csv(rows))


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("varients", "did you mean “variants”?"),
        ("sorce12_url", "did you mean “source12_url”?"),
        ("detail0_text", "did you mean “detail1_text”?"),
        ("zzzz", "correct its name or delete it"),
    ],
)
def test_an_unknown_column_is_told_with_the_nearest_name(name: str, near: str) -> None:
    (problem,) = problems_of("a.csv", raw_csv(put(cells(), name, "text")))
    assert (problem.row, problem.column) == (1, name)
    assert near in problem.message


@pytest.mark.parametrize("name", ["id", "locale", "topic_title", "variants", "source1_evidence"])
def test_a_needed_column_that_is_missing_is_told_once(name: str) -> None:
    rows = without(cells(make_pair(), make_pair(id="b")), name)
    found = problems_of("a.csv", raw_csv(rows))
    assert [(problem.row, problem.column) for problem in found] == [(1, name)]
    assert "this column is missing" in found[0].message


def test_a_column_that_is_there_twice_is_refused() -> None:
    rows = [[*row, row[9]] for row in cells()]
    (problem,) = problems_of("a.csv", raw_csv(rows))
    assert (problem.row, problem.column) == (1, rows[0][9])
    assert re.search(r"is there twice, as columns J and [A-Z]+: delete one", problem.message)


def test_two_rows_of_one_entry_are_refused_but_not_in_two_locales() -> None:
    rows = cells(make_pair(), make_pair(id="b"), make_pair(), make_pair())
    found = problems_of("a.csv", raw_csv(rows))
    assert [(problem.row, problem.column) for problem in found] == [(4, "id"), (5, "id")]
    assert "same id and locale as row 2" in found[1].message
    rows = put(cells(make_pair(), make_pair()), "locale", "es", row=3)
    rows = put(rows, "topic_title", "Sueño", row=3)
    assert [pair.topic.title for pair in read_content("a.csv", raw_csv(rows))] == ["Sleep", "Sueño"]


@pytest.mark.parametrize("name", ["topic_title", "topic_aliases", "topic_related"])
def test_rows_of_one_topic_must_agree_about_it(name: str) -> None:
    rows = put(cells(make_pair(), make_pair(id="b"), make_pair(id="c")), name, "other", row=3)
    rows = put(rows, "topic_title", " Sleep ", row=4)
    (problem,) = problems_of("a.csv", raw_csv(rows))[:1]
    assert (problem.row, problem.column, problem.entry) == (3, name, "b")
    assert "differs from row 2" in problem.message


def test_a_cell_below_no_column_is_refused() -> None:
    rows = cells()
    rows[1].append("more")
    (problem,) = problems_of("a.csv", raw_csv(rows))
    assert problem.row == 2
    assert re.search(r"cell [A-Z]+2 has no column name above it", problem.message)


HEADER = ",".join(export_rows([make_pair()])[0])
UNREADABLE: dict[str, tuple[str, bytes, int, str]] = {
    "empty": ("a.csv", b"", 0, "the file is empty"),
    "a mark alone": ("a.csv", b"\xef\xbb\xbf\r\n", 0, "the file is empty"),
    "blank lines": ("a.csv", b"\r\n \r\n,,\r\n", 0, "the file is empty"),
    "a header alone": ("a.csv", f"{HEADER}\r\n".encode(), 0, "a header but no row below it"),
    "another encoding": ("a.csv", f"{HEADER}\r\né".encode("latin-1"), 0, "“CSV UTF-8”"),
    "UTF-16": ("a.csv", HEADER.encode("utf-16"), 0, "“CSV UTF-8”"),
    "an open quotation mark": ("a.csv", f'{HEADER}\na\n"b'.encode(), 3, "a quotation mark"),
    "a stray quotation mark": ("a.csv", f'{HEADER}\n"a"b,'.encode(), 2, "a quotation mark"),
    "too many rows": (
        "a.csv",
        (HEADER + "\n" * 20_001 + "x").encode(),
        20_002,
        "20,000 rows at most",
    ),
    "too many columns": ("a.csv", b"id," * 1000 + b"id\nx", 1, "1,000 columns at most"),
    "too large": ("a.csv", b"x" * (MOST_BYTES + 1), 0, "20 MB at most"),
    "an old workbook": ("a.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 0, "old format of Excel"),
    "another sort of file": ("a.pdf", b"%PDF-1.7", 0, "neither .csv nor .xlsx"),
    "a password": ("a.xlsx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 0, "is no Excel workbook"),
    "a text with the wrong name": ("a.xlsx", HEADER.encode(), 0, "is no Excel workbook"),
    "a broken zip": ("a.xlsx", b"PK\x03\x04" + b"x" * 100, 0, "is no Excel workbook"),
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_a_file_that_cannot_be_read_is_refused_with_a_sentence(case: str) -> None:
    name, content, row, message = UNREADABLE[case]
    found = problems_of(name, content)
    assert found[-1].row == row
    assert message in found[-1].message


def test_a_file_that_is_too_large_is_not_read_from_disk(tmp_path: Path) -> None:
    file = tmp_path / "large.csv"
    with file.open("wb") as handle:
        handle.truncate(MOST_BYTES * 50)
    with pytest.raises(SpreadsheetError, match=r"20 MB at most, the file has 1000\.0 MB"):
        read_spreadsheet(file)


def test_as_many_rows_as_allowed_are_read() -> None:
    header, row = cells(make_pair())
    blank: Cells = [[]] * (MOST_ROWS - 1)
    assert read_content("a.csv", raw_csv([header, *blank, row])) == [make_pair()]
    (problem,) = problems_of("a.csv", raw_csv([header, *blank, [], row]))
    assert problem.row == MOST_ROWS + 2


def test_what_is_wrong_with_the_only_source_is_told_once() -> None:
    rows = put(cells(make_pair()), "source1_url", "ftp://nowhere")
    found = problems_of("a.csv", raw_csv(rows))
    assert [problem.column for problem in found] == ["source1_url"]


# --- XLSX only ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("short_answer", "=FORMULA()", "cell J2 holds a formula: copy the cell and paste its"),
        ("review_due", time(8, 30), "holds a time"),
        ("review_due", datetime(2026, 1, 2, 8, 30), "holds a time of day: write the day alone"),
        ("review_due", 46000, "is no day: write the day as 2026-11-21"),
        ("topic_title", date(2026, 1, 2), "holds a date: make the format of the cell “Text”"),
        ("topic_title", True, "cell D2 holds a truth value"),
    ],
)
def test_a_cell_that_is_no_value_to_take_is_named(column: str, value: object, message: str) -> None:
    (problem,) = problems_of("a.xlsx", raw_xlsx(put(cells(), column, value)))
    assert (problem.row, problem.column) == (2, column)
    assert message in problem.message


def test_errors_of_a_spreadsheet_and_percentages_are_named() -> None:
    book = load_workbook(io.BytesIO(raw_xlsx(cells())))
    sheet = book.worksheets[0]
    sheet["D2"] = "#REF!"
    sheet["J2"] = 0.5
    sheet["J2"].number_format = "0%"
    found = problems_of("a.xlsx", saved(book))
    assert [(problem.row, problem.column) for problem in found] == [
        (2, "topic_title"),
        (2, "short_answer"),
    ]
    assert "cell D2 holds an error" in found[0].message
    assert "cell J2 holds a number that is shown in another way" in found[1].message


def test_a_formula_in_the_header_is_named() -> None:
    rows = cells()
    rows[0][9] = "=FORMULA()"
    found = problems_of("a.xlsx", raw_xlsx(rows))
    assert "cell J1 holds a formula" in found[0].message


def test_a_zip_bomb_is_refused_unopened() -> None:
    buffer = io.BytesIO(as_xlsx([make_pair()]))
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for number in range(3):
            archive.writestr(f"xl/media/{number}.png", bytes(70_000_000))
    assert len(buffer.getvalue()) < MOST_BYTES
    (problem,) = problems_of("a.xlsx", buffer.getvalue())
    assert "unpacked, the file would have more than 200 MB" in problem.message


def test_entities_that_unfold_into_billions_are_refused() -> None:
    lines = [f'<!ENTITY a{n} "{f"&a{n - 1};" * 10 if n else "ha" * 10}">' for n in range(12)]
    doctype = f"<!DOCTYPE worksheet [{''.join(lines)}]>".encode()
    content = with_part(
        as_xlsx([make_pair()]),
        SHEET_XML,
        lambda data: doctype + data.replace(b"<t>Sleep</t>", b"<t>&a11;</t>"),
    )
    (problem,) = problems_of("a.xlsx", content)
    assert "is no Excel workbook, or it is damaged" in problem.message


def test_a_row_far_down_is_refused_without_walking_there() -> None:
    content = with_part(
        raw_xlsx([*cells(make_pair()), ["x"]]),
        SHEET_XML,
        lambda data: data.replace(b'<row r="3"', b'<row r="999999999"').replace(
            b'r="A3"', b'r="A999999999"'
        ),
    )
    (problem,) = problems_of("a.xlsx", content)
    assert problem.row == MOST_ROWS + 2


def test_a_cell_far_to_the_right_is_refused() -> None:
    content = with_part(
        raw_xlsx([*cells(make_pair()), ["x"]]),
        SHEET_XML,
        lambda data: data.replace(b'r="A3"', b'r="XFD3"'),
    )
    (problem,) = problems_of("a.xlsx", content)
    assert problem.row == 3
    assert "1,000 columns at most" in problem.message


def test_a_damaged_workbook_is_refused_or_read_and_nothing_else() -> None:
    whole = as_xlsx([make_pair()])
    dice = random.Random(7)  # noqa: S311
    refused = 0
    for _ in range(60):
        damaged = bytearray(whole)
        for _ in range(dice.randint(1, 8)):
            damaged[dice.randrange(len(damaged))] = dice.randrange(256)
        try:
            read_content("a.xlsx", bytes(damaged[: dice.randint(len(whole) // 2, len(whole) * 2)]))
        except SpreadsheetError:
            refused += 1
    assert refused > 30


@pytest.mark.parametrize("part", ["xl/workbook.xml", SHEET_XML, "xl/styles.xml"])
def test_a_part_that_is_cut_off_is_refused(part: str) -> None:
    content = with_part(as_xlsx([make_pair()]), part, lambda data: data[: len(data) // 2])
    (problem,) = problems_of("a.xlsx", content)
    assert "save it anew as .xlsx" in problem.message


def test_a_text_that_no_cell_of_xlsx_can_hold_is_refused_with_entry_and_field(
    tmp_path: Path,
) -> None:
    fits = make_pair(short_answer="😀" * (LONGEST_CELL // 2) + "x")
    assert read_content("a.xlsx", as_xlsx([fits])) == [fits]
    pairs = [fits, make_pair(id="long", short_answer="😀" * (LONGEST_CELL // 2 + 1))]
    with pytest.raises(SpreadsheetError) as caught:
        write_xlsx(pairs, tmp_path / "a.xlsx")
    (problem,) = caught.value.problems
    assert (problem.row, problem.column, problem.entry) == (3, "short_answer", "long")
    assert "32,767 characters at most in a cell of XLSX, this needs 32,768" in problem.message
    assert not (tmp_path / "a.xlsx").exists()
    assert read_content("a.csv", as_csv(pairs)) == pairs


def test_a_text_longer_than_pythons_own_limit_survives_csv() -> None:
    pair = make_pair(short_answer="x" * 200_000)
    assert read_content("a.csv", as_csv([pair])) == [pair]


def test_what_no_file_may_have_is_not_written_either() -> None:
    details = [{"text": "One.", "cite": ["s1"]}] * 600
    with pytest.raises(SpreadsheetError, match="1,000 columns at most"):
        as_csv([make_pair(details=details)])
    with pytest.raises(SpreadsheetError, match="20,000 entries at most, this has 20,001"):
        as_csv([make_pair()] * 20_001)
    with pytest.raises(ValueError, match="take a comma, a semicolon or a tab"):
        as_csv([make_pair()], "|")


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
@example(b"PK\x05\x06" + bytes(18))
@settings(max_examples=150, deadline=None)
def test_anything_else_is_refused(content: bytes) -> None:
    for name in ("a.csv", "a.xlsx", "a"):
        with pytest.raises(SpreadsheetError):
            read_content(name, content)
