"""The stand-in of an organisation's own app: signatures, ids, faults, the chat, every point."""

from __future__ import annotations

import argparse
import io
import json
import time
from collections.abc import Iterator

import httpx
import pytest

from bot.__main__ import parser
from bot.simulator.conformance import Patience
from bot.simulator.stand_in import Listening
from bot.simulator.terminal import Chat
from bot.simulator.transcript import Refused
from bot.simulator.webhook.chat import COMMANDS, WebhookChat
from bot.simulator.webhook.command import simulate_webhook
from bot.simulator.webhook.conformance import OTHER_KEY, POINTS, examine
from bot.simulator.webhook.events import body_of
from bot.simulator.webhook.faults import FAULTS
from bot.simulator.webhook.signature import Key
from bot.simulator.webhook.stand_in import ACCOUNT, KEY, WebhookStandIn
from tests.bot.simulator.webhook_bot import WebhookBot, reply_of, running

PATIENCE = Patience(answer=4.0, silence=0.15)
BODY = b'{"test": 2432232314}'
REFERENCE = Key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
NOW = 1614265330.0


@pytest.fixture
def webhook_bot() -> Iterator[WebhookBot]:
    """A bot that repeats what it is told."""
    with running(WebhookBot()) as started:
        yield started


@pytest.fixture
def app(webhook_bot: WebhookBot) -> Iterator[WebhookStandIn]:
    """The app, with the bot behind its webhook; deliveries are repeated at once."""
    with WebhookStandIn(webhook_bot.url, listening=Listening(pauses=(0.0,))) as started:
        webhook_bot.reply_url = started.reply_url
        yield started


def reply_body(person: str = "p", **changed: object) -> bytes:
    """Return a reply as the bot posts it."""
    data = {"account": ACCOUNT, "person": person, "reply": reply_of("Hi.", is_rated=False)}
    data = {**data, "texts": ["Hi."], **changed}
    content = {"type": "reply.created", "timestamp": "2026-11-22T15:04:05Z", "data": data}
    return json.dumps(content).encode()


def posted(app: WebhookStandIn, body: bytes, key: str = "msg_1", **headers: str) -> int:
    """Post a reply; return what the app answers."""
    signed = app.key.sign(key, time.time(), body)
    response = httpx.post(
        app.reply_url, content=body, headers={**signed, **headers}, trust_env=False
    )
    return response.status_code


def refusals(app: WebhookStandIn) -> list[str]:
    return [one.message for one in app.transcript.lines() if isinstance(one, Refused)]


# Signatures


def test_it_signs_as_the_reference_libraries_do() -> None:
    headers = REFERENCE.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", NOW, BODY)
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert REFERENCE.problem(headers, BODY, NOW) == ""


@pytest.mark.parametrize(
    ("changed", "body", "later", "told"),
    [
        ({"webhook-id": ""}, BODY, 0, "The header webhook-id is missing."),
        ({"webhook-id": "msg.1"}, BODY, 0, "full stop"),
        ({"webhook-timestamp": "soon"}, BODY, 0, "no number"),
        ({}, BODY, 301, "5 minutes"),
        ({}, BODY, -301, "5 minutes"),
        ({}, BODY + b" ", 0, "No signature"),
        ({"webhook-signature": "v1,x v2,y"}, BODY, 0, "No signature"),
    ],
)
def test_it_says_what_is_wrong_with_a_signature(
    changed: dict[str, str], body: bytes, later: int, told: str
) -> None:
    headers = {**REFERENCE.sign("msg_1", NOW, BODY), **changed}
    assert told in REFERENCE.problem(headers, body, NOW + later)


@pytest.mark.parametrize("written", ["x", "whsec_x", KEY.removeprefix("whsec_")])
def test_a_wrong_key_is_told_at_once(written: str) -> None:
    with pytest.raises(ValueError, match=r"begins with|padding|base64"):
        WebhookStandIn("http://127.0.0.1:9", written)


# What it takes


def test_a_reply_is_taken_once(app: WebhookStandIn) -> None:
    body = reply_body()
    assert [posted(app, body) for _ in range(2)] == [200, 200]
    assert len(app.taken) == 1
    assert [post.is_again for post in app.posts] == [False, True]


