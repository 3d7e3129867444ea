"""Asks the action server, which holds the model, what a release would change."""

from __future__ import annotations

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


class Rehearsing:
    """The action server's rehearsal."""

    def __init__(self, actions_url: str, transport: httpx.BaseTransport | None = None) -> None:
        """Take where the action server listens."""
        self._client = httpx.Client(
            base_url=actions_url, timeout=TIMEOUT_SECONDS, trust_env=False, transport=transport
        )

    def __call__(self, revision_ids: list[int]) -> Rehearsal | None:
        """Return what a release with these revisions would change; None where nobody can tell."""
        try:
            response = self._client.post("/rehearse", json={"revisions": revision_ids})
            response.raise_for_status()
            return Rehearsal.model_validate_json(response.content)
        except (httpx.HTTPError, ValidationError):
            return None
