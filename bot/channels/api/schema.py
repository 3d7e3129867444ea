"""What the API takes and gives, as models; the OpenAPI document is made from these."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, TypeVar

from flask import Request, json
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from bot.errors import FieldError, Problem
from bot.turn import BannerNote, Reply

Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
Locale = Annotated[str, StringConstraints(pattern=r"^[a-z]{2}(-[A-Z]{2})?$")]
MAX_TEXT = 50_000
"""Characters that are read at all; above 1,000 the reply is a notice, but triage reads them all."""


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, strict=True)


class SessionRequest(_Body):
    """Start a session."""

    locale: Locale | None = Field(
        None, description="Language that is wished for; so far all replies are in `en`."
    )
    country: Country | None = Field(
        None, description="ISO 3166 code, for emergency numbers; never guessed."
    )
    drill: Annotated[str, StringConstraints(max_length=200)] | None = Field(
        None, description="Pass from the console, with which the team takes part in a drill."
    )


class MessageRequest(_Body):
    """Say something."""

    text: Annotated[str, StringConstraints(max_length=MAX_TEXT)] = Field(
        description="What the person wrote; over 1,000 characters the reply is a notice."
    )
    country: Country | None = Field(None, description="Overrides the session's country.")


class FeedbackRequest(_Body):
    """Say what a reply was worth; a second word on the same reply replaces the first."""

    reply_id: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{24}$")]
    rating: Literal["helpful", "not_helpful"]
    reason: Literal["not_my_question", "unclear", "outdated", "felt_unsafe"] | None = None


class CountryChoice(BaseModel):
    """A country that has emergency numbers of its own."""

    code: str
    name: str


class Notice(BaseModel):
    """What a person agrees to before the first message."""

    title: str
    text: str
    points: tuple[str, ...]
    agree: str


class SessionResponse(BaseModel):
    """A new session."""

    session: str = Field(description="Bearer token for the other routes.")
    expires_at: str
    locale: str
    dir: Literal["ltr", "rtl"]
    country: str | None
    notice: Notice
    countries: tuple[CountryChoice, ...]
    welcome: Reply
    max_message_characters: int


class TopicEntryResponse(BaseModel):
    """A question that the corpus answers."""

    entry_id: str
    question: str


class TopicResponse(BaseModel):
    """A topic with its questions."""

    topic: str
    title: str
    entries: tuple[TopicEntryResponse, ...]


class TopicsResponse(BaseModel):
    """All live topics."""

    topics: tuple[TopicResponse, ...]


class BannersResponse(BaseModel):
    """What is said to everybody now."""

    banners: tuple[BannerNote, ...]
    look_again_seconds: int = Field(description="After how many seconds to ask again.")


class ProblemResponse(BaseModel):
    """An error, RFC 9457."""

    class FieldProblem(BaseModel):
        """One wrong field."""

        field: str
        message: str

    type: str
    title: str
    status: int
    detail: str
    errors: tuple[FieldProblem, ...]


class ReadyResponse(BaseModel):
    """What is ready and what is not."""

    ready: bool
    checks: dict[str, Literal["ok", "failed"]]


class HealthResponse(BaseModel):
    """The web server is alive."""

    status: Literal["ok"]


_Model = TypeVar("_Model", bound=_Body)


def read_body(request: Request, model: type[_Model]) -> _Model:
    """Read a request's JSON body.

    Raises:
        Problem: 415 for another content type, 400 for broken JSON, 422 naming each wrong field.
    """
    if request.mimetype != "application/json":
        raise Problem(415, "Send JSON: Content-Type: application/json.")
    try:
        raw = json.loads(request.get_data(), parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise Problem(400, "The body is not valid JSON.") from error
    if not isinstance(raw, dict):
        raise Problem(400, "The body must be a JSON object.")
    try:
        return model.model_validate({_whole(k): _cleaned(v) for k, v in raw.items()})
    except ValidationError as error:
        errors = tuple(
            FieldError(_field_name(item["loc"], model), item["msg"]) for item in error.errors()
        )
        raise Problem(422, "Some fields are missing or wrong.", errors) from error


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _cleaned(value: object) -> object:
    return _whole(value) if isinstance(value, str) else value


def _whole(text: str) -> str:
    """Return a text without lone surrogates, which JSON can carry and nothing else can."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _field_name(loc: tuple[int | str, ...], model: type[BaseModel]) -> str:
    """Return the name of a field; an unknown one is not repeated, it may hold anything."""
    fields: Mapping[str, object] = model.model_fields
    name = str(loc[0]) if loc else ""
    return name if name in fields else "(unknown field)"
