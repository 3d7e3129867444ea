"""Asks the action server, which holds the model, why and what if."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypeVar

import httpx
from pydantic import BaseModel, ConfigDict, ValidationError

TIMEOUT_SECONDS = 60.0
"""Embedding what is new and deciding some hundred questions twice takes a few seconds."""


class Change(BaseModel):
    """A question that would get another reply; ``knowledge.rehearsal.Change``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    question: str
    is_labelled: bool
    before: str
    after: str
    is_worse: bool | None


class Alike(BaseModel):
    """Two wordings that ask nearly the same; ``knowledge.rehearsal.Alike``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    entry_id: str
    wording: str
    other_id: str
    other: str
    cosine: float


class Rehearsal(BaseModel):
    """What a release would change; ``knowledge.rehearsal.Rehearsal``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    asked: int
    changes: tuple[Change, ...]
    alike: tuple[Alike, ...]


class SignalShare(BaseModel):
    """What one signal did for a candidate; ``knowledge.explaining.SignalShare``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    value: float
    lift: float


class Line(BaseModel):
    """A candidate with its reasons; ``knowledge.explaining.Line``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    entry_id: str
    wording: str
    score: float
    signals: tuple[SignalShare, ...]


class Explanation(BaseModel):
    """Why a question gets what it gets; ``knowledge.explaining.Explanation``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    asked: str
    reason: str
    confidence: float
    offer: float
    unknown_words: tuple[str, ...]
    lines: tuple[Line, ...]


class FoundNow(BaseModel):
    """What a wording gets from the live release; ``knowledge.rehearsal.FoundNow``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    wording: str
    kind: Literal["answer", "choice", "no_answer"]
    entry_ids: tuple[str, ...]
    score: float


class Findings(BaseModel):
    """What wordings get from the live release."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    found: tuple[FoundNow, ...]


class State(BaseModel):
    """Which release answers, and why a newer one does not; ``knowledge.live.Failure``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    release: int | None
    failed: int | None
    reason: str


STATE_SECONDS = 2.0
Answer = TypeVar("Answer", bound=BaseModel)


class ActionServer:
    """What the action server tells the content team."""

    def __init__(self, actions_url: str, transport: httpx.BaseTransport | None = None) -> None:
        """Take where the action server listens."""
        self._client = httpx.Client(
            base_url=actions_url, timeout=TIMEOUT_SECONDS, trust_env=False, transport=transport
        )

    def rehearse(self, revision_ids: list[int]) -> Rehearsal | None:
        """Return what a release with these revisions would change; None where nobody can tell."""
        return self._ask("/rehearse", {"revisions": revision_ids}, Rehearsal)

    def found(self, wordings: Sequence[str]) -> tuple[FoundNow, ...] | None:
        """Return what wordings get from the live release; None where nobody can tell."""
        told = self._ask("/found", {"wordings": list(wordings)}, Findings)
        return told.found if told else None

    def state(self) -> State | None:
        """Return which release answers; None where nobody can tell."""
        try:
            response = self._client.get("/state", timeout=STATE_SECONDS)
            response.raise_for_status()
            return State.model_validate_json(response.content)
        except (httpx.HTTPError, ValidationError):
            return None

    def explain(self, question: str, after: str | None) -> Explanation | None:
        """Return why a question gets what it gets; None where nobody can tell.

        Args:
            question: what is asked.
            after: id of the entry that was answered just before, or None.
        """
        return self._ask("/explain", {"text": question, "after": after}, Explanation)

    def _ask(self, path: str, body: dict[str, Any], kind: type[Answer]) -> Answer | None:
        try:
            response = self._client.post(path, json=body)
            response.raise_for_status()
            return kind.model_validate_json(response.content)
        except (httpx.HTTPError, ValidationError):
            return None
