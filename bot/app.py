"""The web process: puts the parts together; imports neither torch nor rasa, so it starts fast."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import timedelta

import httpx
from flask import Blueprint, Flask
from flask.json.provider import DefaultJSONProvider
from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.middleware.proxy_fix import ProxyFix

from bot import errors
from bot.banners import LiveBanners
from bot.bell import RedisBell
from bot.channels.api import views as api
from bot.channels.desk import views as desk
from bot.channels.messenger import views as messenger
from bot.channels.telegram import views as telegram
from bot.channels.webhook import views as webhook
from bot.channels.whatsapp import views as whatsapp
from bot.channels.widget import views as widget
from bot.console import views as console
from bot.content_api import views as content_api
from bot.event_log import EventLog
from bot.faq import views as faq
from bot.gateway import MESSAGING_HEART, build_gateway
from bot.messaging.handovers import Handovers
from bot.messaging.inbox import Inbox
from bot.messaging.outbox import Outbox
from bot.messaging.sealing import Sealer
from bot.rasa_client import RasaClient
from bot.rate_limit import RateLimits
from bot.safety.log_lines import set_up_logging
from bot.sessions import Sessions
from bot.settings import BotSettings, read_bot_settings
from bot.topics import LiveTopics
from knowledge.store import connect, live_release_id, transaction

logger = logging.getLogger(__name__)
MAX_BODY_BYTES = 256 * 1024
WORKER_SILENT_SECONDS = 150.0


class _Json(DefaultJSONProvider):
    """Compact JSON with its keys in the order that was written."""

    sort_keys = False
    ensure_ascii = False
    compact = True


def create_app(settings: BotSettings | None = None) -> Flask:
    """Return the app.

    Args:
        settings: read from the environment by default.

    Raises:
        SettingError: a setting makes no sense.
        ReplyFileError: a file of wording, helplines or contacts is broken.
        TriageRulesError: the triage rules are broken.
    """
    settings = settings or read_bot_settings()
    set_up_logging(settings.knowledge.log_level)
    app = Flask(__name__, static_folder=None)
    app.json = _Json(app)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, hops, hops, hops, hops)  # type: ignore[method-assign]
    errors.init_app(app, console.lost_page)
    engine = connect(settings.knowledge.database_url)
    topics, banners = LiveTopics(engine, settings.locale), LiveBanners(engine)
    sessions = Sessions(settings.secret_key, settings.session_seconds)
    app.register_blueprint(
        api.create_blueprint(_api_parts(settings, engine, topics, banners, sessions))
    )
    app.register_blueprint(
        widget.create_blueprint(topics.topics, settings.frame_ancestors, settings.locale)
    )
    console_pages, app.extensions["console"] = console.create_blueprint(
        engine, settings, banners, sessions.drill_pass
    )
    app.register_blueprint(console_pages)
    content_routes, app.extensions["content_api"] = content_api.create_blueprint(
        engine, settings.content_api_limit, RateLimits(settings.redis)
    )
    app.register_blueprint(content_routes)
    app.register_blueprint(
        faq.create_blueprint(engine, settings.locale, lambda locale, _topic: banners.shown(locale))
    )
    for routes in _webhooks(settings, engine):
        app.register_blueprint(routes)
    widget.init_headers(app.after_request)
    return app


def _webhooks(settings: BotSettings, engine: Engine) -> Iterator[Blueprint]:
    """Yield the routes of the messaging platforms that are set up, and of the team's desk."""
    channels, sealer = settings.channels, Sealer(settings.secret_key)
    ring = RedisBell(settings.redis.url).ring if settings.redis else None
    # Only what a platform was told 200 of has to wait for the disk.
    lasting = connect(settings.knowledge.database_url, outlasts_power=True)
    inbox, outbox = Inbox(lasting, sealer, ring=ring), Outbox(lasting, sealer)
    if channels.messenger:
        yield messenger.create_blueprint(channels.messenger, inbox, channels.handover.messenger_app)
    if channels.whatsapp:
        yield whatsapp.create_blueprint(channels.whatsapp, inbox, outbox)
    if channels.telegram:
        yield telegram.create_blueprint(channels.telegram, inbox)
    if channels.webhook:
        yield webhook.create_blueprint(channels.webhook, inbox)
    if channels.handover.desk:
        handovers = Handovers(engine, sealer, timedelta(minutes=channels.handover.minutes))
        yield desk.create_blueprint(channels.handover.desk, inbox, handovers)


def _api_parts(
    settings: BotSettings,
    engine: Engine,
    topics: LiveTopics,
    banners: LiveBanners,
    sessions: Sessions,
) -> api.ApiParts:
    gateway = build_gateway(settings, engine, topics, banners, sessions.end)
    processes = ("worker", MESSAGING_HEART) if settings.channels.any else ("worker",)
    readiness = Readiness(engine, gateway.rasa, settings.actions_url, gateway.events, processes)
    return api.ApiParts(
        pipeline=gateway.pipeline,
        composer=gateway.composer,
        sessions=sessions,
        events=gateway.events,
        forget=gateway.forget,
        topics=topics.topics,
        banners=banners,
        readiness=readiness,
        default_country=settings.country,
        message_limit=settings.message_limit,
        session_limit=settings.session_limit,
        limits=RateLimits(settings.redis),
    )


class Readiness:
    """Checks what a question needs, each by really using it."""

    def __init__(
        self,
        engine: Engine,
        rasa: RasaClient,
        actions_url: str,
        events: EventLog,
        processes: tuple[str, ...] = ("worker",),
    ) -> None:
        """Take what is checked, and the processes whose hearts must beat."""
        self._engine = engine
        self._rasa = rasa
        self._actions = httpx.Client(base_url=actions_url, timeout=1.0, trust_env=False)
        self._events = events
        self._processes = processes

    def __call__(self) -> dict[str, bool]:
        """Return per part whether it is ready."""
        database, release, beating = self._store()
        return {
            "rasa": self._rasa.is_up(),
            "actions": self._actions_ready(),
            "database": database,
            "release": release,
            **beating,
        }

    def _store(self) -> tuple[bool, bool, dict[str, bool]]:
        try:
            with transaction(self._engine) as session:
                release = live_release_id(session) is not None
            beats = {name: self._events.last_beat_seconds(name) for name in self._processes}
        except SQLAlchemyError:
            return False, False, dict.fromkeys(self._processes, False)
        alive = {
            name: beat is not None and beat < WORKER_SILENT_SECONDS for name, beat in beats.items()
        }
        return True, release, alive

    def _actions_ready(self) -> bool:
        try:
            response = self._actions.get("/ready")
            return response.status_code == httpx.codes.OK and bool(response.json()["ready"])
        except (httpx.HTTPError, ValueError, KeyError, TypeError):
            return False
