"""The console as one blueprint."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

from flask import Blueprint, Response, request, url_for
from sqlalchemy.engine import Engine

from bot.banners import LiveBanners
from bot.console import (
    access,
    account,
    banners,
    delivery,
    entries,
    exchange,
    hearing,
    record,
    releases,
    single_sign_on,
    sources,
    start,
    team,
    trying,
)
from bot.console.action_server import ActionServer
from bot.console.messages import MESSAGES
from bot.console.openid import SingleSignOn
from bot.console.pages import Pages, error_page
from bot.rate_limit import RateLimits
from bot.settings import BotSettings
from bot.turn import BannerNote
from knowledge.people import Member, Role

PARTS = (
    access,
    single_sign_on,
    start,
    hearing,
    sources,
    entries,
    releases,
    banners,
    delivery,
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
    ("list_banners", "Banners", frozenset()),
    ("show_delivery", "Delivery", frozenset()),
    ("show_exchange", "Import and export", frozenset()),
    ("show_team", "Team", frozenset({Role.ADMIN})),
    ("show_record", "Record", frozenset()),
    ("show_account", "Account", frozenset()),
)


def create_blueprint(
    engine: Engine,
    settings: BotSettings,
    live_banners: LiveBanners,
    drill_pass: Callable[[], str],
) -> tuple[Blueprint, Pages]:
    """Return the console, and the table of who may open what.

    Args:
        engine: of the store.
        settings: of the gateway.
        live_banners: what is said to everybody now.
        drill_pass: gives what lets the team's own chat take part in drills.
    """
    blueprint = Blueprint(
        "console",
        __name__,
        url_prefix="/console",
        static_folder="static",
        template_folder="templates",
    )
    pages = Pages(
        blueprint,
        engine,
        settings.cookies_need_https,
        ActionServer(settings.actions_url),
        live_banners,
        settings.banner_sites,
        settings.content_locales,
        drill_pass,
        SingleSignOn.from_settings(settings),
        RateLimits(settings.redis),
    )
    for part in PARTS:
        part.add_pages(pages)

    @blueprint.after_request
    def keep_nowhere(response: Response) -> Response:
        """Let no browser and no proxy keep a page of the console; its style may be kept."""
        if request.endpoint != "console.static":
            response.headers["Cache-Control"] = "no-store"
        return response

    def drills() -> list[BannerNote]:
        """Return the drills that are on."""
        shown = live_banners.shown(settings.locale, drills=True)
        return [one for one in shown if one.is_drill]

    # An address that is none, or is asked in another way, belongs to no blueprint.
    @blueprint.app_context_processor
    def words() -> dict[str, object]:
        """Return what every page's template may use."""
        if not is_console(request.path):
            return {}
        return {
            "message": MESSAGES.get(request.args.get("done", ""), ""),
            "static": lambda path: url_for("console.static", filename=path),
            "tokens_css": url_for("widget.static", filename="tokens.css"),
            "more_pages": more_pages,
            "drills": drills,
            "visit_locale": settings.content_locales[0],
            "sso": pages.sso,
            "named": lambda values: [(value, value.replace("_", " ")) for value in values],
            "mark": url_for("widget.static", filename="mark.svg"),
        }

    return blueprint, pages


def is_console(path: str) -> bool:
    """Tell whether an address is one of the console."""
    return path == "/console" or path.startswith("/console/")


def lost_page(status: int, message: str) -> Response | None:
    """Return an error as a page, where it was met in the console; None for other addresses."""
    if not is_console(request.path):
        return None
    return error_page(HTTPStatus(status), message)


def more_pages(member: Member) -> list[tuple[str, str]]:
    """Return the pages in the menu that this person may open, as ``(endpoint, label)``."""
    return [
        (endpoint, label) for endpoint, label, roles in MENU if not roles or roles & member.roles
    ]
