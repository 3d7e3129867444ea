"""Helplines: every number has evidence and can be dialed, and nobody gets another country's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from bot.replies import ReplyFileError
from bot.replies.helplines import FILE, KINDS, HelplineBook, read_helplines
from bot.turn import Category

CONTENT: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
CATEGORIES: tuple[Category, ...] = get_args(Category)
TODAY = "2026-11"


def all_lines() -> Iterator[Any]:
    for code, country in CONTENT["countries"].items():
        for kind, lines in country.items():
            for number, line in enumerate(lines):
                yield pytest.param(code, kind, line, id=f"{code}-{kind}-{number}")
    for number, line in enumerate(CONTENT["general"]["directories"]):
        yield pytest.param("", "directory", line, id=f"directory-{number}")


LINES = list(all_lines())
NUMBERED = [line for line in LINES if line.values[2].get("number")]


@pytest.fixture(scope="module")
def book() -> HelplineBook:
    return read_helplines()


@pytest.mark.parametrize(("country", "kind", "line"), LINES)
def test_every_line_has_evidence(country: str, kind: str, line: dict[str, Any]) -> None:
    assert re.fullmatch(r"https?://[a-z0-9.-]+\.[a-z]{2,}(/\S*)?", line["source"])
    assert line["source_publisher"].strip()
    assert re.fullmatch(r"20\d\d-(0[1-9]|1[0-2])", line["checked_on"])
    assert line["checked_on"] <= TODAY
    assert line["page_dated"] is None or line["page_dated"] <= TODAY


@pytest.mark.parametrize(("country", "kind", "line"), LINES)
def test_every_line_can_be_reached(country: str, kind: str, line: dict[str, Any]) -> None:
    if kind == "directory":
        assert line["url"].startswith("https://")
        return
    assert line["number"] or line["text_line"]
    assert bool(line["number"]) == bool(line["tel"])


CALLING_CODES = {
    "EG": "20", "ES": "34", "FR": "33", "GB": "44", "NO": "47", "SA": "966", "US": "1",
}  # fmt: skip


@pytest.mark.parametrize(("country", "kind", "line"), NUMBERED)
def test_every_number_is_diallable(country: str, kind: str, line: dict[str, Any]) -> None:
    assert re.fullmatch(r"\+[1-9]\d{6,14}|\d{2,8}", line["tel"])
    digits = re.sub(r"\D", "", line["number"])
    dialed = line["tel"].removeprefix("+")
    if line["tel"].startswith("+"):
        code = CALLING_CODES[country]
        assert dialed.removeprefix(code) == digits.removeprefix(code).lstrip("0")
        assert dialed.startswith(code)
    else:
        # What is printed is what is dialed, or the link would ring somebody else.
        assert dialed == digits


@pytest.mark.parametrize("country", sorted(CALLING_CODES))
@pytest.mark.parametrize("category", CATEGORIES)
def test_every_link_has_a_scheme(book: HelplineBook, country: str, category: Category) -> None:
    lines = book.lines(category, country)
    assert lines.emergency
    for line in lines.emergency + lines.special:
        assert line.publisher
        assert line.checked_on
        assert line.tel is None or re.fullmatch(r"tel:\+?\d+", line.tel)
        assert line.sms is None or re.fullmatch(r"sms:\d{3,}", line.sms.href)
        assert line.url is None or line.url.startswith("https://")


def test_the_countries_are_those_of_the_file(book: HelplineBook) -> None:
    assert book.countries == tuple(sorted(CALLING_CODES))
    assert set(book.countries) == set(CONTENT["countries"])


@pytest.mark.parametrize("country", [None, "", "ZZ", "no", "DE"])
@pytest.mark.parametrize("category", CATEGORIES)
def test_there_is_no_default_country(
    book: HelplineBook, country: str | None, category: Category
) -> None:
    lines = book.lines(category, country)
    assert book.emergency_number(country) is None
    assert lines.emergency == ()
    assert not lines.has_special
    assert all(line.tel is None and line.sms is None for line in lines.special)


@pytest.mark.parametrize(
    ("country", "number"),
    [("US", "911"), ("GB", "999"), ("NO", "113"), ("FR", "15"), ("ES", "112"), ("EG", "123")],
)
def test_the_emergency_number_is_the_countrys(
    book: HelplineBook, country: str, number: str
) -> None:
    assert book.emergency_number(country) == number


def test_no_country_shows_the_numbers_of_another(book: HelplineBook) -> None:
    for country in book.countries:
        own = {
            line["tel"] for lines in CONTENT["countries"][country].values() for line in lines
        } - {None}
        shown = {
            line.tel.removeprefix("tel:")
            for category in CATEGORIES
            for lines in [book.lines(category, country)]
            for line in lines.emergency + lines.special
            if line.tel
        }
        assert shown
        assert shown <= own


def test_a_country_without_a_crisis_line_gets_directories(book: HelplineBook) -> None:
    missing = [c for c in book.countries if not CONTENT["countries"][c]["suicide_crisis"]]
    assert missing, "the test needs a country without one"
    for country in missing:
        lines = book.lines("self_harm", country)
        assert not lines.has_special
        assert lines.special
        assert all(line.url for line in lines.special)


def test_each_emergency_shows_the_lines_of_its_kind(book: HelplineBook) -> None:
    for category in CATEGORIES:
        names = [line.name for line in book.lines(category, "US").special]
        wanted = [x["name"] for kind in KINDS[category] for x in CONTENT["countries"]["US"][kind]]
        assert names == wanted


LINE = """
        - name: Line
          number: "123"
          tel: "123"
          source: "https://example.org/"
          source_publisher: Example
          checked_on: "2026-11"
"""


def write(tmp_path: Path, line: str) -> Path:
    file = tmp_path / "helplines.yml"
    file.write_text(f"countries:\n  US:\n    emergency:{line}\ngeneral: {{}}\n")
    return file


def test_a_line_for_a_part_of_the_country_says_so(tmp_path: Path) -> None:
    book = read_helplines(write(tmp_path, LINE + "          area: Alaska\n"))
    assert book.lines("emergency", "US").emergency[0].name == "Line (Alaska)"


@pytest.mark.parametrize(
    ("text_line", "sms"),
    [
        ('"988"', ("Text 988", "sms:988")),
        ("START to 88788", ("Text START to 88788", "sms:88788")),
        ("1-800-422-4453", ("Text 1-800-422-4453", "sms:18004224453")),
        ("WhatsApp 600 000 016", None),
    ],
)
def test_texting_has_its_own_link(
    tmp_path: Path, text_line: str, sms: tuple[str, str] | None
) -> None:
    book = read_helplines(write(tmp_path, LINE + f"          text_line: {text_line}\n"))
    line = book.lines("emergency", "US").emergency[0].sms
    assert (line and (line.label, line.href)) == sms


@pytest.mark.parametrize("field", ["source", "source_publisher", "checked_on"])
def test_a_line_without_evidence_is_refused(tmp_path: Path, field: str) -> None:
    broken = re.sub(rf"^ *{field}:.*\n", "", LINE, flags=re.MULTILINE)
    with pytest.raises(ReplyFileError, match=rf"helplines\.yml: countries\.US\.emergency.*{field}"):
        read_helplines(write(tmp_path, broken))