def test_the_same_id_with_another_body_is_refused(app: WebhookStandIn) -> None:
    posted(app, reply_body())
    assert posted(app, reply_body("other")) == 409
    assert refusals(app) == ["The same id came with another body."]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"{", "The body is not JSON."),
        (b"[]", "The body is no object."),
        (reply_body(texts=[]), "data.texts has another form."),
        (reply_body(person=""), "data.person has another form."),
        (reply_body(account="other"), "data.account is that of no event."),
        (reply_body(reply={}), "data.reply.reply_id is missing."),
    ],
)
def test_another_form_is_refused(app: WebhookStandIn, body: bytes, told: str) -> None:
    assert posted(app, body) == 422
    assert refusals(app) == [told]


def test_what_is_not_signed_is_refused(app: WebhookStandIn) -> None:
    assert posted(app, reply_body(), **{"webhook-signature": "v1,x"}) == 401
    assert app.posts == []


def test_only_a_post_to_its_address_is_taken(app: WebhookStandIn) -> None:
    assert httpx.get(app.reply_url, trust_env=False).status_code == 405
    assert httpx.post(f"{app.url}/x", trust_env=False).status_code == 404


@pytest.mark.parametrize("name", sorted(FAULTS.keys() - {"timeout", "slow"}))
def test_each_fault_answers_as_it_says(app: WebhookStandIn, name: str) -> None:
    fault = FAULTS[name]
    app.misbehaviour.next_calls(name)
    body = reply_body()
    if fault.drops:
        with pytest.raises(httpx.RemoteProtocolError):
            posted(app, body)
    else:
        assert fault.answer is not None
        assert posted(app, body) == fault.answer.status
    assert len(app.taken) == fault.processes
    assert posted(app, body) == 200
    assert len(app.taken) == 1


# What it sends


def test_an_event_keeps_its_id_however_often_it_is_sent(
    app: WebhookStandIn, webhook_bot: WebhookBot
) -> None:
    event = app.write.text(app.new_person(), "hi")
    app.send(event, copies=3)
    assert [one.mid for one in app.transcript.wait_for_answer(event.key, 4.0, 0.15)] != []
    assert app.transcript.times_answered(event.key) == 1
    assert app.headers(body_of(event))["webhook-id"] == event.key


def test_verify_says_what_is_wrong(webhook_bot: WebhookBot) -> None:
    with WebhookStandIn(webhook_bot.url) as right:
        assert right.verify() == ""
    with WebhookStandIn(webhook_bot.url, OTHER_KEY) as wrong:
        assert "another key" in wrong.verify()
    with WebhookStandIn("http://127.0.0.1:9/webhooks/generic") as nowhere:
        assert "Nothing answers" in nowhere.verify()


# Every point


def test_a_right_bot_passes_every_point(app: WebhookStandIn) -> None:
    found = list(examine(app, PATIENCE))
    assert [one for one in found if one.problem] == []
    assert {one.point for one in found} >= set(POINTS)


@pytest.mark.parametrize(
    ("mistake", "point"),
    [
        ("takes anything", "A request without a signature is refused"),
        ("takes anything", "A request with a wrong signature is refused"),
        ("takes anything", "A body that was changed after it was signed is refused"),
        ("ignores the clock", "A request that was signed six minutes ago is refused"),
        ("ignores the clock", "A request that was signed in six minutes is refused"),
        ("takes any form", "An event of an unknown type is refused"),
        ("takes any form", "An event that lacks a field is refused"),
        ("takes half a batch", "Of a batch with a wrong event nothing is taken"),
        ("signs wrongly", "A message is answered once"),
        ("forgets ids", "A message that is delivered twice is answered once"),
        ("forgets ids", "A message that comes again in a batch is answered once"),
        ("reads the first only", "Of several events in a request, each is answered"),
        ("knows ASCII only", "Other letters, as they are, are answered"),
        ("knows ASCII only", "Other letters, escaped, are answered"),
        ("reads text only", "A photo is answered"),
        ("posts once", "A reply that was not taken is posted again"),
        (
            "is impatient",
            "A reply that came too early is posted again, but not before Retry-After",
        ),
        ("posts once", "A reply that was taken with an error is posted again under its id"),
        ("makes new ids", "A reply that was taken with an error is posted again under its id"),
        ("makes new ids", "A reply whose answer was lost is posted again under its id"),
        ("follows redirects", "A redirect is not followed"),
    ],
)
def test_each_mistake_is_found(
    app: WebhookStandIn, webhook_bot: WebhookBot, mistake: str, point: str
) -> None:
    webhook_bot.mistakes.add(mistake)
    assert POINTS[point](app, Patience(answer=0.6, silence=0.15))


