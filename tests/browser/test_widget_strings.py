"""Every word the chat page asks for exists, and none is kept that nothing asks for."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

WIDGET = Path(__file__).parents[2] / "bot" / "channels" / "widget"
STRINGS = yaml.safe_load((WIDGET / "strings" / "en.yml").read_text(encoding="utf-8"))
PAGE = (WIDGET / "templates" / "chat.html").read_text(encoding="utf-8")
SCRIPT = "".join(
    path.read_text(encoding="utf-8")
    for path in [WIDGET / "static" / "chat.js", *WIDGET.glob("static/chat/*.js")]
)
ASKED_BY_PAGE = re.compile(r'data-(?:text|label|placeholder)="(\w+)"')
ASKED_BY_SCRIPT = re.compile(r'\bt\(\s*"(\w+)"')
# t(`failed_${kind}`): which of these exist is known only at run time.
ASKED_BY_CODE = re.compile(r"\bt\(`(\w+_)\$\{")
QUOTED = re.compile(r'"(\w+)"')


def test_every_word_asked_for_exists() -> None:
    asked = {*ASKED_BY_PAGE.findall(PAGE), *ASKED_BY_SCRIPT.findall(SCRIPT)}
    assert len(asked) > 20
    assert asked - set(STRINGS) == set()


def test_no_word_is_left_over() -> None:
    named = {*ASKED_BY_PAGE.findall(PAGE), *QUOTED.findall(SCRIPT)}
    by_code = tuple(ASKED_BY_CODE.findall(SCRIPT))
    assert [key for key in STRINGS if key not in named and not key.startswith(by_code)] == []


def test_words_are_flat_text() -> None:
    assert [key for key, text in STRINGS.items() if not isinstance(text, str)] == []
