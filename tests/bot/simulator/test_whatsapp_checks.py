"""What the stand-in of WhatsApp refuses of a message's form; what is right it takes."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.rendering import limits
from bot.rendering.whatsapp import WhatsAppMessage, render
from bot.rendering.words import read_words
from bot.simulator.meta.errors import GraphError
from bot.simulator.whatsapp import checks as whatsapp_checks
from bot.simulator.whatsapp.checks import check_call
from bot.turn import QuickReply, Reply

BASE = {"messaging_product": "whatsapp", "recipient_type": "individual", "to": "15550100777"}
TEXT: dict[str, Any] = {**BASE, "type": "text", "text": {"body": "Hello", "preview_url": False}}


def interactive(kind: str, action: dict[str, Any], **more: Any) -> dict[str, Any]:
    part = {"type": kind, "body": {"text": "Which?"}, "action": action, **more}
    return {**BASE, "type": "interactive", "interactive": part}


def button(token: str, title: str) -> dict[str, Any]:
    return {"type": "reply", "reply": {"id": token, "title": title}}


BUTTONS = interactive("button", {"buttons": [button("s:a", "A"), button("s:b", "B")]})
ROWS = [{"id": f"s:{n}", "title": f"Row {n}", "description": "More"} for n in range(10)]
LIST = interactive("list", {"button": "Show", "sections": [{"title": "All", "rows": ROWS}]})
LINK_PARAMETERS = {"display_text": "Open", "url": "https://www.cdc.gov/flu/"}
LINK = interactive("cta_url", {"name": "cta_url", "parameters": LINK_PARAMETERS})
READ = {"messaging_product": "whatsapp", "status": "read", "message_id": "wamid.x"}


@pytest.mark.parametrize(
    "body",
    [
        TEXT,
        {**TEXT, "to": "+15550100777"},
        {**{k: v for k, v in TEXT.items() if k != "to"}, "recipient": "US.13491208655302741918"},
        {**TEXT, "context": {"message_id": "wamid.x"}, "biz_opaque_callback_data": "x"},
        BUTTONS,
        LIST,
        LINK,
        interactive("button", BUTTONS["interactive"]["action"], footer={"text": "Below"}),
        READ,
        {**READ, "typing_indicator": {"type": "text"}},
    ],
)
def test_what_is_right_is_taken(body: dict[str, Any]) -> None:
    check_call(body)


def changed(body: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    """Return a body with something else at a place; with None, without it."""
    made = copy.deepcopy(body)
    *way, last = [int(step) if step.isdecimal() else step for step in path.split(".")]
    part: Any = made
    for step in way:
        part = part[step]
    if value is None:
        del part[last]
    else:
        part[last] = value
    return made


ACTION = "interactive.action"
REPLY = f"{ACTION}.buttons.0.reply"
ROW = f"{ACTION}.sections.0.rows.0"


@pytest.mark.parametrize(
    ("body", "path", "value", "code"),
    [
        (TEXT, "messaging_product", None, 131008),
        (TEXT, "messaging_product", "messenger", 131009),
        (TEXT, "to", None, 131008),
        (TEXT, "to", "Alice", 131009),
        (TEXT, "recipient", "Alice", 131009),
        (TEXT, "recipient_type", "group", 131009),
        (TEXT, "type", None, 131008),
        (TEXT, "type", "poem", 131009),
        (TEXT, "text", None, 131008),
        (TEXT, "text", "Hello", 131009),
        (TEXT, "interactive", BUTTONS["interactive"], 131009),
        (TEXT, "text.body", "", 131009),
        (TEXT, "text.body", " \n", 131009),
        (TEXT, "text.body", "\ud83d", 131009),
        (TEXT, "text.body", "x" * 4097, 131009),
        (TEXT, "text.body", "😷" * 2049, 131009),
        (TEXT, "text.preview_url", "no", 131009),
        (TEXT, "text.format", "markdown", 100),
        (TEXT, "message", "Hello", 100),
        (BUTTONS, "interactive.type", "carousel", 131009),
        (BUTTONS, "interactive.body", None, 131008),
        (BUTTONS, "interactive.body.text", "x" * 1025, 131009),
        (BUTTONS, f"{ACTION}.buttons", [], 131009),
        (BUTTONS, f"{ACTION}.buttons", [button(f"s:{n}", f"{n}") for n in range(4)], 131009),
        (BUTTONS, f"{ACTION}.buttons", ["A"], 131009),
        (BUTTONS, f"{ACTION}.buttons.0.type", "url", 131009),
        (BUTTONS, f"{REPLY}.title", "x" * 21, 131009),
        (BUTTONS, f"{REPLY}.title", "", 131009),
        (BUTTONS, f"{REPLY}.title", "B", 131009),
        (BUTTONS, f"{REPLY}.id", "x" * 257, 131009),
        (BUTTONS, f"{REPLY}.id", "s:b", 131009),
        (BUTTONS, f"{REPLY}.id", "s:a ", 131009),
        (BUTTONS, f"{REPLY}.id", None, 131008),
        (BUTTONS, f"{ACTION}.sections", [], 100),
        (LIST, "interactive.body.text", "x" * 4097, 131009),
        (LIST, f"{ACTION}.button", "x" * 21, 131009),
        (LIST, f"{ACTION}.button", None, 131008),
        (LIST, f"{ACTION}.sections", [], 131009),
        (LIST, f"{ACTION}.sections", [{"title": "x", "rows": []}], 131009),
        (LIST, f"{ACTION}.sections", [{"rows": ROWS[:5]}, {"rows": ROWS[5:]}], 131008),
        (LIST, f"{ACTION}.sections.0.title", "x" * 25, 131009),
        (LIST, f"{ACTION}.sections.0.rows", [*ROWS, {"id": "s:x", "title": "x"}], 131009),
        (LIST, f"{ROW}.title", "x" * 25, 131009),
        (LIST, f"{ROW}.id", "x" * 201, 131009),
        (LIST, f"{ROW}.id", "s:1", 131009),
        (LIST, f"{ROW}.description", "x" * 73, 131009),
        (LINK, "interactive.body.text", "x" * 1025, 131009),
        (LINK, f"{ACTION}.name", "open", 131009),
        (LINK, f"{ACTION}.parameters.display_text", "x" * 21, 131009),
        (LINK, f"{ACTION}.parameters.url", "www.cdc.gov", 131009),
        (LINK, f"{ACTION}.parameters.url", "https://", 131009),
        (LINK, f"{ACTION}.parameters.url", None, 131009),
        (READ, "status", "delivered", 131009),
        (READ, "message_id", None, 131008),
        (READ, "typing_indicator", {"type": "voice"}, 131009),
        (READ, "to", "15550100777", 100),
    ],
)
def test_what_is_wrong_is_refused_with_its_code(
    body: dict[str, Any], path: str, value: object, code: int
) -> None:
    with pytest.raises(GraphError) as refused:
        check_call(changed(body, path, value))
    assert refused.value.refusal.code == code


def test_sections_have_ten_rows_in_all() -> None:
    sections = [{"title": "A", "rows": ROWS[:6]}, {"title": "B", "rows": ROWS[4:]}]
    with pytest.raises(GraphError, match="row count"):
        check_call(changed(LIST, f"{ACTION}.sections", sections))


def test_the_figures_are_those_of_the_renderer() -> None:
    assert whatsapp_checks.TEXT == limits.WHATSAPP_TEXT
    assert whatsapp_checks.BUTTON_TEXT == limits.WHATSAPP_BUTTON_TEXT
    assert whatsapp_checks.LIST_TEXT == limits.WHATSAPP_LIST_TEXT
    assert whatsapp_checks.LINK_TEXT == limits.WHATSAPP_LINK_TEXT
    assert whatsapp_checks.BUTTONS == limits.WHATSAPP_BUTTONS
    assert whatsapp_checks.BUTTON_TITLE == limits.WHATSAPP_LABEL
    assert whatsapp_checks.BUTTON_ID == limits.WHATSAPP_BUTTON_ID
    assert whatsapp_checks.ROWS == limits.WHATSAPP_ROWS
    assert whatsapp_checks.ROW_TITLE == whatsapp_checks.SECTION_TITLE == limits.WHATSAPP_ROW_TITLE
    assert whatsapp_checks.ROW_DESCRIPTION == limits.WHATSAPP_ROW_DETAIL
    assert whatsapp_checks.ROW_ID == limits.WHATSAPP_ROW_ID


WORDS = read_words()
LINES = st.text(
    st.characters(exclude_categories=("Cs", "Cc")) | st.sampled_from("\n 😷ä"), max_size=300
)
SHORT = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=60)


@given(
    text=LINES.filter(str.strip),
    details=st.lists(LINES, max_size=8),
    replies=st.lists(SHORT.filter(str.strip), max_size=14, unique=True),
    is_rated=st.booleans(),
    times=st.integers(1, 30),
)
def test_whatever_the_renderer_makes_is_taken(
    text: str, details: list[str], replies: list[str], is_rated: bool, times: int
) -> None:
    reply = Reply(
        "a" * 24,
        "answer" if is_rated else "notice",
        "x",
        "en",
        "ltr",
        text * times,
        details=tuple(details),
        quick_replies=tuple(QuickReply(one, one) for one in replies),
        feedback=is_rated,
    )
    messages: tuple[WhatsAppMessage, ...] = render(reply, WORDS)
    assert messages
    for message in messages:
        check_call({**message.payload(), "to": "15550100777"})
