"""Banners: what may be said, by whom, for how long; on SQLite and PostgreSQL."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.engine import Engine

from knowledge import banners, people
from knowledge.audit import read_audit
from knowledge.banners import LONGEST, BannerError, Words
from knowledge.people import Member, NotAllowed, Role
from knowledge.schema import Person, now
from knowledge.store import transaction

TOPICS = {"flood": None, "cholera": None}
HOUR = timedelta(hours=1)


def join(store: Engine, *roles: Role) -> Member:
    """Let somebody in."""
    with transaction(store) as session:
        person = Person(email=f"{'-'.join(roles) or 'nobody'}@example.org", name="Paul")
        session.add(person)
        session.flush()
        for role in roles:
            people.grant(session, person.id, role, None, None)
        found = people.member(session, person.id)
    assert found is not None
    return found


@pytest.fixture
def paul(store: Engine) -> Member:
    """Paul, who publishes."""
    return join(store, Role.PUBLISHER)


def words(**other: Any) -> Words:
    """Return a banner that may be set, but for what is given."""
    start = now()
    known = Words(
        text="Boil water before you drink it.",
        link_title="Cholera",
        link_url="https://www.cdc.gov/cholera/index.html",
        starts_at=start,
        ends_at=start + HOUR,
    )
    return replace(known, **other)


def announce(store: Engine, who: Member, said: Words, **other: Any) -> int:
    """Set a banner in a transaction of its own."""
    with transaction(store) as session:
        return banners.announce(session, who, said, topics=TOPICS, **other)


def state_of(store: Engine, banner_id: int, at: datetime | None = None) -> str:
    """Return where a banner is."""
    with transaction(store) as session:
        lines = {line.id: line for line in banners.banner_lines(session)}
    return lines[banner_id].state(at or now())


def test_a_banner_has_an_owner_and_goes_through_its_states(store: Engine, paul: Member) -> None:
    said = words(text="  Boil   water. ", country="no", topics=("flood", "flood"))
    banner_id = announce(store, paul, said)
    with transaction(store) as session:
        (line,) = banners.banner_lines(session)
        actions = [(one.action, one.who, one.detail.get("text")) for _, one in read_audit(session)]
    assert (line.id, line.owner) == (banner_id, "Paul")
    assert line.words.text == "Boil water."
    assert (line.words.country, line.words.topics) == ("NO", ("flood",))
    assert ("banner.set", "Paul", "Boil water.") in actions
    assert line.state(said.starts_at) == "showing"
    assert line.state(said.starts_at - HOUR) == "planned"
    assert line.state(said.ends_at) == "over"


def test_a_banner_taken_down_can_be_put_back_until_its_end(store: Engine, paul: Member) -> None:
    banner_id = announce(store, paul, words())
    with transaction(store) as session:
        banners.take_down(session, paul, banner_id)
        assert list(banners.coming(session, now())) == []
    assert state_of(store, banner_id) == "taken_down"
    with transaction(store) as session, pytest.raises(BannerError, match="down already"):
        banners.take_down(session, paul, banner_id)
    with transaction(store) as session:
        banners.put_back(session, paul, banner_id)
    assert state_of(store, banner_id) == "showing"
    with transaction(store) as session, pytest.raises(BannerError, match="not taken down"):
        banners.put_back(session, paul, banner_id)
    with transaction(store) as session:
        assert {one.action for _, one in read_audit(session)} >= {
            "banner.set",
            "banner.taken_down",
            "banner.put_back",
        }


def test_a_change_takes_the_old_words_down_in_the_same_moment(store: Engine, paul: Member) -> None:
    before = announce(store, paul, words())
    after = announce(store, paul, words(text="Boil water for longer."), instead_of=before)
    assert (state_of(store, before), state_of(store, after)) == ("taken_down", "showing")


def test_a_refused_change_leaves_the_old_words_up(store: Engine, paul: Member) -> None:
    before = announce(store, paul, words())
    with pytest.raises(BannerError):
        announce(store, paul, words(text=""), instead_of=before)
    assert state_of(store, before) == "showing"


def test_no_more_than_three_are_set_for_one_time(store: Engine, paul: Member) -> None:
    later = words(starts_at=now() + 5 * HOUR, ends_at=now() + 6 * HOUR)
    first, *_ = [announce(store, paul, words()) for _ in range(3)]
    with pytest.raises(BannerError, match="take one down first"):
        announce(store, paul, words())
    announce(store, paul, later)
    announce(store, paul, words(is_drill=True))
    announce(store, paul, words(), instead_of=first)
    with transaction(store) as session, pytest.raises(BannerError, match="take one down first"):
        banners.put_back(session, paul, first)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("text", " ", "write something"),
        ("text", "x" * 301, "300 characters at most, and has 301"),
        ("text", "Take 500 mg of it.", "names a dose"),
        ("text", "You have measles, stay home.", "tells a person what they have"),
        ("text", "The water is completely safe.", "promises something"),
        ("link_title", "", "write something"),
        ("link_title", "x" * 121, "120 characters"),
        ("link_url", "http://www.cdc.gov/", "beginning with https"),
        ("link_url", "https://www.cdc.gov.example.org/", "has to be on one of these sites"),
        ("link_url", "https://me@www.cdc.gov/", "has to be on one of these sites"),
        ("link_url", "https://www.cdc.gov:8443/", "has to be on one of these sites"),
        ("link_url", "javascript:alert(1)", "beginning with https"),
        ("link_url", "https://[", "is no address"),
        ("link_url", "https://www.cdc.gov/" + "x" * 400, "400 characters"),
        ("locale", "klingonisch-language", "is no language"),
        ("country", "NOR", "two-letter code"),
        ("country", "1A", "two-letter code"),
        ("topics", ("flood", "unicorns"), "there is no topic 'unicorns'"),
    ],
)
def test_what_a_banner_may_not_say(
    store: Engine, paul: Member, field: str, value: object, said: str
) -> None:
    with pytest.raises(BannerError, match=said) as caught:
        announce(store, paul, words(**{field: value}))
    assert list(caught.value.errors) == [field]
    with transaction(store) as session:
        assert banners.banner_lines(session) == []


def test_times_make_sense(store: Engine, paul: Member) -> None:
    start = now()
    for said, field in (
        (words(ends_at=start - HOUR, starts_at=start - 2 * HOUR), "ends_at"),
        (words(ends_at=start + HOUR, starts_at=start + HOUR), "starts_at"),
        (words(ends_at=start + LONGEST + HOUR), "starts_at"),
    ):
        with pytest.raises(BannerError) as caught:
            announce(store, paul, said)
        assert field in caught.value.errors


def test_a_site_of_the_operators_own_may_be_linked(store: Engine, paul: Member) -> None:
    said = words(link_url="https://www.fhi.no/en/")
    with pytest.raises(BannerError):
        announce(store, paul, said)
    announce(store, paul, said, sites={"www.fhi.no"})
    assert banners.publisher_of(said.link_url) == "www.fhi.no"
    assert banners.publisher_of("https://www.who.int/x") == "WHO"


@pytest.mark.parametrize("role", [Role.AUTHOR, Role.REVIEWER, Role.ADMIN])
def test_only_publishers_speak_up(store: Engine, paul: Member, role: Role) -> None:
    other = join(store, role)
    banner_id = announce(store, paul, words())
    for step in (banners.take_down, banners.put_back):
        with transaction(store) as session, pytest.raises(NotAllowed):
            step(session, other, banner_id)
    with pytest.raises(NotAllowed):
        announce(store, other, words())


def test_there_is_no_such_banner(store: Engine, paul: Member) -> None:
    with transaction(store) as session, pytest.raises(BannerError, match="no banner 99"):
        banners.take_down(session, paul, 99)
