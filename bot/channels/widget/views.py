"""Pages of the widget: the loader, the chat in its iframe, the page that shows it in use."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import yaml
from flask import Blueprint, Response, jsonify, make_response, render_template, request, url_for

from bot.channels.api.schema import TopicsResponse

HERE = Path(__file__).parent
PRODUCT_NAME = "Citewell"
# Nothing inline and nothing from elsewhere: a mark that slips into a page cannot run or load.
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "font-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors {ancestors}"
)


@cache
def ui_strings(locale: str) -> dict[str, str]:
    """Return the words of the chat page; English where a language has none."""
    file = HERE / "strings" / f"{locale}.yml"
    if not file.is_file():
        file = HERE / "strings" / "en.yml"
    words: dict[str, str] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return words


def create_blueprint(
    topics: Callable[[], TopicsResponse], frame_ancestors: tuple[str, ...], locale: str
) -> Blueprint:
    """Return the pages.

    Args:
        topics: gives the live topics, for the figures on the front page.
        frame_ancestors: sites that may embed the chat; this site always may.
        locale: language of the pages.
    """
    pages = Blueprint(
        "widget",
        __name__,
        static_folder="static",
        static_url_path="/widget/static",
        template_folder="templates",
    )
    own_csp = CSP.format(ancestors="'self'")
    chat_csp = CSP.format(ancestors=" ".join(dict.fromkeys(["'self'", *frame_ancestors])))

    def page(template: str, csp: str, **words: object) -> Response:
        response = make_response(
            render_template(
                template,
                base_url=request.url_root.rstrip("/"),
                locale=locale,
                dir="ltr",
                product_name=PRODUCT_NAME,
                static=lambda path: url_for("widget.static", filename=path),
                **words,
            )
        )
        response.headers["Content-Security-Policy"] = csp
        return response

    @pages.get("/")
    def home() -> Response:
        """Show the product in use."""
        listed = topics().topics
        count = sum(len(topic.entries) for topic in listed)
        return page("home.html", own_csp, topic_count=len(listed), entry_count=count)

    @pages.get("/widget/chat")
    def chat() -> Response:
        """Show the chat, by itself or in the widget's iframe."""
        return page("chat.html", chat_csp)

    @pages.get("/widget.js")
    def loader() -> Response:
        """Give the loader script, which any site may load."""
        response: Response = pages.send_static_file("widget.js")
        response.headers["Access-Control-Allow-Origin"] = "*"
        response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        response.cache_control.max_age = 300
        return response

    @pages.get("/widget/strings.json")
    def strings() -> Response:
        """Give the words of the chat page."""
        return jsonify(ui_strings(locale))

    return pages


def init_headers(app_after_request: Callable[[Callable[[Response], Response]], object]) -> None:
    """Set the headers that every response carries."""

    def add(response: Response) -> Response:
        headers = response.headers
        headers.setdefault("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
        headers.setdefault("X-Content-Type-Options", "nosniff")
        headers.setdefault("Referrer-Policy", "no-referrer")
        headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        headers.setdefault("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
        if response.mimetype in {"application/json", "application/problem+json"}:
            headers.setdefault("Cache-Control", "no-store")
        return response

    app_after_request(add)
