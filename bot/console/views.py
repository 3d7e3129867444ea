"""The console as one blueprint."""

from __future__ import annotations

from flask import Blueprint, Response, request, url_for
from sqlalchemy.engine import Engine

from bot.console import (
    access,
    account,
    entries,
    exchange,
    hearing,
    record,
    releases,
    sources,
    start,
    team,
    trying,
)
from bot.console.action_server import ActionServer
from bot.console.messages import MESSAGES
from bot.console.pages import Pages
from knowledge.people import Member, Role

PARTS = (
    access,
    start,
    hearing,
    sources,
    entries,
    releases,
    exchange,
    team,
    record,
    account,
    trying,
)
MENU: tuple[tuple[str, str, frozenset[Role]], ...] = (
    ("list_questions", "Questions", frozenset()),
    ("try_question", "Try", frozenset()),
    ("list_tasks", "Sources", frozenset()),
    ("list_releases", "Releases", frozenset()),
    ("show_exchange", "Spreadsheets", frozenset()),
    ("show_team", "Team", frozenset({Role.ADMIN})),
    ("show_record", "Record", frozenset()),
    ("show_account", "Account", frozenset()),
)


def create_blueprint(engine: Engine, is_secure: bool, actions_url: str) -> tuple[Blueprint, Pages]:
    """Return the console, and the table of who may open what.

    Args:
        engine: of the store.
        is_secure: whether people reach it by HTTPS.
        actions_url: where the action server listens.
    """
    blueprint = Blueprint(
        "console",
        __name__,
        url_prefix="/console",
        static_folder="static",
        template_folder="templates",
    )
    pages = Pages(blueprint, engine, is_secure, ActionServer(actions_url))
    for part in PARTS:
        part.add_pages(pages)

    @blueprint.after_request
    def keep_nowhere(response: Response) -> Response:
        """Let no browser and no proxy keep a page of the console; its style may be kept."""
        if request.endpoint != "console.static":
            response.headers["Cache-Control"] = "no-store"
        return response

    @blueprint.context_processor
    def words() -> dict[str, object]:
        """Return what every page's template may use."""
        return {
            "message": MESSAGES.get(request.args.get("done", ""), ""),
            "static": lambda path: url_for("console.static", filename=path),
            "tokens_css": url_for("widget.static", filename="tokens.css"),
            "more_pages": more_pages,
            "named": lambda values: [(value, value.replace("_", " ")) for value in values],
            "mark": url_for("widget.static", filename="mark.svg"),
        }

    return blueprint, pages


def more_pages(member: Member) -> list[tuple[str, str]]:
    """Return the pages in the menu that this person may open, as ``(endpoint, label)``."""
    return [
        (endpoint, label) for endpoint, label, roles in MENU if not roles or roles & member.roles
    ]
