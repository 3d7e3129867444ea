"""What answers turns, put together; the web process and ``messaging`` share it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.engine import Engine

from bot.banners import LiveBanners
from bot.event_log import EventLog
from bot.pipeline import MAX_CHARACTERS, Pipeline
from bot.rasa_client import Prefetch, RasaClient
from bot.replies import read_contacts, read_wording
from bot.replies.compose import Composer
from bot.replies.helplines import read_helplines
from bot.safety.redaction import Redactor
from bot.safety.triage import load_rules
from bot.settings import BotSettings
from bot.topics import LiveTopics
from bot.tracker_store import TrackerStore
from knowledge.language import LanguageGate
from knowledge.settings import ROOT

MESSAGING_HEART = "messaging"
"""Process whose heartbeat counts where a messaging platform is set up."""


@dataclass(frozen=True)
class Gateway:
    """What answers turns, whatever channel they come by; nothing in it needs Flask.

    Attributes:
        pipeline: answers turns.
        composer: words what is said outside a turn.
        events: keeps what is kept of a turn.
        forget: deletes a conversation everywhere; tells whether it could.
        rasa: the line to Rasa.
    """

    pipeline: Pipeline
    composer: Composer
    events: EventLog
    forget: Callable[[str], bool]
    rasa: RasaClient


def build_gateway(
    settings: BotSettings,
    engine: Engine,
    topics: LiveTopics,
    banners: LiveBanners,
    ended: Callable[[str], None] = lambda _session_key: None,
) -> Gateway:
    """Put together what answers turns.

    Args:
        settings: of the gateway.
        engine: of the store.
        topics: the live topics.
        banners: what is said to everybody in a crisis.
        ended: is told of each conversation that was deleted.

    Raises:
        ReplyFileError: a file of wording, helplines or contacts is broken.
        TriageRulesError: the triage rules are broken.
    """
    events = EventLog(engine, settings.keeps_questions)
    trackers = TrackerStore(settings.tracker_file)

    def forget(session_key: str) -> bool:
        """Delete a conversation from both stores, each whatever becomes of the other."""
        done = all([events.forget(session_key), trackers.forget(session_key)])
        if done:
            ended(session_key)
        return done

    composer = Composer(
        read_wording(settings.locale),
        read_helplines(),
        read_contacts(settings.contacts_file) if settings.contacts_file else (),
        topics.choices,
        MAX_CHARACTERS,
    )
    rasa = RasaClient(settings.rasa_url)
    rules = load_rules(ROOT / "bot" / "safety" / "triage_rules" / "en.yml")
    pipeline = Pipeline(
        rules,
        Redactor(),
        rasa,
        composer,
        events,
        forget,
        Prefetch(settings.actions_url),
        topics.choices,
        banners,
        LanguageGate((settings.locale,)).in_other_letters,
    )
    return Gateway(pipeline, composer, events, forget, rasa)
