"""What the team's desk tells us: a person's words to a patient, and that the chatbot is back."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Annotated, Literal

from flask import Blueprint, Response, jsonify, request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError
from sqlalchemy.exc import SQLAlchemyError

from bot.channel_settings import DeskSettings
from bot.channels.receiving import Batch, store, text_of
from bot.channels.signed import signed_body
from bot.channels.signing import ID_HEADER
from bot.errors import FieldError, Problem
from bot.messaging.handovers import Handovers, Held
from bot.messaging.inbox import Inbox, Incoming, Kind
from bot.messaging.outbox import DESK
from knowledge.schema import now

logger = logging.getLogger(__name__)
PATH = "/webhooks/desk"
MOST_TEXT = 4000
OVER = (
    "Nobody of the team has this conversation: the chatbot took it back, or the patient asked for "
    "everything to be deleted. Nothing was sent."
)


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class _Conversation(_Body):
    conversation: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]


class _Words(_Conversation):
    text: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)] = Field(
        max_length=MOST_TEXT
    )


class _Send(_Body):
    """A person of the team writes to the patient."""

    type: Literal["message.send"]
    timestamp: datetime | None = None
    data: _Words


class _End(_Body):
    """The chatbot may have the conversation back."""

    type: Literal["handover.end"]
    timestamp: datetime | None = None
    data: _Conversation


Told = TypeAdapter[_Send | _End](Annotated[_Send | _End, Field(discriminator="type")])


def create_blueprint(settings: DeskSettings, inbox: Inbox, handovers: Handovers) -> Blueprint:
    """Return the routes."""
    routes = Blueprint("desk", __name__)

    @routes.post(PATH)
    def receive_from_desk() -> Response:
        """Store what the desk tells."""
        told = _read(signed_body(settings.keys, DESK))
        held = _holding(handovers, told.data.conversation)
        if held is None or held.via != DESK:
            raise Problem(404, OVER)
        event = _event(held, request.headers[ID_HEADER], told)
        store(inbox, Batch((event,), 0), DESK)
        return jsonify(accepted=1)

    return routes


def _holding(handovers: Handovers, conversation: str) -> Held | None:
    try:
        return handovers.holding(conversation)
    except SQLAlchemyError as error:
        told = {"channel": DESK, "error": type(error).__name__}
        logger.warning("events_not_stored", extra=told)
        raise Problem(503, "Cannot be stored right now. Please send it again.") from error


def _event(held: Held, message_id: str, told: _Send | _End) -> Incoming:
    """Return an event of the patient's conversation, where it waits for its turn."""
    kind: Kind = "desk_message" if isinstance(told, _Send) else "desk_end"
    return Incoming(
        platform=held.platform,
        account=held.account,
        event_id=f"{DESK}:{message_id}",
        person=held.person,
        kind=kind,
        said_at=now(),
        text=text_of(told.data.text) if isinstance(told, _Send) else "",
    )


def _read(body: bytes) -> _Send | _End:
    try:
        return Told.validate_json(body)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        wrong = tuple(
            FieldError(".".join(str(part) for part in one["loc"][1:]) or "body", one["msg"])
            for one in found
        )
        raise Problem(422, "The body is none that a desk sends.", wrong) from error
