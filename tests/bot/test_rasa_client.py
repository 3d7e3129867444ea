"""The client of Rasa: the contract with the actions, every failure by its code, the breaker."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import httpx
import pytest

from actions.answer_question import NO_RELEASE, reported
from actions.payload import decision_payload, emergency, notice, unavailable
from bot.rasa_client import (
    CONNECT_SECONDS,
    PROBE_EVERY_SECONDS,
    TIMEOUT_SECONDS,
    AnswerPayload,
    ClarifyPayload,
    EmergencyPayload,
    NoAnswerPayload,
    NoticePayload,
    Payload,
    RasaClient,
    RasaUnavailable,
    UnavailablePayload,
    parse,
)
from knowledge.answering import Answer, Clarify, NoAnswer, Option
from knowledge.store import LiveEntry
from tests.bot.conftest import (
    SOURCE,
    STROKE_ENTRY,
    LoopbackServer,
    ScriptedRasa,
    answer_payload,
    make_entry,
)

OPTION = Option("flu-shot", "Who needs a flu shot?", "Flu")
FULL = make_entry(
    aspect="myth",
    details=[{"text": "Wash your hands.", "cite": ["s1"]}],
    seek_care="See a doctor if it lasts.",
    urgency={"level": "urgent", "action": "Call a doctor today."},
    sources=[
        {**SOURCE, "section": "Spread", "source_date": "2024-09-04"},
        {
            "key": "s2",
            "publisher": "WHO",
            "title": "Influenza",
            "url": "https://www.who.int/news-room/fact-sheets/detail/influenza-(seasonal)",
            "evidence": "url_only",
        },
    ],
    myth={"claim": "Cold air gives you flu.", "rating": "misleading"},
    conflict="CDC names every age, WHO names groups at risk.",
    status="clinician_reviewed",
    last_reviewed="2026-11-20",
    reviewed_by=[{"name": "A. Nurse", "role": "Nurse"}],
)


def answer(entry: Any, *, expired: bool = False, related: tuple[Option, ...] = ()) -> Answer:
    return Answer(LiveEntry(entry, 3), 0.91234567, expired, related)


def rest_body(*payloads: dict[str, Any]) -> bytes:
    """Return the payloads as Rasa's REST channel sends them."""
    return json.dumps([{"recipient_id": "s", "custom": payload} for payload in payloads]).encode()


SENT_BY_ACTIONS = [
    (decision_payload(answer(make_entry())), AnswerPayload),
    (decision_payload(answer(FULL, related=(OPTION,))), AnswerPayload),
    (decision_payload(answer(STROKE_ENTRY, expired=True)), AnswerPayload),
    (decision_payload(answer(make_entry(status="draft")), call_now=True), AnswerPayload),
    (decision_payload(Clarify((OPTION,), None, "flu", 0.4)), ClarifyPayload),
    (decision_payload(Clarify((OPTION, OPTION), "Flu", "flu", 1.0), call_now=True), ClarifyPayload),
    (decision_payload(NoAnswer((("flu", "Flu"),), "moon milk", 0.1)), NoAnswerPayload),
    (decision_payload(NoAnswer((), "", 0.0), is_claim=True), NoAnswerPayload),
    *(
        (emergency(category, "intent"), EmergencyPayload)
        for category in ("emergency", "self_harm", "abuse", "poisoning")
    ),
    (notice("ask_for_rumour"), NoticePayload),
    (reported("garlic cures flu").payloads[0], NoticePayload),
    (unavailable("action_failed"), UnavailablePayload),
    (NO_RELEASE.payloads[0], UnavailablePayload),
]


@pytest.mark.parametrize(("sent", "model"), SENT_BY_ACTIONS)
def test_it_parses_every_payload_that_the_actions_make(sent: Any, model: type) -> None:
    (parsed,) = parse(rest_body(sent))
    assert type(parsed) is model
    # Nothing may get lost on the way: what was sent is what is read.
    assert json.loads(parsed.model_dump_json(include=set(sent))) == json.loads(json.dumps(sent))


