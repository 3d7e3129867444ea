"""The app and the process messaging as they are, with the stand-in in the place of WhatsApp."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.engine import Engine

from bot.channel_settings import ChannelSettings, WhatsAppSettings
from bot.channels.whatsapp.views import PATH
from bot.messaging.__main__ import Messaging
from bot.settings import BotSettings, read_bot_settings
from bot.simulator.whatsapp.stand_in import WhatsAppStandIn
from knowledge.schema import TurnEvent
from knowledge.settings import SettingError
from knowledge.store import transaction
from tests.bot.conftest import ScriptedRasa
from tests.bot.running import QuietHandler, served, working
from tests.bot.whatsapp.conftest import ACCOUNT, whatsapp_settings, words

SET = {
    "CITEWELL_WHATSAPP_APP_SECRET": "a",
    "CITEWELL_WHATSAPP_VERIFY_TOKEN": "v",
    "CITEWELL_WHATSAPP_ACCESS_TOKEN": "t",
    "CITEWELL_WHATSAPP_PHONE_NUMBER_ID": "123456789012345",
}


@pytest.fixture
def whatsapp(
    start_app: Callable[..., Flask], settings: BotSettings, engine: Engine
) -> Iterator[WhatsAppStandIn]:
    """WhatsApp, with the real app behind the webhook and the real process beside it."""
    with WhatsAppStandIn("http://127.0.0.1:9", ACCOUNT, receipts=True) as started:
        channels = ChannelSettings(whatsapp=whatsapp_settings(f"{started.url}/v25.0"))
        site = replace(settings, channels=channels)
        with served(start_app(site), QuietHandler) as address, working(Messaging(site, engine)):
            started.webhook.url = address + PATH
            assert started.verify() == ""
            yield started


def ask(whatsapp: WhatsAppStandIn, text: str) -> list[str]:
    event = whatsapp.write.text(whatsapp.new_person(), text)
    whatsapp.send(event)
    sent = whatsapp.transcript.wait_for_answer(event.key, 20, quiet=1.5)
    return [words(dict(one.message)) for one in sent]


def test_a_question_on_whatsapp_gets_its_answer_with_the_source(
    whatsapp: WhatsAppStandIn, rasa: ScriptedRasa, engine: Engine
) -> None:
    introduction, _, answer, *_ = ask(whatsapp, "how do you catch flu")
    assert introduction.startswith("I am a chatbot")
    assert "Flu spreads mainly by droplets." in answer
    assert "https://www.cdc.gov/flu/about/index.html" in answer
    assert [heard["message"] for heard in rasa.heard] == ["how do you catch flu"]
    with transaction(engine) as session:
        (turn,) = session.scalars(sa.select(TurnEvent))
        assert (turn.channel, turn.kind) == ("whatsapp", "answer")


def test_an_emergency_is_answered_first_while_rasa_is_down(
    whatsapp: WhatsAppStandIn, rasa: ScriptedRasa
) -> None:
    rasa.returns(500, "")
    assert "This may be an emergency" in ask(whatsapp, "my father has crushing chest pain")[0]


def test_words_below_a_picture_can_be_an_emergency(
    whatsapp: WhatsAppStandIn, rasa: ScriptedRasa
) -> None:
    rasa.returns(500, "")
    event = whatsapp.write.image(whatsapp.new_person(), "my father has crushing chest pain")
    whatsapp.send(event)
    first, *_ = whatsapp.transcript.wait_for_answer(event.key, 20)
    assert "This may be an emergency" in words(dict(first.message))


# Settings


def read(**env: str) -> WhatsAppSettings | None:
    return read_bot_settings({"CITEWELL_SECRET_KEY": "test-" * 8, **env}).channels.whatsapp


def test_with_all_four_there_is_a_number_and_no_secret_is_shown() -> None:
    found = read(**SET)
    url = "https://graph.facebook.com/v25.0"
    assert found == WhatsAppSettings("a", "v", "t", "123456789012345", url)
    assert "'a'" not in repr(found)
    assert read() is None


@pytest.mark.parametrize("missing", sorted(SET))
def test_some_of_the_four_are_too_few(missing: str) -> None:
    with pytest.raises(SettingError, match=missing):
        read(**{name: value for name, value in SET.items() if name != missing})


@pytest.mark.parametrize("number", ["+15550100100", "1 555 0100", "1234", "number"])
def test_a_number_is_no_id_of_one(number: str) -> None:
    with pytest.raises(SettingError, match="CITEWELL_WHATSAPP_PHONE_NUMBER_ID"):
        read(**{**SET, "CITEWELL_WHATSAPP_PHONE_NUMBER_ID": number})
