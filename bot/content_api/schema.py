"""What the content API takes and gives, as models; its OpenAPI document is made from these."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated, Literal, TypeVar

from flask import Request
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
)

from bot.errors import FieldError, Problem
from knowledge.entry import Slug, TopicEntry

Locale = Annotated[
    str, StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$", max_length=10)
]
Cursor = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,15}$")]
Checked = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
State = Literal[
    "live",
    "imported",
    "draft",
    "in_review",
    "returned",
    "approved",
    "replaced",
    "discarded",
    "withdrawn",
]
GroupState = Literal["new", "taken", "answered", "rejected"]
MOST = 200
"""Items of one page."""


def _in_utc(moment: datetime) -> datetime:
    """Return a moment in UTC; refuse one that the calendar does not reach there."""
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("is before the first year, or after the last one") from error


class _Query(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class AnswersQuery(_Query):
    """Which answers are asked for."""

    topic: Slug | None = Field(None, description="Only answers of this topic.")
    state: State | None = Field(
        None, description="Only what is live, or whose newest revision is in this state."
    )
    locale: Locale | None = Field(None, description="Only answers in this language.")
    changed_since: Annotated[AwareDatetime, AfterValidator(_in_utc)] | None = Field(
        None,
        description="Only answers written or moved on at this moment or later, as in "
        "2026-11-22T10:00:00Z.",
    )
    cursor: Cursor | None = Field(None, description="`next_cursor` of the page before.")
    limit: int = Field(50, ge=1, le=MOST, description="Answers at most.")


class AnswerQuery(_Query):
    """In which language an answer is asked for."""

    locale: Locale = Field("en", description="Language of the answer.")


class QuestionsQuery(_Query):
    """Which groups of questions are asked for."""

    state: GroupState | None = Field(None, description="Only groups in this state.")
    locale: Locale | None = Field(None, description="Only questions in this language.")
    cursor: Cursor | None = Field(None, description="`next_cursor` of the page before.")
    limit: int = Field(50, ge=1, le=MOST, description="Groups at most.")


class ImportQuery(_Query):
    """What was agreed to."""

    checked: Checked | None = Field(
        None,
        description="`checked` of the check; with it nothing is imported where the file or one of "
        "its answers is not what it was then.",
    )


class NoQuery(_Query):
    """Nothing is asked for."""


class AnswerItem(BaseModel):
    """An answer in a list."""

    entry_id: str
    locale: str
    topic: str
    topic_title: str
    question: str = Field(description="Of the newest revision.")
    revision: int = Field(description="Number of the newest revision.")
    state: State = Field(description="Of the newest revision.")
    live_revision: int | None = Field(description="Number of the live revision.")
    changed_at: datetime = Field(description="When the newest revision was written or moved on.")
    review_due: date


class AnswersResponse(BaseModel):
    """Answers, those whose words changed longest ago first."""

    release: int | None = Field(description="The live release, or null where there is none.")
    answers: tuple[AnswerItem, ...]
    next_cursor: str | None = Field(description="For the next page; null on the last one.")


class RevisionItem(BaseModel):
    """A revision of an answer."""

    revision: int
    state: State
    is_live: bool
    based_on: int | None
    change: str = Field(description="What is different, in the author's words.")
    written_at: datetime


class AnswerResponse(BaseModel):
    """An answer with its revisions."""

    entry_id: str
    locale: str
    newest: TopicEntry = Field(description="What the newest revision says.")
    live: TopicEntry | None = Field(description="What is live.")
    revisions: tuple[RevisionItem, ...] = Field(description="The newest first.")


class FlawItem(BaseModel):
    """One thing that is wrong with a file, or that the checks find in it."""

    level: Literal["error", "warning"]
    file: str | None = Field(description="Corpus file in a ZIP file.")
    line: int | None = Field(description="Line in a YAML file.")
    row: int | None = Field(description="Row of a spreadsheet.")
    field: str = Field(description="Column of a spreadsheet, or dotted field.")
    entry_id: str
    message: str


class ChangeItem(BaseModel):
    """An answer that would get a draft."""

    entry_id: str
    locale: str
    outcome: Literal["new", "changed"]
    fields: tuple[str, ...] = Field(description="What is different.")
    based_on: int | None = Field(description="Newest revision, which the draft would follow.")
    replaces_draft: bool = Field(description="Whether somebody works on or reviews that one.")


class CheckResponse(BaseModel):
    """What a file would change; nothing is written."""

    readable: bool = Field(description="Whether the file could be imported.")
    new: int
    changed: int
    unchanged: int
    changes: tuple[ChangeItem, ...]
    problems: tuple[FlawItem, ...] = Field(description="1,000 at most, in the order of the file.")
    notes: tuple[str, ...]
    checked: str | None = Field(description="Give it to the import, to get exactly this.")


class DraftItem(BaseModel):
    """A draft that an import made."""

    entry_id: str
    locale: str
    revision: int


class ImportResponse(BaseModel):
    """What an import did; nothing is live by it."""

    new: int
    changed: int
    unchanged: int
    drafts: tuple[DraftItem, ...]
    import_id: int | None = Field(description="Its line in the record; null where nothing changed.")


class GroupItem(BaseModel):
    """Questions that mean the same and got no good answer."""

    id: int
    state: GroupState
    locale: str
    conversations: int
    first_day: date
    last_day: date
    wordings: tuple[str, ...] = Field(description="Identifiers masked, the most typical first.")
    topic: str | None
    entry_id: str | None = Field(description="The answer that somebody named for them.")
    badly_rated: float = Field(description="Share of replies rated as not helpful, 0 to 1.")


class QuestionsResponse(BaseModel):
    """Groups of questions, those that most conversations asked first."""

    groups: tuple[GroupItem, ...]
    least: int = Field(description="Conversations that a group must have to be shown.")
    smaller: int = Field(description="Groups with fewer, of which no more is told.")
    next_cursor: str | None = Field(description="For the next page; null on the last one.")


_Asked = TypeVar("_Asked", bound=_Query)


def read_query(request: Request, model: type[_Asked]) -> _Asked:
    """Read what the address of a request asks for.

    Raises:
        Problem: 422 naming each parameter that is wrong, unknown or given twice.
    """
    twice = [name for name, values in request.args.lists() if len(values) > 1]
    if twice:
        errors = tuple(FieldError(_name(name, model), "is given more than once") for name in twice)
        raise Problem(422, "Some parameters are given more than once.", errors)
    try:
        return model.model_validate(request.args.to_dict())
    except ValidationError as error:
        errors = tuple(
            FieldError(_name(str(item["loc"][0]), model), item["msg"]) for item in error.errors()
        )
        raise Problem(422, "Some parameters are wrong or unknown.", errors) from error


def _name(name: str, model: type[BaseModel]) -> str:
    """Return the name of a parameter; an unknown one is not repeated, it may hold anything."""
    return name if name in model.model_fields else "(unknown parameter)"
