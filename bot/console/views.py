"""The console as one blueprint."""

from __future__ import annotations

from flask import Blueprint, request, url_for
from sqlalchemy.engine import Engine

from bot.console import access, entries, releases, start
from bot.console.messages import MESSAGES
from bot.console.pages import Pages
from knowledge.people import Member, Role

MENU: tuple[tuple[str, str, frozenset[Role]], ...] = (("list_releases", "Releases", frozenset()),)


def create_blueprint(engine: Engine, is_secure: bool) -> tuple[Blueprint, Pages]:
    """Return the console, and the table of who may open what.

    Args:
        engine: of the store.
        is_secure: whether people reach it by HTTPS.
    """
    blueprint = Blueprint(
        "console",
        __name__,
        url_prefix="/console",
        static_folder="static",
        template_folder="templates",
    )
    pages = Pages(blueprint, engine, is_secure)
    for part in (access, start, entries, releases):
        part.add_pages(pages)

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
