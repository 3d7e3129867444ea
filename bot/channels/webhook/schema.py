"""What the generic webhook takes, as models; its OpenAPI document is made from these.

Errors::

    Malformed              the body is no event; says which fields are wrong
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    WithJsonSchema,
)

from bot.channels.receiving import MAX_ACCOUNT, MAX_TEXT
from bot.channels.signing import ID
from bot.errors import FieldError

MAX_EVENTS = 1000
MAX_PERSON = 200


class Malformed(Exception):
    """The body is no event.

    Attributes:
        is_json: whether it could be read at all.
        errors: what is wrong with which field.
    """

    def __init__(self, detail: str, errors: tuple[FieldError, ...] = (), *, is_json: bool) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = errors
        self.is_json = is_json


def _moment(value: object) -> datetime:
    """Return a moment that was written with its distance from UTC."""
    if isinstance(value, str) and "T" in value.upper():
        try:
            moment = datetime.fromisoformat(value)
            if moment.tzinfo is not None:
                return moment.astimezone(UTC)
        except (ValueError, OverflowError):
            pass
    raise ValueError("write ISO 8601 with the distance from UTC, such as 2026-11-22T15:04:05Z")


def _said(text: str) -> str:
    if not text.strip():
        raise ValueError("says nothing; of what is no text, tell with message.unreadable")
    return text[:MAX_TEXT]


Id = Annotated[str, StringConstraints(pattern=f"^{ID.pattern}$")]
Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
Person = Annotated[str, StringConstraints(min_length=1, max_length=MAX_PERSON)]
Account = Annotated[str, StringConstraints(max_length=MAX_ACCOUNT)]
Text = Annotated[str, AfterValidator(_said), Field(min_length=1)]
Moment = Annotated[
    datetime,
    BeforeValidator(_moment),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
IN_CASE = "ISO 3166 code of the person's country, for emergency numbers; never guessed."


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class _OfPerson(_Body):
    account: Account = Field(
        "", description="Which of your accounts or apps it came by; a person of each is another."
    )
    person: Person = Field(description="What you call the person; the reply names it again.")


class TextData(_OfPerson):
    """Somebody wrote something."""

    text: Text = Field(
        description="The words, raw. Over 1,000 characters the reply is a notice; "
        f"after {MAX_TEXT:,} nothing is read."
    )
    country: Country | None = Field(None, description=IN_CASE)


class StartData(_OfPerson):
    """Somebody came."""

    country: Country | None = Field(None, description=IN_CASE)


class UnreadableData(_OfPerson):
    """Somebody sent a picture, a voice message or whatever is no text."""


class FeedbackData(_OfPerson):
    """Somebody said what a reply was worth; a second word on the same reply replaces the first."""

    reply_id: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{24}$")]
    rating: Literal["helpful", "not_helpful"]


class _Event(_Body):
    timestamp: Moment = Field(description="When it happened; not when it was sent.")


class MessageReceived(_Event):
    """Answered like a message of the widget."""

    type: Literal["message.received"]
    data: TextData


class ConversationStarted(_Event):
    """Answered with a welcome and the menu."""

    type: Literal["conversation.started"]
    data: StartData


class MessageUnreadable(_Event):
    """Answered with the word that only text is read."""

    type: Literal["message.unreadable"]
    data: UnreadableData


class FeedbackGiven(_Event):
    """Kept as feedback on a reply of this person, and thanked for."""

    type: Literal["feedback.given"]
    data: FeedbackData


class Ping(_Body):
    """Does nothing: shows that the key and the clock are right."""

    type: Literal["ping"]
    timestamp: Moment | None = None
    data: dict[str, Any] = Field(default_factory=dict)


Event = Annotated[
    MessageReceived | ConversationStarted | MessageUnreadable | FeedbackGiven | Ping,
    Field(discriminator="type"),
]


class BatchItem(_Body):
    """One event of several."""

    id: Id = Field(description="As webhook-id would be, were it sent alone.")
    event: Event


class EventBatch(_Body):
    """Several events in one request; all are taken or none."""

    events: Annotated[tuple[BatchItem, ...], Field(max_length=MAX_EVENTS)]


class Accepted(BaseModel):
    """How many events were taken, those included that had come before."""

    accepted: int


EVENT: TypeAdapter[Event] = TypeAdapter(Event)
BATCH = TypeAdapter(EventBatch)
