"""The action server over HTTP without a socket: Rasa's calls, readiness, a start that fails."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sanic import Sanic

from actions import __main__ as server
from actions.prefetch import PrefetchingEmbedder
from knowledge.calibration import CalibrationError
from knowledge.embedder import ModelError
from knowledge.live import Failure, LiveAnswers
from knowledge.settings import KnowledgeSettings, read_settings
from tests.actions.conftest import SAVED
from tests.conftest import WordEmbedder
from tests.knowledge.small import CALIBRATION, EXEMPLARS

# Rasa ended at 3.6 and its SDK did not. The SDK warns of that; the two are tested together.
pytestmark = pytest.mark.filterwarnings("ignore:Your versions of rasa and rasa_sdk:UserWarning")


@pytest.fixture(autouse=True)
def one_app_at_a_time() -> Iterator[None]:
    """Sanic keeps every app by its name, and all of ours have Rasa SDK's name."""
    Sanic._app_registry.clear()
    yield
    Sanic._app_registry.clear()


@pytest.fixture
def words_only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> KnowledgeSettings:
    """A server that starts on the test's own store, without a model."""

    def load_words(settings: KnowledgeSettings, tell: Callable[[str], None]) -> WordEmbedder:
        return WordEmbedder()

    monkeypatch.setenv("CITEWELL_DATA_DIR", str(tmp_path))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("DATABASE_URL_FILE", raising=False)
    monkeypatch.setattr(server, "load_embedder", load_words)
    monkeypatch.setattr(server, "load_calibration", lambda: CALIBRATION)
    monkeypatch.setattr(server, "read_exemplars", lambda: EXEMPLARS)
    return read_settings()


def call(answers: LiveAnswers, method: str, path: str, body: object = None) -> httpx.Response:
    """Send one request to a server with these answers."""

    async def send() -> httpx.Response:
        Sanic._app_registry.clear()
        app = server.create_action_app(answers, PrefetchingEmbedder(WordEmbedder()))
        app.asgi = True
        app.config.TOUCHUP = False  # rewrites Sanic's own classes, which works once per process
        await app._startup()
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://actions") as client:
            return await client.request(method, path, json=body)

    return asyncio.run(send())


def action_call(name: str) -> dict[str, Any]:
    return {
        "next_action": name,
        "sender_id": "c0ffee",
        "tracker": SAVED,
        "domain": {},
        "version": "3.6.21",
    }


def test_it_is_not_ready_without_a_release(no_answers: LiveAnswers) -> None:
    response = call(no_answers, "GET", "/ready")
    assert response.status_code == 503
    assert response.json() == {"ready": False, "release": None}


def test_it_is_ready_with_a_release(answers: LiveAnswers) -> None:
    response = call(answers, "GET", "/ready")
    assert response.status_code == 200
    assert response.json() == {"ready": True, "release": 1, "entries": 6}


def test_rasa_gets_answer_and_slots(answers: LiveAnswers) -> None:
    response = call(answers, "POST", "/webhook", action_call("action_answer_question"))
    said = response.json()
    assert response.status_code == 200
    assert said["responses"][0]["custom"]["entry"]["entry_id"] == "flu-spread"
    assert {event["name"]: event["value"] for event in said["events"]}["last_topic"] == "flu"


@pytest.mark.parametrize(
    "name",
    [
        "action_answer_question",
        "action_check_claim",
        "action_answer_offer",
        "action_correct",
        "action_report_rumour",
        "action_claim_step",
        "action_emergency",
    ],
)
def test_it_serves_every_action(name: str, answers: LiveAnswers) -> None:
    assert call(answers, "POST", "/webhook", action_call(name)).json()["responses"]


@pytest.mark.parametrize(
    ("body", "status"), [({"text": "flu"}, 202), ({"text": ""}, 400), ({"text": 1}, 400), ([], 400)]
)
def test_it_takes_a_question_ahead(body: object, status: int, answers: LiveAnswers) -> None:
    assert call(answers, "POST", "/prefetch", body).status_code == status


def test_it_tells_why_a_question_gets_its_answer(answers: LiveAnswers) -> None:
    response = call(answers, "POST", "/explain", {"text": "how does flu spread?"})
    told = response.json()
    assert response.status_code == 200
    assert told["reason"].startswith("answered: flu-spread is right with probability ")
    assert told["lines"][0]["entry_id"] == "flu-spread"
    assert told["lines"][0]["signals"]
    assert 0 <= told["confidence"] <= told["offer"] <= 1


def test_it_tells_of_a_follow_up_in_its_context(answers: LiveAnswers) -> None:
    question = {"text": "what are the signs of it"}
    alone = call(answers, "POST", "/explain", question).json()
    after = call(answers, "POST", "/explain", {**question, "after": "flu-spread"}).json()
    gone = call(answers, "POST", "/explain", {**question, "after": "gone-since"}).json()
    assert after["reason"].startswith("answered: flu-symptoms ")
    assert alone["reason"] != after["reason"]
    assert gone == alone


