"""How a text stands in a cell: what begins no formula, and what a cell cannot hold as it is."""

from __future__ import annotations

import re

RISKY = "=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20"
"""First characters by which programs know a formula, some also by the wide forms of East Asia."""
FORMULA = re.compile(f"'*[{RISKY}]")
GUARDED = re.compile(f"'+[{RISKY}]")
# Excel reads `_x000D_` as one character, and openpyxl drops each `x005F_`.
UNSAFE = re.compile(r"\\|[\x00-\x08\x0b-\x1f\ufffe\uffff]|(?<=_)x(?=[0-9a-fA-F]{4}_)|x(?=005[fF]_)")
ESCAPE = re.compile(r"\\(\\|n|r|u[0-9a-fA-F]{4})")


def escape(text: str) -> str:
    """Return a text without what a cell cannot hold."""
    return UNSAFE.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    plain = {"\\": "\\\\", "\r": "\\r"}
    return plain.get(match[0], f"\\u{ord(match[0]):04x}")


def unescape(text: str) -> str:
    """Return what ``escape`` was given."""
    return ESCAPE.sub(_unescaped, text)


def _unescaped(match: re.Match[str]) -> str:
    plain = {"\\": "\\", "n": "\n", "r": "\r"}
    return plain.get(match[1]) or chr(int(match[1][1:], 16))


def guard(text: str, risk: re.Pattern[str]) -> str:
    """Return a text with an apostrophe in front where a program may take it for a formula."""
    return f"'{text}" if risk.match(text) else text


def mended(text: str) -> str:
    """Return a cell's text with the line breaks of any system as one sort, and without a guard."""
    text = text.replace("_x000D_", "\r").replace("\r\n", "\n").replace("\r", "\n")
    return text[1:] if GUARDED.match(text) else text
