"""A conversation goes to a person of the team, stays there, and comes back.

By Messenger's own protocol the conversation goes to another app, such as the Page's inbox. On all
other platforms it stays with us: what the patient writes goes on to the team's desk, and what the
desk writes goes to the patient. Either way the chatbot keeps silent until somebody gives the
conversation back, or nobody wrote for a while.

One thing breaks the silence: words that mean an emergency get the emergency reply at once, because
nobody can promise that a person reads them in time. On Messenger that cannot be done while another
app has the conversation.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from bot.channel_settings import HandoverSettings
from bot.messaging.handovers import Handovers, Held, Via
from bot.messaging.inbox import Also, Claimed, Incoming, Kind, Outgoing
from bot.messaging.outbox import DESK
from bot.replies.compose import Composer
from bot.turn import Reply
from knowledge.schema import now

ASKED = "talk_to_person"
"""Code of the reply to somebody who wants a person."""
MESSENGER = "messenger"
PASS, TAKE = "pass_thread_control", "take_thread_control"
"""Messenger's calls: https://developers.facebook.com/docs/messenger-platform/handover-protocol"""
REQUESTED = "handover.requested"
EVENTS = frozenset({"person_took", "person_left", "person_active", "person_absent", "person_late"})
"""Kinds of events that change who has a conversation."""
DESK_EVENTS = frozenset({"desk_message", "desk_end"})
WHY = {"person_left": "back", "person_absent": "absent", "person_late": "late"}


@dataclass(frozen=True)
class Act:
    """What is done about an event because of a person.

    Attributes:
        replies: what is said to the patient.
        controls: calls that move the conversation, after what is said; before it where it comes
            back.
        desk: what the desk is told.
        also: written in the same transaction.
        is_silent: whether the chatbot says nothing else.
        is_back: whether the conversation comes back with this.
        code: why nothing is to be done, where that is so.
    """

    replies: tuple[Reply, ...] = ()
    controls: tuple[Mapping[str, object], ...] = ()
    desk: tuple[Mapping[str, object], ...] = ()
    also: tuple[Also, ...] = field(default=(), repr=False)
    is_silent: bool = True
    is_back: bool = False
    code: str = ""


NOTHING = Act(is_silent=False)