def test_the_actions_send_every_field_of_an_answer() -> None:
    sent = decision_payload(answer(FULL, related=(OPTION,)))
    assert set(sent) == set(AnswerPayload.model_fields)
    (parsed,) = parse(rest_body(sent))
    assert isinstance(parsed, AnswerPayload)
    assert parsed.review.by_role == "Nurse"
    assert parsed.review.on == str(date(2026, 11, 20))
    assert parsed.sources[1].evidence == "url_only"
    assert parsed.myth is not None
    assert parsed.myth.rating == "misleading"


def test_it_reads_several_payloads_in_their_order() -> None:
    parsed = parse(rest_body(notice("decline_dose"), answer_payload()))
    assert [payload.kind for payload in parsed] == ["notice", "answer"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"[]", "rasa_said_nothing"),
        (b"", "rasa_broke_contract"),
        (b"not json", "rasa_broke_contract"),
        (b"{}", "rasa_broke_contract"),
        (b"null", "rasa_broke_contract"),
        (b'[{"recipient_id": "s", "text": "a text without a payload"}]', "rasa_broke_contract"),
        (rest_body({"kind": "poem", "text": "x"}), "rasa_broke_contract"),
        (rest_body({"code": "greet"}), "rasa_broke_contract"),
        (rest_body(answer_payload(sources=[])), "rasa_broke_contract"),
        (rest_body(answer_payload(surprise=1)), "rasa_broke_contract"),
        (rest_body(answer_payload(text=None)), "rasa_broke_contract"),
        (rest_body(emergency("boredom", "intent")), "rasa_broke_contract"),
        (rest_body(notice("greet"), {"kind": "clarify"}), "rasa_broke_contract"),
    ],
)
def test_it_refuses_what_breaks_the_contract(body: bytes, code: str) -> None:
    with pytest.raises(RasaUnavailable) as caught:
        parse(body)
    assert caught.value.code == code


def test_it_refuses_an_answer_that_lacks_a_field() -> None:
    for name in AnswerPayload.model_fields:
        payload = answer_payload()
        del payload[name]
        with pytest.raises(RasaUnavailable):
            parse(rest_body(payload))


def test_an_error_does_not_repeat_what_was_received() -> None:
    with pytest.raises(RasaUnavailable) as caught:
        parse(rest_body(answer_payload(text={"canary words": "of a person"})))
    assert "canary" not in f"{caught.value}{caught.value.__cause__}"


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def rasa_client(rasa: ScriptedRasa, clock: Clock) -> RasaClient:
    return RasaClient("http://rasa.test", httpx.MockTransport(rasa), clock)


def code_of(rasa_client: RasaClient) -> str:
    """Ask once; return the code of the failure, or "" where an answer came."""
    try:
        rasa_client.ask("hello", "alice")
    except RasaUnavailable as error:
        return error.code
    return ""


def test_it_sends_the_utterance_and_the_conversation(
    rasa_client: RasaClient, rasa: ScriptedRasa
) -> None:
    payloads: tuple[Payload, ...] = rasa_client.ask("how does flu spread", "alice")
    assert rasa.heard == [{"sender": "alice", "message": "how does flu spread"}]
    assert payloads[0].kind == "answer"


