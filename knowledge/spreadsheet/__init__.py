r"""Entries as a spreadsheet, CSV or XLSX, and back: what an editor changes there becomes drafts.

One row is one entry in one locale. ``id`` and ``locale`` are its key; the first row names the
columns, in any order. Writing entries and reading the file again gives exactly these entries.

Columns with one value::

    id, locale                      which entry (needed)
    topic, topic_title              of its topic; the same in all rows of a topic (needed)
    topic_aliases, topic_related    lists; the first is needed
    aspect, question, short_answer  needed
    variants                        a list, needed
    seek_care, conflict             text
    urgency_level, urgency_action   the first is needed
    audience, region                empty means general and global
    myth_claim, myth_rating         both or none
    date_created, date_modified     days such as 2026-11-21, needed
    last_reviewed, review_due       days; the second is needed
    status                          needed

Numbered columns, as many as there are (``detail1_text``, ``detail2_text`` …); what is left empty is
no item, and a gap closes up::

    detail1_text, detail1_cite      cite names keys of sources, as in ``s1, s2``
    source1_key, _publisher, _title, _url, _section, _source_date, _evidence, _checked_on,
        _exception                  key, publisher, title, url and evidence of the first are needed
    reviewer1_name, _role, _credentials
    compared1_entry, _why

An optional column that is left out counts as empty in every row.

How a cell is written:

- A **list** has one item per line of its cell (Alt+Enter in Excel).
- A **backslash** begins what a cell cannot hold: ``\n`` is a line break inside an item of a list,
  ``\r`` a carriage return, ``\u0007`` the character with that number, ``\\`` a backslash. Before
  anything else it stands for itself. Line breaks in a text that is no list are written as they are.
- An **apostrophe** in front of ``= + - @``, a tab or a line break keeps a program from taking a
  text for a formula. CSV has it in front of each such text, XLSX has such texts as texts. Where a
  text itself begins with apostrophes and then one of these, it gets one more in both. Reading takes
  one away, so that a file may also be saved in the other format.
"""

from knowledge.spreadsheet.cells import MOST_BYTES
from knowledge.spreadsheet.columns import (
    GROUPS,
    LAYOUT,
    MOST_COLUMNS,
    MOST_ROWS,
    Column,
    Problem,
    SpreadsheetError,
    column_at,
)
from knowledge.spreadsheet.reading import RowEntry, read_content, read_rows, read_spreadsheet
from knowledge.spreadsheet.writing import LONGEST_CELL, export_rows, write_csv, write_xlsx

__all__ = [
    "GROUPS",
    "LAYOUT",
    "LONGEST_CELL",
    "MOST_BYTES",
    "MOST_COLUMNS",
    "MOST_ROWS",
    "Column",
    "Problem",
    "RowEntry",
    "SpreadsheetError",
    "column_at",
    "export_rows",
    "read_content",
    "read_rows",
    "read_spreadsheet",
    "write_csv",
    "write_xlsx",
]
