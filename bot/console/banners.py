"""Banners: what everybody is told in a crisis, and drills that only the team sees."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from http import HTTPStatus

from flask import redirect, request, url_for

from bot.console.pages import Page, Pages, Refused, Visit, done, page
from knowledge import banners, desk
from knowledge.banners import BannerError, Words
from knowledge.people import NotAllowed, Role
from knowledge.schema import Banner, now

SHOWN_FOR = timedelta(days=3)
A_FIELD = "%Y-%m-%dT%H:%M"
STEPS = {
    "down": ("banner_ended", banners.take_down),
    "back": ("banner_back", banners.put_back),
}


def add_pages(pages: Pages) -> None:  # noqa: C901 one small function per route
    """Add the pages."""

    @pages.get("/banners")
    def list_banners(visit: Visit) -> Page:
        """List the banners."""
        return banners_page(visit)

    @pages.get("/banners/new", Role.PUBLISHER)
    def new_banner(visit: Visit) -> Page:
        """Show the form for a banner, filled from another one where that is asked for."""
        like = request.args.get("like", type=int)
        row = visit.session.get(Banner, like) if like is not None else None
        if like is not None and row is None:
            raise Refused(HTTPStatus.NOT_FOUND, f"There is no banner {like}.")
        fields = fields_of(banners.words_of(row)) if row else empty_fields()
        if request.args.get("instead") and row:
            fields["instead_of"] = str(row.id)
        elif row and row.is_drill:
            fields |= {"drill": "", "starts_at": "", "ends_at": until(SHOWN_FOR)}
        return form(pages, visit, fields)

    @pages.post("/banners/new", Role.PUBLISHER)
    def set_banner(visit: Visit) -> Page:
        """Set a banner, or show it first."""
        fields = dict(request.form)
        chosen = request.form.getlist("topics")
        try:
            words = words_of(fields, chosen)
            with visit.session.begin_nested() as point:
                banners.announce(
                    visit.session,
                    visit.member,
                    words,
                    topics=desk.known_topics(visit.session),
                    sites=pages.banner_sites,
                    instead_of=request.form.get("instead_of", type=int),
                )
                if "look" in fields:
                    point.rollback()
        except BannerError as error:
            return form(pages, visit, fields, error.errors, chosen)
        if "look" in fields:
            return form(pages, visit, fields, {}, chosen, words)
        return done("list_banners", "drill_set" if words.is_drill else "banner_set")

    @pages.post("/banners/<int:banner_id>/<step>", Role.PUBLISHER)
    def move_banner(visit: Visit, banner_id: int, step: str) -> Page:
        """Take a banner down, or put it back."""
        if step not in STEPS:
            raise Refused(HTTPStatus.NOT_FOUND, "There is no such step.")
        code, act = STEPS[step]
        try:
            with visit.session.begin_nested():
                act(visit.session, visit.member, banner_id)
        except (BannerError, NotAllowed) as error:
            return banners_page(visit, error)
        return done("list_banners", code)

    @pages.post("/banners/drill")
    def join_drill(visit: Visit) -> Page:
        """Open the chat as people would see it if the drill were real."""
        return redirect(url_for("widget.chat", drill=pages.drill_pass()), HTTPStatus.SEE_OTHER)


def banners_page(visit: Visit, error: Exception | None = None) -> Page:
    """Show all banners."""
    moment = now()
    return page(
        "banners.html",
        HTTPStatus.CONFLICT if error else HTTPStatus.OK,
        visit=visit,
        lines=[(line, line.state(moment)) for line in banners.banner_lines(visit.session)],
        moment=moment,
        error=error,
    )


def form(
    pages: Pages,
    visit: Visit,
    fields: Mapping[str, str],
    errors: Mapping[str, str] | None = None,
    chosen: list[str] | None = None,
    preview: Words | None = None,
) -> Page:
    """Show the form of a banner.

    Args:
        pages: the console.
        visit: this request.
        fields: what stands in it.
        errors: what is wrong, by field.
        chosen: slugs of the topics that are ticked; None takes them from the fields.
        preview: what it would say, to be shown as people would see it.
    """
    return page(
        "banner.html",
        HTTPStatus.BAD_REQUEST if errors else HTTPStatus.OK,
        visit=visit,
        fields=fields,
        errors=errors or {},
        chosen=fields.get("topics", "").split() if chosen is None else chosen,
        topics=desk.known_topics(visit.session),
        sites=sorted(banners.SITES | pages.banner_sites),
        moment=now(),
        preview=preview,
        limits=banners,
    )


def words_of(fields: Mapping[str, str], topics: list[str]) -> Words:
    """Return what a form says.

    Raises:
        BannerError: a time is none.
    """
    times: dict[str, datetime] = {}
    errors: dict[str, str] = {}
    for name in ("starts_at", "ends_at"):
        text = fields.get(name, "").strip()
        try:
            times[name] = (
                now()
                if name == "starts_at" and not text
                else datetime.strptime(text[:16], A_FIELD).replace(tzinfo=UTC)
            )
        except ValueError:
            errors[name] = "write a day and a time in UTC: 2027-01-31T14:00"
    if errors:
        raise BannerError(errors)
    return Words(
        text=fields.get("text", ""),
        link_title=fields.get("link_title", ""),
        link_url=fields.get("link_url", ""),
        locale=fields.get("locale", "").strip() or None,
        country=fields.get("country", "").strip() or None,
        topics=tuple(topics),
        is_drill=bool(fields.get("drill")),
        **times,
    )


def fields_of(words: Words) -> dict[str, str]:
    """Return a banner as fields."""
    return {
        "text": words.text,
        "link_title": words.link_title,
        "link_url": words.link_url,
        "locale": words.locale or "",
        "country": words.country or "",
        "topics": " ".join(words.topics),
        "starts_at": words.starts_at.strftime(A_FIELD),
        "ends_at": words.ends_at.strftime(A_FIELD),
        "drill": "1" if words.is_drill else "",
    }


def empty_fields() -> dict[str, str]:
    """Return the fields of a new banner."""
    return {"ends_at": until(SHOWN_FOR)}


def until(time: timedelta) -> str:
    """Return the moment after a time as a field."""
    return (now() + time).strftime(A_FIELD)
