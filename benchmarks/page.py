"""The page of measured figures: each command writes its own part of ``docs/benchmarks.md``."""

from __future__ import annotations

from pathlib import Path

from knowledge.settings import ROOT

PAGE = ROOT / "docs" / "benchmarks.md"
HEADING = """# Benchmarks

Measured figures, each below the command that prints it. What stands between the markers of a
section is written by its command.
"""


def write_part(name: str, text: str, page: Path = PAGE) -> None:
    """Put a text between the markers of a part, at the end of the page where it has none yet.

    Args:
        name: of the part.
        text: Markdown.
        page: the file.
    """
    start, end = f"<!-- {name}:start -->", f"<!-- {name}:end -->"
    old = page.read_text(encoding="utf-8") if page.exists() else HEADING
    before, found, rest = old.partition(start)
    after = rest.partition(end)[2] if found else "\n"
    head = before if found else f"{before.rstrip()}\n\n"
    page.write_text(f"{head}{start}\n{text}\n{end}{after}", encoding="utf-8")
