"""Checks that hang on others, and how a report reads."""

from __future__ import annotations

import json
from io import StringIO

import pytest

from bot.doctor.findings import (
    Check,
    Finding,
    Seen,
    Stopped,
    ago,
    examine,
    failed,
    ok,
    report,
    warning,
)


def broken() -> Seen:
    """Find something wrong."""
    return failed("it is broken", "Mend it.")


def test_what_needs_a_failed_check_is_skipped_and_says_so_and_all_else_goes_on() -> None:
    looked: list[str] = []

    def look(name: str) -> Seen:
        looked.append(name)
        return ok("fine")

    checks = (
        Check("first", broken),
        Check("second", lambda: look("second"), ("first",)),
        Check("third", lambda: look("third"), ("second",)),
        Check("fourth", lambda: look("fourth")),
    )
    assert list(examine(checks)) == [
        Finding("first", "failed", "it is broken", "Mend it."),
        Finding("second", "skipped", "needs “first”"),
        Finding("third", "skipped", "needs “second”"),
        Finding("fourth", "ok", "fine"),
    ]
    assert looked == ["fourth"]


def test_a_warning_stops_nothing_and_a_check_may_stop_itself() -> None:
    def stop() -> Seen:
        raise Stopped(failed("nothing came", "Try again."))

    checks = (
        Check("first", lambda: warning("old", "Renew it.")),
        Check("second", stop, ("first",)),
    )
    assert [finding.level for finding in examine(checks)] == ["warning", "failed"]


def test_each_finding_is_told_as_soon_as_it_is_known() -> None:
    out = StringIO()
    seen: list[str] = []

    def look() -> Seen:
        seen.append(out.getvalue())
        return ok("fine")

    report(examine((Check("first", broken), Check("second", look))), out)
    assert seen == ["FAILED   first: it is broken\n         -> Mend it.\n"]


def test_the_report_for_people() -> None:
    out = StringIO()
    findings = [
        Finding("address", "ok", "https://chat.example.org"),
        Finding("token", "failed", "code 190", f"First {'word ' * 30}end.\nSecond."),
        Finding("app", "skipped", "needs “token”"),
    ]
    assert report(findings, out) == 1
    lines = out.getvalue().splitlines()
    assert lines[:3] == [
        "ok       address: https://chat.example.org",
        "FAILED   token: code 190",
        "         -> First " + " ".join(["word"] * 16),
    ]
    assert lines[3].startswith("            word")
    assert lines[4:] == [
        "         -> Second.",
        "skipped  app: needs “token”",
        "",
        "1 ok, 1 FAILED, 1 skipped",
    ]
    assert max(map(len, lines)) <= 100


def test_the_report_for_machines() -> None:
    out = StringIO()
    findings = [Finding("a", "ok", "fine"), Finding("b", "warning", "old", "Renew it.")]
    assert report(findings, out, as_json=True) == 0
    assert json.loads(out.getvalue()) == {
        "ok": True,
        "checks": [
            {"check": "a", "level": "ok", "found": "fine", "advice": ""},
            {"check": "b", "level": "warning", "found": "old", "advice": "Renew it."},
        ],
    }


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "just now"),
        (0.9, "just now"),
        (1, "1 second ago"),
        (119, "1 minute ago"),
        (7200, "2 hours ago"),
        (25 * 3600, "1 day ago"),
    ],
)
def test_how_long_ago_something_was_is_told_in_the_largest_unit(seconds: float, words: str) -> None:
    assert ago(seconds) == words