def test_every_request_has_a_time_limit() -> None:
    seen: list[dict[str, float]] = []

    def answer_slowly(request: httpx.Request) -> httpx.Response:
        seen.append(request.extensions["timeout"])
        return httpx.Response(200, content=rest_body(answer_payload()))

    client = RasaClient("http://rasa.test", httpx.MockTransport(answer_slowly))
    client.ask("hello", "alice")
    assert seen[0]["read"] == TIMEOUT_SECONDS
    assert seen[0]["connect"] == CONNECT_SECONDS
    client.is_up()
    assert seen[1]["read"] == 1.0


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (httpx.ConnectError("refused"), "rasa_unreachable"),
        (httpx.ReadError("reset"), "rasa_unreachable"),
        (httpx.RemoteProtocolError("nonsense"), "rasa_unreachable"),
        (httpx.ReadTimeout("slow"), "rasa_timed_out"),
        (httpx.ConnectTimeout("slow"), "rasa_timed_out"),
        (httpx.PoolTimeout("full"), "rasa_timed_out"),
    ],
)
def test_a_failure_has_its_code(
    rasa_client: RasaClient, rasa: ScriptedRasa, error: Exception, code: str
) -> None:
    rasa.fails(error)
    assert code_of(rasa_client) == code


@pytest.mark.parametrize("status", [404, 409, 500, 503])
def test_it_refuses_another_status(
    rasa_client: RasaClient, rasa: ScriptedRasa, status: int
) -> None:
    rasa.returns(status, rest_body(answer_payload()).decode())
    assert code_of(rasa_client) == "rasa_status"


@pytest.mark.parametrize("body", ["[]", "nonsense", "timeout"])
def test_the_breaker_opens_after_two_failures_in_a_row(
    rasa_client: RasaClient, rasa: ScriptedRasa, body: str
) -> None:
    if body == "timeout":
        rasa.fails(httpx.ReadTimeout("slow"))
    else:
        rasa.returns(200, body)
    codes = [code_of(rasa_client) for _ in range(4)]
    assert "rasa_breaker_open" not in codes[:2]
    assert codes[2:] == ["rasa_breaker_open"] * 2
    assert len(rasa.heard) == 2


def test_a_success_in_between_keeps_the_breaker_closed(
    rasa_client: RasaClient, rasa: ScriptedRasa
) -> None:
    for _ in range(3):
        rasa.fails(httpx.ConnectError("refused"))
        assert code_of(rasa_client) == "rasa_unreachable"
        rasa.says(answer_payload())
        assert code_of(rasa_client) == ""


def test_an_open_breaker_lets_one_probe_through_at_a_time(
    rasa_client: RasaClient, rasa: ScriptedRasa, clock: Clock
) -> None:
    rasa.fails(httpx.ConnectError("refused"))
    code_of(rasa_client)
    code_of(rasa_client)
    clock.now += PROBE_EVERY_SECONDS - 0.01
    assert code_of(rasa_client) == "rasa_breaker_open"
    clock.now += 0.01
    during_the_probe: list[str] = []

    def while_probing() -> httpx.Response:
        during_the_probe.append(code_of(rasa_client))
        raise httpx.ConnectError("refused")

    rasa._answer = while_probing
    assert code_of(rasa_client) == "rasa_unreachable"
    assert during_the_probe == ["rasa_breaker_open"]
    assert code_of(rasa_client) == "rasa_breaker_open"


def test_the_breaker_closes_when_a_probe_succeeds(
    rasa_client: RasaClient, rasa: ScriptedRasa, clock: Clock
) -> None:
    rasa.fails(httpx.ConnectError("refused"))
    code_of(rasa_client)
    code_of(rasa_client)
    rasa.says(answer_payload())
    clock.now += PROBE_EVERY_SECONDS
    assert [code_of(rasa_client) for _ in range(3)] == ["", "", ""]


def test_it_tells_whether_rasa_is_up(rasa_client: RasaClient, rasa: ScriptedRasa) -> None:
    assert rasa_client.is_up()
    rasa.is_up = False
    assert not rasa_client.is_up()

    def refuse(_request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    assert not RasaClient("http://rasa.test", httpx.MockTransport(refuse)).is_up()


def test_no_proxy_of_the_machine_sees_what_people_write(
    loopback: LoopbackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "")
    loopback.body = rest_body(answer_payload()).decode()
    (payload,) = RasaClient(loopback.url).ask("hello", "alice")
    assert payload.kind == "answer"
