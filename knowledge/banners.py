"""What is said to everybody in a crisis: for a time, in a language and region, by somebody named.

A banner ends by itself. Its words never change: whoever changes one takes it down and sets another
in one step, so that the record tells who said what from when to when. A drill is a banner that only
the content team sees.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import langcodes
import sqlalchemy as sa
from sqlalchemy.orm import Session

from knowledge.audit import record
from knowledge.checks.provenance import ALLOWED_HOSTS
from knowledge.checks.wording import DIAGNOSIS, DOSE, PROMISE
from knowledge.people import Member, Role
from knowledge.schema import Banner, Person, now

LONGEST = timedelta(days=31)
"""A crisis that lasts longer deserves an answer of its own."""
MOST_AT_ONCE = 3
LONGEST_TEXT = 300
LONGEST_TITLE = 120
LONGEST_URL = 400
SITES = frozenset().union(*ALLOWED_HOSTS.values())
"""Sites that a banner may always link."""


class BannerError(Exception):
    """What was asked cannot be done.

    Attributes:
        errors: what is wrong, by the name of the field; "" for the banner as a whole.
    """

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{k}: {v}" if k else v for k, v in errors.items()))
        self.errors = dict(errors)


@dataclass(frozen=True)
class Words:
    """What a banner says, to whom, and when.

    Attributes:
        text: the words, 300 characters at most.
        link_title: name of the page to go to.
        link_url: its address, on a site that is allowed.
        locale: language of the people who see it; None for all.
        country: ISO 3166 code of the country that it is about; None for everywhere.
        topics: slugs of topics above whose answers it stands too.
        starts_at: from when on.
        ends_at: until when, a month later at most.
        is_drill: whether only the content team sees it.
    """

    text: str
    link_title: str
    link_url: str
    starts_at: datetime
    ends_at: datetime
    locale: str | None = None
    country: str | None = None
    topics: tuple[str, ...] = ()
    is_drill: bool = False


@dataclass(frozen=True)
class Line:
    """A banner in a list.

    Attributes:
        id: of the banner.
        words: what it says.
        owner: name of the person who set it.
        ended_at: when somebody took it down early, or None.
    """

    id: int
    words: Words
    owner: str
    ended_at: datetime | None

    def state(self, moment: datetime) -> str:
        """Return ``showing``, ``planned``, ``taken_down`` or ``over``."""
        if self.ended_at is not None:
            return "taken_down"
        if self.words.ends_at <= moment:
            return "over"
        return "planned" if self.words.starts_at > moment else "showing"


def announce(
    session: Session,
    member: Member,
    words: Words,
    *,
    topics: Collection[str],
    sites: Collection[str] = (),
    instead_of: int | None = None,
) -> int:
    """Set a banner; return its id.

    Args:
        session: a transaction.
        member: who speaks up, and stays named as its owner.
        words: what it says.
        topics: slugs of the topics that exist.
        sites: hosts that it may link beside those of CDC and WHO.
        instead_of: a banner that is taken down in the same moment.

    Raises:
        NotAllowed: the member is no publisher.
        BannerError: a field makes no sense, or there would be too many at once.
    """
    member.must_be(Role.PUBLISHER, "setting a banner")
    words = _tidied(words)
    errors = _errors(words, topics, SITES | set(sites))
    if errors:
        raise BannerError(errors)
    if instead_of is not None:
        take_down(session, member, instead_of)
    if not words.is_drill and _beside(session, words) >= MOST_AT_ONCE:
        raise BannerError(
            {
                "": f"{MOST_AT_ONCE} banners are set for that time already, and more are read by "
                "nobody: take one down first"
            }
        )
    row = Banner(
        text=words.text,
        link_title=words.link_title,
        link_url=words.link_url,
        locale=words.locale,
        country=words.country,
        topics=list(words.topics),
        starts_at=words.starts_at,
        ends_at=words.ends_at,
        is_drill=words.is_drill,
        person_id=member.id,
    )
    session.add(row)
    session.flush()
    record(
        session,
        member.id,
        "banner.set",
        str(row.id),
        text=words.text,
        link=words.link_url,
        locale=words.locale,
        country=words.country,
        topics=list(words.topics),
        starts=words.starts_at.isoformat(),
        ends=words.ends_at.isoformat(),
        drill=words.is_drill,
        instead_of=instead_of,
    )
    return row.id


def take_down(session: Session, member: Member, banner_id: int) -> None:
    """Take a banner down now; ``put_back`` undoes it.

    Raises:
        NotAllowed: the member is no publisher.
        BannerError: there is no such banner, or it is down already.
    """
    member.must_be(Role.PUBLISHER, "taking a banner down")
    row = _row(session, banner_id)
    if row.ended_at is not None or row.ends_at <= now():
        raise BannerError({"": "this banner is down already"})
    row.ended_at = now()
    record(session, member.id, "banner.taken_down", str(banner_id))


def put_back(session: Session, member: Member, banner_id: int) -> None:
    """Show a banner again that was taken down before its end.

    Raises:
        NotAllowed: the member is no publisher.
        BannerError: it was not taken down, its end has come, or there would be too many at once.
    """
    member.must_be(Role.PUBLISHER, "putting a banner back")
    row = _row(session, banner_id)
    if row.ended_at is None:
        raise BannerError({"": "this banner was not taken down"})
    words = words_of(row)
    if words.ends_at <= now():
        raise BannerError({"": "its end has come by now: set a new one"})
    if not words.is_drill and _beside(session, words) >= MOST_AT_ONCE:
        raise BannerError({"": f"{MOST_AT_ONCE} banners are set already: take one down first"})
    row.ended_at = None
    record(session, member.id, "banner.put_back", str(banner_id))


def banner_lines(session: Session, limit: int = 100) -> list[Line]:
    """Return the banners with their owners, the newest first."""
    asked = (
        sa.select(Banner, Person.name)
        .join(Person, Person.id == Banner.person_id)
        .order_by(Banner.id.desc())
        .limit(limit)
    )
    return [Line(row.id, words_of(row), name, row.ended_at) for row, name in session.execute(asked)]


def coming(session: Session, moment: datetime) -> Sequence[Banner]:
    """Return the banners that are up or will be, drills too, the newest first."""
    asked = sa.select(Banner).where(Banner.ended_at.is_(None), Banner.ends_at > moment)
    return session.scalars(asked.order_by(Banner.id.desc())).all()


def publisher_of(url: str) -> str:
    """Return who publishes a page: CDC, WHO, or the name of its site."""
    host = urlsplit(url).hostname or ""
    return next((name for name, hosts in ALLOWED_HOSTS.items() if host in hosts), host)


def words_of(row: Banner) -> Words:
    """Return what a banner says."""
    return Words(
        text=row.text,
        link_title=row.link_title,
        link_url=row.link_url,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        locale=row.locale,
        country=row.country,
        topics=tuple(row.topics),
        is_drill=row.is_drill,
    )


def _row(session: Session, banner_id: int) -> Banner:
    row = session.get(Banner, banner_id)
    if row is None:
        raise BannerError({"": f"there is no banner {banner_id}"})
    return row


def _beside(session: Session, words: Words) -> int:
    """Return how many banners that people see are set for some of the same time."""
    asked = (
        sa.select(sa.func.count())
        .select_from(Banner)
        .where(
            Banner.ended_at.is_(None),
            Banner.is_drill.is_(False),
            Banner.starts_at < words.ends_at,
            Banner.ends_at > words.starts_at,
        )
    )
    return session.scalar(asked) or 0


def _tidied(words: Words) -> Words:
    return Words(
        text=" ".join(words.text.split()),
        link_title=" ".join(words.link_title.split()),
        link_url=words.link_url.strip(),
        starts_at=words.starts_at,
        ends_at=words.ends_at,
        locale=words.locale or None,
        country=(words.country or "").strip().upper() or None,
        topics=tuple(dict.fromkeys(words.topics)),
        is_drill=words.is_drill,
    )


def _errors(words: Words, topics: Collection[str], sites: Collection[str]) -> dict[str, str]:
    """Return what is wrong with a banner, by field."""
    errors = {
        "text": _of_text(words.text, LONGEST_TEXT),
        "link_title": _of_text(words.link_title, LONGEST_TITLE),
        "link_url": _of_link(words.link_url, sites),
        "starts_at": _of_time(words),
        "ends_at": "has to lie in the future" if words.ends_at <= now() else "",
    }
    if words.locale is not None and not langcodes.tag_is_valid(words.locale):
        errors["locale"] = f"{words.locale!r} is no language: write `en` or leave it empty"
    if words.country is not None and not (len(words.country) == 2 and words.country.isalpha()):
        errors["country"] = "write a two-letter code such as NO, or leave it empty"
    unknown = sorted(set(words.topics) - set(topics))
    if unknown:
        errors["topics"] = f"there is no topic {unknown[0]!r}"
    return {name: sentence for name, sentence in errors.items() if sentence}


def _of_text(text: str, longest: int) -> str:
    if not text:
        return "write something here"
    if len(text) > longest:
        return f"may have {longest} characters at most, and has {len(text)}"
    for pattern, sentence in (
        (DOSE, "names a dose, which Citewell never does"),
        (DIAGNOSIS, "tells a person what they have, which Citewell never does"),
        (PROMISE, "promises something"),
    ):
        if found := pattern.search(text):
            return f"{sentence}: {found[0]!r}"
    return ""


def _of_link(url: str, sites: Collection[str]) -> str:
    if len(url) > LONGEST_URL:
        return f"may have {LONGEST_URL} characters at most, and has {len(url)}"
    try:
        parts = urlsplit(url)
    except ValueError:
        return "is no address"
    if parts.scheme != "https" or not parts.hostname:
        return "write the whole address, beginning with https://"
    if parts.hostname not in sites or parts.username or parts.port:
        return f"has to be on one of these sites: {', '.join(sorted(sites))}"
    return ""


def _of_time(words: Words) -> str:
    if words.ends_at <= words.starts_at:
        return "has to lie before the end"
    if words.ends_at - words.starts_at > LONGEST:
        return f"and the end lie more than {LONGEST.days} days apart"
    return ""