class Reception:
    """Decides who has a conversation; safe to share between threads."""

    def __init__(
        self,
        handovers: Handovers,
        settings: HandoverSettings,
        composer: Composer,
        is_alarm: Callable[[str], bool],
        clock: Callable[[], datetime] = now,
    ) -> None:
        """Take the parts.

        Args:
            handovers: who is with a person.
            settings: how a conversation goes to one.
            composer: words what is said about it.
            is_alarm: tells whether words mean an emergency that takes over.
            clock: tells the time.
        """
        self._handovers = handovers
        self._settings = settings
        self._composer = composer
        self._is_alarm = is_alarm
        self._clock = clock

    def before(self, claimed: Claimed, content: Mapping[str, Any]) -> Act:
        """Return what is to be done about an event before the chatbot thinks of it."""
        held = self._handovers.holding(claimed.conversation_key)
        if claimed.kind == "person_took":
            return self._taken(claimed, content, held)
        if held is None:
            is_over = claimed.kind in EVENTS or claimed.kind in DESK_EVENTS
            return Act(code="no_handover") if is_over else NOTHING
        if claimed.kind in EVENTS:
            return self._moved(claimed, held)
        if claimed.kind in DESK_EVENTS:
            return self._from_desk(claimed, held, str(content["text"]))
        if claimed.kind == "feedback":
            return NOTHING
        return self._from_patient(held, claimed.kind, str(content["text"]))

    def after(self, claimed: Claimed, content: Mapping[str, Any], reply: Reply) -> Act:
        """Return what is to be done because of the chatbot's reply, which it may replace."""
        if reply.code != ASKED:
            return NOTHING
        via = self._way(claimed.platform)
        if via is None:
            return NOTHING
        hours = self._settings.hours
        if hours is not None and not hours.is_open(self._clock()):
            closed = self._composer.handover(reply.reply_id, "closed", hours.text)
            # The contacts of the reply are those of the patient's country.
            return Act((replace(closed, contacts=reply.contacts),), is_silent=False)
        begun = self._composer.handover(reply.reply_id, f"begun_{via}")
        also = (self._handovers.begin(claimed, str(content["person"]), via),)
        if via == "messenger":
            call = {PASS: {"target_app_id": self._settings.messenger_app, "metadata": ASKED}}
            return Act((begun,), (call,), also=also)
        told = self._told(REQUESTED, claimed.conversation_key, channel=claimed.platform)
        return Act((begun,), desk=(told,), also=also)

    def overdue(self) -> list[Incoming]:
        """Return as events that nobody wrote in a conversation for too long."""
        return [self.event(held, "person_late") for held in self._handovers.overdue()]

    def undelivered(self, conversation_key: str, payload: Mapping[str, object]) -> Incoming | None:
        """Return as an event that nobody could be asked to come, where a message meant that."""
        if payload.get("type") == REQUESTED:
            data = payload.get("data")
            key = str(data["conversation"]) if isinstance(data, Mapping) else ""
        else:
            key = conversation_key if PASS in payload else ""
        held = self._handovers.holding(key) if key else None
        return self.event(held, "person_absent") if held else None

    def event(self, held: Held, kind: Kind) -> Incoming:
        """Return an event of our own on a conversation that a person has; of each kind one."""
        return Incoming(
            platform=held.platform,
            account=held.account,
            event_id=f"{kind}:{held.conversation_key}:{held.began_at.isoformat()}",
            person=held.person,
            kind=kind,
            said_at=self._clock(),
        )

    def _way(self, platform: str) -> Via | None:
        """Return how a conversation of a platform goes to a person, or None."""
        if platform == MESSENGER and self._settings.messenger_app:
            return "messenger"
        return "desk" if self._settings.desk else None

    def _taken(self, claimed: Claimed, content: Mapping[str, Any], held: Held | None) -> Act:
        """Somebody took a conversation on Messenger without being asked."""
        if held is not None:
            return Act(also=(self._handovers.extend(claimed.conversation_key),))
        return Act(also=(self._handovers.begin(claimed, str(content["person"]), "messenger"),))

    def _moved(self, claimed: Claimed, held: Held) -> Act:
        if claimed.kind == "person_active":
            return Act(also=(self._handovers.extend(held.conversation_key),))
        return self._back(held, WHY[claimed.kind], takes=claimed.kind == "person_late")

    def _from_desk(self, claimed: Claimed, held: Held, text: str) -> Act:
        if claimed.kind == "desk_end":
            return self._back(held, "back")
        says = self._composer.handover(secrets.token_hex(12), "says")
        said = replace(says, preface=(says.text,), text=text)
        return Act((said,), also=(self._handovers.extend(held.conversation_key),))

    def _from_patient(self, held: Held, kind: str, text: str) -> Act:
        """Pass on what a patient writes while a person has the conversation."""
        asked = text.strip().casefold()
        if asked == self._composer.wording.handover.forget.casefold():
            over = self._told("handover.ended", held.conversation_key, reason="forgotten")
            desk = (over,) if held.via == "desk" else ()
            also = (self._handovers.end(held.conversation_key),)
            return Act(desk=desk, also=also, is_silent=False)
        if asked == self._composer.wording.handover.to_bot.text.casefold():
            return self._back(held, "back", takes=True)
        also = (self._handovers.extend(held.conversation_key),)
        if held.via == "messenger":
            return Act(also=also, code="with_person")
        told = self._told("message.received", held.conversation_key, kind=kind, text=text)
        is_silent = not self._is_alarm(text)
        return Act(desk=(told,), also=also, is_silent=is_silent, code="with_person")

    def _back(self, held: Held, why: str, *, takes: bool = False) -> Act:
        """Give a conversation back to the chatbot, which says so."""
        said = self._composer.handover(secrets.token_hex(12), why)
        calls = ({TAKE: {"metadata": why}},) if takes and held.via == "messenger" else ()
        told = self._told("handover.ended", held.conversation_key, reason=why)
        desk = (told,) if held.via == "desk" else ()
        also = (self._handovers.end(held.conversation_key),)
        return Act((said,), calls, desk, also, is_back=True)

    def _told(self, event: str, conversation: str, **data: object) -> dict[str, object]:
        """Return what the desk is told."""
        at = self._clock().isoformat()
        return {"type": event, "timestamp": at, "data": {"conversation": conversation, **data}}


def outgoing(act: Act, rendered: Sequence[Outgoing]) -> list[Outgoing]:
    """Return all that is sent for an act, in order.

    Args:
        act: what is done.
        rendered: what is said to the patient, as the platform's messages.
    """
    controls = [Outgoing(call) for call in act.controls]
    desk = [Outgoing(told, platform=DESK) for told in act.desk]
    said = [*controls, *rendered] if act.is_back else [*rendered, *controls]
    return [*said, *desk]