@pytest.mark.parametrize("body", [{}, {"text": ""}, {"text": " \n"}, {"text": 7}, [], "flu", None])
def test_it_explains_nothing_without_a_text(body: object, answers: LiveAnswers) -> None:
    assert call(answers, "POST", "/explain", body).status_code == 400


@pytest.mark.parametrize("after", [7, ["flu-spread"], {"a": 1}, None])
def test_it_takes_nonsense_for_no_context(after: object, answers: LiveAnswers) -> None:
    question = {"text": "how does flu spread?"}
    told = call(answers, "POST", "/explain", {**question, "after": after})
    assert told.status_code == 200
    assert told.json() == call(answers, "POST", "/explain", question).json()


def test_it_explains_nothing_without_a_release(no_answers: LiveAnswers) -> None:
    assert call(no_answers, "POST", "/explain", {"text": "flu"}).status_code == 503


def test_it_refuses_an_action_that_it_does_not_have(answers: LiveAnswers) -> None:
    assert call(answers, "POST", "/webhook", action_call("action_heal")).status_code == 404


@pytest.mark.usefixtures("engine")
def test_it_loads_the_live_release_at_its_start(words_only: KnowledgeSettings) -> None:
    loaded = server.load_answers(words_only)[0].loaded
    assert loaded is not None
    assert loaded.release_id == 1


@pytest.mark.usefixtures("engine")
def test_the_settings_say_from_when_it_answers(
    monkeypatch: pytest.MonkeyPatch, words_only: KnowledgeSettings
) -> None:
    monkeypatch.setenv("CITEWELL_ANSWER_FROM", "0.97")
    monkeypatch.setenv("CITEWELL_OFFER_FROM", "0.41")
    loaded = server.load_answers(read_settings())[0].loaded
    assert loaded is not None
    calibration = loaded.answerer.retriever.calibration
    assert (calibration.answer_at, calibration.clarify_at) == (0.97, 0.41)


@pytest.mark.usefixtures("engine")
def test_it_warns_of_a_calibration_for_another_model(
    words_only: KnowledgeSettings,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    server.load_answers(words_only)
    assert caplog.messages == []
    monkeypatch.setattr(WordEmbedder, "name", "other words")
    server.load_answers(words_only)
    assert caplog.messages == ["calibration_is_for_another_model"]


def failing(error: Exception) -> Callable[..., Any]:
    def fail(*_: object) -> Any:
        raise error

    return fail


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("load_calibration", CalibrationError("calibration.json is missing or damaged")),
        ("load_embedder", ModelError("the embedding model cannot be loaded")),
    ],
)
@pytest.mark.usefixtures("words_only")
def test_a_start_that_cannot_succeed_is_one_sentence(
    name: str,
    error: Exception,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(server, "set_up_logging", lambda level: None)
    monkeypatch.setattr(server, name, failing(error))
    assert server.main() == 1
    assert capsys.readouterr().err == f"The action server cannot start: {error}\n"


@pytest.mark.usefixtures("words_only")
def test_a_setting_that_makes_no_sense_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CITEWELL_ACTIONS_PORT", "many")
    assert server.main() == 1
    assert "CITEWELL_ACTIONS_PORT: needs a whole number" in capsys.readouterr().err


@pytest.mark.usefixtures("words_only")
def test_a_store_that_cannot_be_read_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(server, "set_up_logging", lambda level: None)
    assert server.main() == 1
    (record,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert (record.getMessage(), record.error) == ("store_unreachable", "OperationalError")


def test_it_tells_what_wordings_get_today(answers: LiveAnswers) -> None:
    wordings = ["how does flu spread?", "what is the price of tea in a faraway town"]
    told = call(answers, "POST", "/found", {"wordings": wordings}).json()["found"]
    assert [one["wording"] for one in told] == wordings
    assert (told[0]["kind"], told[0]["entry_ids"]) == ("answer", ["flu-spread"])
    assert told[1]["kind"] != "answer"
    assert all(0 <= one["score"] <= 1 for one in told)


@pytest.mark.parametrize("body", [{}, {"wordings": "flu"}, {"wordings": [1]}, []])
def test_it_finds_nothing_without_wordings(body: object, answers: LiveAnswers) -> None:
    assert call(answers, "POST", "/found", body).status_code == 400


def test_it_tells_which_release_answers_and_why_a_newer_one_does_not(
    answers: LiveAnswers, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert answers.loaded is not None
    number = answers.loaded.release_id
    assert call(answers, "GET", "/state").json() == {
        "release": number,
        "failed": None,
        "reason": "",
    }
    monkeypatch.setattr(answers, "_failure", Failure(number + 1, "ValueError: no index"))
    assert call(answers, "GET", "/state").json() == {
        "release": number,
        "failed": number + 1,
        "reason": "ValueError: no index",
    }


def test_without_a_release_nothing_is_found_and_no_release_answers(
    no_answers: LiveAnswers,
) -> None:
    assert call(no_answers, "POST", "/found", {"wordings": ["flu"]}).status_code == 503
    assert call(no_answers, "GET", "/state").json()["release"] is None
