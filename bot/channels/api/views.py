"""Routes of the JSON API."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace

from flask import Blueprint, Response, jsonify, request
from sqlalchemy.exc import SQLAlchemyError

from bot.banners import LiveBanners
from bot.channels.api import openapi
from bot.channels.api.schema import (
    FeedbackRequest,
    MessageRequest,
    SessionRequest,
    TopicsResponse,
    read_body,
)
from bot.errors import FieldError, Problem
from bot.event_log import EventLog
from bot.pipeline import MAX_CHARACTERS, Pipeline
from bot.rate_limit import RateLimits
from bot.replies.compose import Composer
from bot.sessions import Session, SessionError, Sessions
from bot.turn import Message

CHANNEL = "web"
DRILL_CHANNEL = "drill"
LOOK_AGAIN_SECONDS = 3
"""A banner shows within five seconds: this, the gateway's own two, and no more."""


@dataclass(frozen=True)
class ApiParts:
    """What the routes need.

    Attributes:
        pipeline: answers turns.
        composer: words what is said outside a turn.
        sessions: signs and reads tokens.
        events: keeps feedback.
        forget: deletes a conversation everywhere; tells whether it could.
        topics: gives the live topics.
        banners: gives what is said to everybody now.
        readiness: runs the readiness checks.
        default_country: the site's own country, or None.
        message_limit: messages per session.
        session_limit: sessions per address.
        limits: makes limits.
    """

    pipeline: Pipeline
    composer: Composer
    sessions: Sessions
    events: EventLog
    forget: Callable[[str], bool]
    topics: Callable[[], TopicsResponse]
    banners: LiveBanners
    readiness: Callable[[], dict[str, bool]]
    default_country: str | None
    message_limit: str
    session_limit: str
    limits: RateLimits


def create_blueprint(parts: ApiParts) -> Blueprint:  # noqa: C901 one small function per route
    """Return the routes."""
    routes = Blueprint("api", __name__)
    messages = parts.limits.of("messages", parts.message_limit)
    starts = parts.limits.of("sessions", parts.session_limit)

    @routes.post("/api/v1/sessions")
    def start_session() -> tuple[Response, int]:
        """Start a session and return everything that a first screen needs."""
        starts.hit(request.remote_addr or "unknown")
        body = read_body(request, SessionRequest)
        country = body.country or parts.default_country
        composer = parts.composer
        locale = composer.wording.locale
        is_drill = body.drill is not None and parts.sessions.is_drill_pass(body.drill)
        token, expires = parts.sessions.start(locale, country, is_drill)
        shown = parts.banners.shown(locale, country, drills=is_drill)
        welcome = replace(composer.notice("0" * 24, "welcome"), banners=shown)
        names = composer.wording.countries
        return jsonify(
            session=token,
            expires_at=expires.isoformat(timespec="seconds").replace("+00:00", "Z"),
            locale=locale,
            dir=composer.wording.dir,
            country=country,
            notice=composer.wording.consent.model_dump(),
            countries=[
                {"code": code, "name": names.get(code, code)}
                for code in composer.helplines.countries
            ],
            welcome=asdict(welcome),
            max_message_characters=MAX_CHARACTERS,
        ), 201

    @routes.post("/api/v1/messages")
    def send_message() -> Response:
        """Answer one message."""
        session = current_session(parts.sessions)
        messages.hit(session.key)
        body = read_body(request, MessageRequest)
        reply = parts.pipeline.answer_turn(
            Message(
                text=body.text,
                session_key=session.key,
                channel=DRILL_CHANNEL if session.is_drill else CHANNEL,
                locale=session.locale,
                country=body.country or session.country,
                is_drill=session.is_drill,
            )
        )
        return jsonify(asdict(reply))

    @routes.post("/api/v1/feedback")
    def give_feedback() -> tuple[str, int]:
        """Keep what a person thinks of a reply."""
        session = current_session(parts.sessions)
        messages.hit(session.key)
        body = read_body(request, FeedbackRequest)
        try:
            if not parts.events.owns(session.key, body.reply_id):
                raise Problem(404, "There is no such reply in this session.")
        except SQLAlchemyError as error:
            raise Problem(503, "Feedback cannot be kept right now. Please try again.") from error
        if not parts.events.feedback(session.key, body.reply_id, body.rating, body.reason):
            raise Problem(503, "Feedback cannot be kept right now. Please try again.")
        return "", 204

    @routes.delete("/api/v1/sessions/current")
    def end_session() -> tuple[str, int]:
        """Delete the conversation everywhere."""
        session = current_session(parts.sessions)
        if not parts.forget(session.key):
            raise Problem(503, "The conversation cannot be deleted right now. Please try again.")
        return "", 204

    @routes.get("/api/v1/topics")
    def list_topics() -> Response:
        """List the live topics with their questions."""
        return jsonify(parts.topics().model_dump())

    @routes.get("/api/v1/banners")
    def list_banners() -> Response:
        """List what is said to everybody now."""
        session = current_session(parts.sessions) if "Authorization" in request.headers else None
        country = asked_country() or (session.country if session else parts.default_country)
        locale = session.locale if session else parts.composer.wording.locale
        shown = parts.banners.shown(
            locale, country, drills=session is not None and session.is_drill
        )
        response = jsonify(
            banners=[asdict(one) for one in shown], look_again_seconds=LOOK_AGAIN_SECONDS
        )
        response.add_etag()
        response.cache_control.no_cache = True
        response.make_conditional(request)
        return response

    @routes.get("/healthz")
    def health() -> Response:
        """Tell that the web server is alive."""
        return jsonify(status="ok")

    @routes.get("/readyz")
    def ready() -> tuple[Response, int]:
        """Tell what is ready; 503 while anything is not."""
        checks = parts.readiness()
        names = {name: "ok" if fine else "failed" for name, fine in checks.items()}
        fine = all(checks.values())
        return jsonify(ready=fine, checks=names), 200 if fine else 503

    @routes.get("/api/v1/openapi.json")
    def describe() -> Response:
        """Describe this API."""
        return jsonify(openapi.document())

    return routes


def asked_country() -> str | None:
    """Return the country in the address of this request, or None.

    Raises:
        Problem: 422, it is no country code.
    """
    country = request.args.get("country")
    if country is not None and not re.fullmatch("[A-Z]{2}", country):
        wrong = FieldError("country", "write a two-letter code such as NO")
        raise Problem(422, "Some fields are missing or wrong.", (wrong,))
    return country


def current_session(sessions: Sessions) -> Session:
    """Return the session of this request.

    Raises:
        Problem: 401, no token, a forged or an expired one.
    """
    header = request.headers.get("Authorization", "")
    scheme, _, token = header.partition(" ")
    try:
        if scheme.lower() != "bearer":
            raise SessionError("no bearer token")
        return sessions.read(token.strip())
    except SessionError as error:
        raise Problem(
            401, "The session is unknown or has expired: start a new one at /api/v1/sessions."
        ) from error
