"""What all pages share: which release and language a request is about, and how a response leaves.

An entity tag names the release, the day (answers expire by day), the notices above the page and the
make of the pages, so that an unchanged page costs one header.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from http import HTTPStatus
from pathlib import Path
from typing import NamedTuple

import langcodes
from flask import Response, make_response, render_template, request, url_for

from bot.faq.addresses import Addresses
from bot.faq.live import LiveAnswers, Shelf
from bot.faq.words import Words, all_words, direction, words_for
from bot.replies.compose import CDC_HOME, WHO_HOME
from bot.turn import BannerNote
from knowledge.entry import Topic

HERE = Path(__file__).parent
PAGE_SECONDS = 60
"""How long a browser may show a page without asking: not longer than a notice can wait."""
CSP = (
    "default-src 'none'; script-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'self'"
)


Banners = Callable[[str, str | None], Sequence[BannerNote]]
"""Gives what is shown now in a language, on all pages (None) or on those of a topic (its slug)."""


class Lost(Exception):
    """There is no page to show.

    Attributes:
        status: 404, 410 for what was there once, or 503 while nothing could be read yet.
        locale: language that was asked for.
        topic: a topic to go on with, or None.
    """

    def __init__(self, status: HTTPStatus, locale: str, topic: Topic | None = None) -> None:
        super().__init__(status.phrase)
        self.status = status
        self.locale = locale
        self.topic = topic


class Page(NamedTuple):
    """What stands on a page."""

    template: str
    content: Mapping[str, object]


@dataclass(frozen=True)
class Visit:
    """One request.

    Attributes:
        shelf: what is live.
        locale: language of the page.
        day: the day it is.
        words: what is said around the answers.
        to: makes addresses.
    """

    shelf: Shelf
    locale: str
    day: date
    words: Words
    to: Addresses

    @property
    def out(self) -> Addresses:
        """Makes addresses with the host, for other sites."""
        return Addresses(self.to.site_locale, is_whole=True)


def today_in_utc() -> date:
    """Return the day it is in UTC."""
    return datetime.now(UTC).date()


def country_name(code: str | None, locale: str) -> str:
    """Return a country's name in a language; "" for none."""
    return langcodes.Language.make(territory=code).territory_name(locale) if code else ""


def no_banners(_locale: str, _topic: str | None) -> Sequence[BannerNote]:
    """Return that there is nothing to say to everybody."""
    return ()


class Site:
    """What all pages share."""

    def __init__(
        self,
        answers: LiveAnswers,
        locale: str,
        banners: Banners,
        today: Callable[[], date],
        make: str,
    ) -> None:
        """Take what the pages are made of; the arguments are those of ``create_blueprint``.

        Args:
            answers: gives what is live.
            locale: language of the site.
            banners: gives what is said above the answers.
            today: gives the day.
            make: changes with the templates, the style and the words.
        """
        self._answers = answers
        self._locale = locale
        self._banners = banners
        self._today = today
        self._make = make

    def visit(self) -> Visit:
        """Return what this request is answered with.

        Raises:
            Lost: nothing could be read yet, or nothing is live in the language asked for.
        """
        shelf = self._answers.shelf()
        if shelf is None:
            raise Lost(HTTPStatus.SERVICE_UNAVAILABLE, self._locale)
        asked = request.args.get("lang", self._locale)
        locale = self._locale if asked == self._locale else shelf.locale_named(asked)
        if locale is None:
            raise Lost(HTTPStatus.NOT_FOUND, self._locale)
        words = words_for(locale, self._locale)
        return Visit(shelf, locale, self._today(), words, Addresses(self._locale))

    def page(self, visit: Visit, topic: str | None, make: Callable[[], Page]) -> Response:
        """Return a page, with the notices above it.

        Args:
            visit: this request.
            topic: slug of the topic that it is about, or None.
            make: gives what stands on it.
        """
        notices = tuple(self._banners(visit.locale, topic))

        def rendered() -> Response:
            page = make()
            return html(
                page.template,
                visit.words,
                visit.locale,
                self._make,
                **page.content,
                to=visit.to,
                notices=[(one, country_name(one.country, visit.locale)) for one in notices],
            )

        return self.kept(visit, notices, rendered)

    def kept(
        self, visit: Visit, notices: Sequence[BannerNote], make: Callable[[], Response]
    ) -> Response:
        """Return a response that browsers and proxies may keep; 304 where they have it already."""
        said = "\n".join(f"{one.text}\t{one.country}\t{one.link}" for one in notices)
        tag = f"{visit.shelf.release_id or 0}-{visit.day}-{self._make}-{digest(said)}"
        known = request.if_none_match.contains_weak(tag)
        response = Response(status=HTTPStatus.NOT_MODIFIED) if known else make()
        # Weak: a proxy that compresses sends the same words in other bytes.
        response.set_etag(tag, weak=True)
        return public(response)

    def lost(self, error: Lost) -> Response:
        """Return the page that says that there is none, and where to go instead."""
        away = error.status is HTTPStatus.SERVICE_UNAVAILABLE
        names = {HTTPStatus.GONE: "gone", HTTPStatus.SERVICE_UNAVAILABLE: "away"}
        words = words_for(error.locale, self._locale)
        response = html(
            "lost.html",
            words,
            error.locale,
            self._make,
            to=Addresses(self._locale),
            name=names.get(error.status, "missing"),
            topic=error.topic,
            is_away=away,
            outside=((words.wording.links.cdc, CDC_HOME), (words.wording.links.who, WHO_HOME)),
        )
        response.status_code = error.status
        if away:
            response.headers["Retry-After"] = str(PAGE_SECONDS)
            response.headers["Cache-Control"] = "no-store"
            return response
        return public(response)


def make_of_pages() -> str:
    """Return what changes when the code, the templates, the style or the words of the pages do."""
    kinds = {".css", ".html", ".py", ".xml"}
    files = sorted(file for file in HERE.rglob("*") if file.suffix in kinds)
    texts = [file.read_text(encoding="utf-8") for file in files]
    return digest("\n".join([*texts, repr(all_words())]))


def digest(text: str) -> str:
    """Return what changes when a text does."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def html(template: str, words: Words, locale: str, make: str, **content: object) -> Response:
    """Return a page.

    Args:
        template: of the page.
        words: what is said around the answers.
        locale: language of the answers; words of another one are marked as such.
        make: of the style.
        content: what stands on the page.
    """
    labels = words.labels
    is_mixed = labels.locale != locale and labels.locale != locale.partition("-")[0]
    response = make_response(
        render_template(
            f"faq/{template}",
            words=words,
            labels=labels,
            locale=locale,
            dir=direction(locale),
            said={"lang": labels.locale, "dir": labels.dir} if is_mixed else {},
            style=url_for("faq.style", v=make),
            static=lambda path: url_for("widget.static", filename=path),
            **content,
        )
    )
    response.headers["Content-Security-Policy"] = CSP
    return response


def public(response: Response) -> Response:
    """Let browsers and proxies keep a response for a short time."""
    response.cache_control.public = True
    response.cache_control.max_age = PAGE_SECONDS
    return response