def test_a_bot_that_answers_late_is_not_taken_for_a_patient_one(
    app: WebhookStandIn, webhook_bot: WebhookBot
) -> None:
    webhook_bot.mistakes |= {"thinks long", "is impatient"}
    held_off = POINTS["A reply that came too early is posted again, but not before Retry-After"]
    assert "posted again after" in held_off(app, Patience(answer=6.0, silence=0.15))


@pytest.mark.parametrize("mistake", ["signs wrongly", "sends another form"])
def test_a_refused_post_is_told_at_the_end(
    app: WebhookStandIn, webhook_bot: WebhookBot, mistake: str
) -> None:
    webhook_bot.mistakes.add(mistake)
    app.send(app.write.start(app.new_person()))
    assert app.transcript.wait(lambda: bool(refusals(app)), 4.0)


# The chat


def talk(app: WebhookStandIn, *lines: str) -> str:
    out = io.StringIO()
    chat = Chat(WebhookChat(app), out, is_interactive=True, seconds=4.0, quiet=0.15)
    chat.run(lines)
    return out.getvalue()


def test_one_talks_and_rates_and_looks(app: WebhookStandIn) -> None:
    told = talk(app, "hello", "/thumbs-up", "/json", "/twice again", "/photo", "/start")
    assert "| You said: hello" in told
    assert "| You said: feedback.given" in told
    assert '"type": "reply.created"' in told
    assert "Answered once." in told
    assert "| You said: message.unreadable" in told
    assert "| You said: conversation.started" in told


def test_the_country_goes_along(app: WebhookStandIn) -> None:
    event = WebhookChat(app)
    event.run("/country", "NO")
    event.say("hi")
    assert b'"country": "NO"' in b"".join(app._ids)


def test_faults_are_listed_and_chosen(app: WebhookStandIn) -> None:
    told = talk(app, "/error", "/error nonsense", "/error 500 2", "hello")
    assert all(f"  {name}: " in told for name in FAULTS)
    assert "No fault is called nonsense" in told
    assert "The next 2 of the bot's replies: Not taken; status 500." in told
    assert "| You said: hello" in told


def test_without_a_reply_there_is_nothing_to_rate_or_show(app: WebhookStandIn) -> None:
    told = talk(app, "/thumbs-down", "/json", "/twice")
    assert "asks for feedback" in told
    assert "The bot has sent nothing yet." in told
    assert "Say what: /twice TEXT" in told
    assert set(COMMANDS) == set(WebhookChat(app)._runs)


# The command


def arguments(*words: str) -> argparse.Namespace:
    return parser().parse_args(["simulate", "webhook", *words])


def test_the_command_tells_its_settings_and_what_is_wrong(
    capsys: pytest.CaptureFixture[str],
) -> None:
    args = arguments("--webhook", "http://127.0.0.1:9/x", "--port", "0")
    assert simulate_webhook(args) == 1
    told = capsys.readouterr().err
    assert f"CITEWELL_WEBHOOK_SECRET={KEY}" in told
    assert "CITEWELL_WEBHOOK_REPLY_URL=http://127.0.0.1:" in told
    assert "Nothing answers at" in told
    assert simulate_webhook(arguments("--key", "x", "--port", "0")) == 1
    assert "--key: A key begins with whsec_." in capsys.readouterr().err


def test_the_command_examines(
    webhook_bot: WebhookBot,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        "bot.simulator.webhook.conformance.POINTS",
        {name: POINTS[name] for name in ("A request without a signature is refused",)},
    )
    words = ("--webhook", webhook_bot.url, "--port", "0", "--check", "--silence", "0.1")
    assert simulate_webhook(arguments(*words)) == 0
    assert "ok      A request without a signature is refused" in capsys.readouterr().out
    webhook_bot.mistakes.add("takes anything")
    assert simulate_webhook(arguments(*words)) == 1
    assert "FAILED  A request without a signature is refused" in capsys.readouterr().out
