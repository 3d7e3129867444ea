"""The pages: all topics, one topic, one answer; the same as data; a map of them for search engines.

All are made of what is in memory: no request reads the store unless a look at it is due.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from http import HTTPStatus

from flask import Blueprint, Response, redirect, send_from_directory
from sqlalchemy.engine import Engine
from werkzeug.wrappers import Response as AnyResponse

from bot.faq import contents
from bot.faq.live import LiveAnswers
from bot.faq.site import HERE, Banners, Lost, Site, Visit, make_of_pages, no_banners, today_in_utc
from bot.faq.words import all_words

STYLE_SECONDS = 7 * 24 * 3600
"""Its address changes with it."""


def create_blueprint(
    engine: Engine,
    locale: str,
    banners: Banners | None = None,
    today: Callable[[], date] = today_in_utc,
) -> Blueprint:
    """Return the pages.

    Args:
        engine: of the store.
        locale: language of the site; answers in others are at ``?lang=``.
        banners: gives what is said to everybody above the answers.
        today: gives the day, in UTC.

    Raises:
        ReplyFileError: a file of words is broken.
    """
    all_words()
    pages = Blueprint("faq", __name__, template_folder="templates")
    site = Site(LiveAnswers(engine), locale, banners or no_banners, today, make_of_pages())
    _add_pages(pages, site)
    _add_data(pages, site)

    @pages.get("/answers.css")
    def style() -> Response:
        """Give the style of the pages."""
        return send_from_directory(HERE / "static", "faq.css", max_age=STYLE_SECONDS)

    @pages.errorhandler(Lost)
    def show_lost(error: Lost) -> Response:
        """Say that there is no such page, and where to go instead."""
        return site.lost(error)

    return pages


def _add_pages(pages: Blueprint, site: Site) -> None:
    # A slash at the end is how people shorten an address by hand.
    @pages.get("/answers", strict_slashes=False)
    def show_index() -> AnyResponse:
        """List all topics of a language."""
        visit = site.visit()
        return site.page(visit, None, lambda: contents.index_page(visit))

    @pages.get("/answers/<topic>", strict_slashes=False)
    def show_topic(topic: str) -> AnyResponse:
        """Show a topic with the short answers."""
        visit = site.visit()
        live = visit.shelf.in_locale(visit.locale).get(topic)
        if live is None:
            raise Lost(HTTPStatus.NOT_FOUND, visit.locale)
        return site.page(visit, topic, lambda: contents.topic_page(visit, live))

    @pages.get("/answers/<topic>/<entry_id>", strict_slashes=False)
    def show_entry(topic: str, entry_id: str) -> AnyResponse:
        """Show an answer; its old address leads on where its topic changed."""
        visit = site.visit()
        pair = visit.shelf.entries.get((visit.locale, entry_id))
        if pair is None:
            raise _lost_entry(visit, topic, entry_id)
        if pair.topic.slug != topic:
            return redirect(visit.to.entry(pair.topic, pair.entry), HTTPStatus.MOVED_PERMANENTLY)
        live = visit.shelf.in_locale(visit.locale)[topic]
        return site.page(visit, topic, lambda: contents.entry_page(visit, live, pair.entry))


def _lost_entry(visit: Visit, topic: str, entry_id: str) -> Lost:
    """Return the error for an entry that is not live: 410 where it was once."""
    was_live = (visit.locale, entry_id) in visit.shelf.gone
    near = visit.shelf.in_locale(visit.locale).get(topic)
    status = HTTPStatus.GONE if was_live else HTTPStatus.NOT_FOUND
    return Lost(status, visit.locale, near.topic if near else None)


def _add_data(pages: Blueprint, site: Site) -> None:
    @pages.get("/answers.jsonld")
    def show_data() -> AnyResponse:
        """Give all live answers in the words of schema.org; with ``?lang=`` those of a language."""
        visit = site.visit()
        return site.kept(visit, (), lambda: contents.data(visit))

    @pages.get("/answers/sitemap.xml")
    def show_map() -> AnyResponse:
        """Give the addresses of all pages, for search engines."""
        visit = site.visit()
        return site.kept(visit, (), lambda: contents.site_map(visit))
