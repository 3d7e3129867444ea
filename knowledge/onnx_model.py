"""A sentence-transformers model as an ONNX graph: exported once, then run without torch.

ONNX Runtime makes the same vectors as PyTorch in a fraction of the time, and a process that runs
it holds neither torch nor transformers in memory. An export is a folder::

    <slug of the name>-<digest of the model>/
        model.onnx        token ids and mask to a vector of length 1, weights as 32-bit floats
        model.int8.onnx   the same with weights rounded to 8 bits
        tokenizer.json    for the tokenizers library
        meta.json         an ``Export``, with the SHA-256 of the files above
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import onnxruntime
from pydantic import BaseModel, ConfigDict, ValidationError
from tokenizers import Encoding, Tokenizer

from knowledge.embedder import (
    Embedder,
    Progress,
    Vectors,
    one_piece,
    pieces_over_usual,
)

FORMAT = 1
"""Part of every digest: a change of what is exported makes every model be exported anew."""
FULL = "model.onnx"
ROUNDED = "model.int8.onnx"
TOKENIZER = "tokenizer.json"
META = "meta.json"
INPUTS = ("input_ids", "attention_mask")
OUTPUT = "sentence_embedding"
LEAST_AGREEMENT = 0.9999
"""Least cosine with PyTorch's vector that the graph of full precision must reach on every probe."""
LEAST_ROUNDED_AGREEMENT = 0.9
BATCH_TOKENS = 1024
"""Tokens of one pass, padding included. More take longer per text: what lies between two layers
then no longer fits into the processor's cache."""
MODEL_FILES = frozenset({".bin", ".json", ".model", ".safetensors", ".txt"})
OTHER_FORMATS = frozenset({"onnx", "openvino"})
PROBES = (
    "",
    "?",
    "can I catch the flu from the flu shot?",
    "My father's chest hurt after lunch; he is 71, takes pills for his blood and will not rest.",
    "¿Cómo se transmite la malaria? Как передаётся корь? 麻疹はどううつりますか हैजा क्या है",
    "what\tis\r\nmeasles\u0000 and\u202e who gets it\u200b?",
    "ANTIBIOTICS for a cold, naïve or not: 500 mg/8 h ⚕️💊",
    "how do I get rid of head lice and is it true that only dirty hair has them " * 60,
)
"""What an export is compared on: short and longer than any model takes, of many scripts."""

logger = logging.getLogger(__name__)
Numbers = npt.NDArray[np.int64]
Graph = Callable[[Numbers, Numbers], Vectors]
"""Makes vectors of token ids and of the mask that tells which of them are there."""


class ExportError(Exception):
    """This model cannot be run as an ONNX graph; the message is one word that says why."""


class Source(Embedder, Protocol):
    """What an export is made from: a loaded model that can write itself down."""

    def save_onnx(self, folder: Path) -> Reading:
        """Write ``model.onnx`` and ``tokenizer.json``; tell how texts are read.

        Raises:
            ExportError: the model cannot be written down.
        """


class Reading(BaseModel):
    """How a text becomes token ids.

    Attributes:
        max_length: tokens after which a text is cut off, with those that mark begin and end.
        pad_id: token that fills up the shorter texts of a batch.
        prompt: what is put before every text.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_length: int
    pad_id: int
    prompt: str


class Export(BaseModel):
    """What is known of an export.

    Attributes:
        model: name of the model.
        digest: of the files of the model that it was made from.
        dimensions: of a vector.
        reading: how a text becomes token ids.
        agreement: per graph that may be used, its least cosine with PyTorch's vectors over the
            probes.
        versions: of the libraries that made it.
        files: SHA-256 of every file.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str
    digest: str
    dimensions: int
    reading: Reading
    agreement: dict[str, float]
    versions: dict[str, str]
    files: dict[str, str]


class OnnxEmbedder:
    """An exported model on the processor. Safe to use from several threads at once.

    Attributes:
        name: name of the model; ``<name>/int8`` for the rounded graph, whose vectors differ.
    """

    def __init__(
        self, folder: Path, name: str, reading: Reading, threads: int = 1, rounded: bool = False
    ) -> None:
        """Load an export.

        Args:
            folder: the export.
            name: name of the model.
            reading: how a text becomes token ids.
            threads: processor threads for one pass.
            rounded: whether to run the graph with weights of 8 bits.

        Raises:
            ExportError: this ONNX Runtime cannot run the graph, or the tokenizer cannot be read.
        """
        self.name = f"{name}/int8" if rounded else name
        self._reading = reading
        try:
            self._tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
            self._tokenizer.no_padding()
            self._tokenizer.enable_truncation(reading.max_length)
            self._graph = self.open_graph(folder / (ROUNDED if rounded else FULL), threads)
            # The first pass takes several times as long as the others.
            self._dimensions = self._run([self._encode("")]).shape[1]
        # Neither library has a base class of its own for what it raises.
        except Exception as error:
            raise ExportError("unreadable") from error

    @staticmethod
    def open_graph(file: Path, threads: int) -> Graph:
        """Return a graph ready to run."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # Threads that spin between two questions would take the processor from Rasa.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        session = onnxruntime.InferenceSession(
            str(file), options, providers=["CPUExecutionProvider"]
        )

        def run(ids: Numbers, mask: Numbers) -> Vectors:
            (vectors,) = session.run([OUTPUT], dict(zip(INPUTS, (ids, mask), strict=True)))
            return np.asarray(vectors, dtype=np.float32)

        return run

    def embed(self, texts: Sequence[str], progress: Progress | None = None) -> Vectors:
        """Return one vector of length 1 per text, shape ``(len(texts), dimensions)``.

        A text of any length has a vector, the empty one too: what is beyond the model's length is
        left out. Half of a surrogate pair, which no encoding has a word for, counts as ``?``.

        Args:
            texts: any texts.
            progress: told after each pass how many of the texts are done, and how many there are.
        """
        vectors = np.empty((len(texts), self._dimensions), dtype=np.float32)
        encodings = [self._encode(text) for text in texts]
        done = 0
        for batch in batches([len(encoding) for encoding in encodings], BATCH_TOKENS):
            vectors[batch] = self._run([encodings[place] for place in batch])
            done += len(batch)
            if progress:
                progress(done, len(texts))
        return vectors

    def knows_word(self, word: str) -> bool:
        """Tell whether the model has one piece of its own for a word."""
        return one_piece(self._tokenizer, word)

    def strangeness(self, texts: Sequence[str]) -> float:
        """Return how strange texts are to the model."""
        return pieces_over_usual(self._tokenizer, texts)

    def _encode(self, text: str) -> Encoding:
        """Return the token ids of one text."""
        # One by one: `encode_batch` starts a thread per processor, whatever we are set to.
        known = text.encode("utf-8", "replace").decode("utf-8")
        return self._tokenizer.encode(self._reading.prompt + known)

    def _run(self, encodings: Sequence[Encoding]) -> Vectors:
        """Return the vectors of one batch."""
        # A tokenizer without marks for begin and end makes nothing of an empty text.
        width = max(1, *(len(encoding) for encoding in encodings))
        ids: Numbers = np.full((len(encodings), width), self._reading.pad_id, dtype=np.int64)
        mask: Numbers = np.zeros_like(ids)
        for row, encoding in enumerate(encodings):
            ids[row, : len(encoding)] = encoding.ids
            mask[row, : len(encoding)] = 1
        return self._graph(ids, mask)


def batches(lengths: Sequence[int], most: int) -> Iterator[list[int]]:
    """Yield the places of texts in batches of like length, longest first.

    Args:
        lengths: tokens of each text.
        most: tokens of a batch, the shorter texts filled up to the longest.
    """
    order = sorted(range(len(lengths)), key=lambda place: -lengths[place])
    while order:
        size = max(1, most // max(1, lengths[order[0]]))
        yield order[:size]
        order = order[size:]


def load_onnx(
    name: str,
    source_folder: Path,
    models: Path,
    load_source: Callable[[], Source],
    tell: Callable[[str], None],
    threads: int = 1,
    rounded: bool = False,
) -> OnnxEmbedder:
    """Load a model's export; make it first where it is missing or damaged.

    Args:
        name: name of the model.
        source_folder: folder of the model.
        models: folder of all exports.
        load_source: loads the model itself, which takes long; called only to make an export.
        tell: told in one line that an export is being made.
        threads: processor threads for one pass.
        rounded: whether to run the graph with weights of 8 bits.

    Raises:
        ExportError: this model cannot be run as an ONNX graph.
    """
    try:
        digest = model_digest(source_folder)
        folder = models / f"{_slug(name)}-{digest[:16]}"
        export = read_export(folder, rounded)
        if export is None:
            with _locked(folder):
                # Another process may have made it while this one waited.
                export = read_export(folder, rounded)
                if export is None:
                    tell(f"preparing the embedding model {name} (once, less than a minute)")
                    export = make_export(name, digest, folder, load_source())
    except OSError as error:
        raise ExportError("unwritable") from error
    if rounded and ROUNDED not in export.files:
        raise ExportError("not_rounded")
    return OnnxEmbedder(folder, name, export.reading, threads, rounded)


def model_digest(folder: Path) -> str:
    """Return a digest of every file of a model that its vectors may depend on."""
    digest = hashlib.sha256(f"export {FORMAT}".encode())
    for file in sorted(folder.rglob("*")):
        inner = file.relative_to(folder)
        if file.suffix in MODEL_FILES and not OTHER_FORMATS & set(inner.parts) and file.is_file():
            digest.update(f"\0{inner.as_posix()}\0{_sha256(file)}".encode())
    return digest.hexdigest()


def read_export(folder: Path, rounded: bool) -> Export | None:
    """Return what is known of an export, or None if it is missing or not as it was made.

    Args:
        folder: of the export.
        rounded: whether the graph with weights of 8 bits is needed, else that of full precision.
    """
    try:
        export = Export.model_validate_json((folder / META).read_text(encoding="utf-8"))
        needed = [TOKENIZER, FULL]
        if rounded and ROUNDED in export.files:
            needed = [TOKENIZER, ROUNDED]
        whole = all(export.files.get(file) == _sha256(folder / file) for file in needed)
    except (OSError, ValidationError, UnicodeDecodeError):
        return None
    return export if whole else None


def make_export(name: str, digest: str, folder: Path, source: Source) -> Export:
    """Write an export beside its place, compare it with the model, then put it there at once.

    Args:
        name: name of the model.
        digest: of the files of the model.
        folder: of the export; what is there is replaced.
        source: the model.

    Raises:
        ExportError: the model cannot be exported, or the export makes other vectors.
    """
    with tempfile.TemporaryDirectory(prefix=".making-", dir=folder.parent) as work:
        made = Path(work) / folder.name
        made.mkdir()
        reading = source.save_onnx(made)
        wanted = source.embed(PROBES)
        agreement = {FULL: _agreement(OnnxEmbedder(made, name, reading), wanted)}
        if agreement[FULL] < LEAST_AGREEMENT:
            raise ExportError("other_vectors")
        # A model that does not bear rounding is still exported as it is.
        with suppress(ExportError):
            _round_weights(made)
            rounded = OnnxEmbedder(made, name, reading, rounded=True)
            if (reached := _agreement(rounded, wanted)) >= LEAST_ROUNDED_AGREEMENT:
                agreement[ROUNDED] = reached
        export = Export(
            model=name,
            digest=digest,
            dimensions=wanted.shape[1],
            reading=reading,
            agreement=agreement,
            versions={
                package: version(package)
                for package in ("onnx", "onnxruntime", "sentence-transformers", "torch")
            },
            files={file: _sha256(made / file) for file in (*agreement, TOKENIZER)},
        )
        (made / META).write_text(export.model_dump_json(indent=2), encoding="utf-8")
        # A folder cannot replace one that holds something.
        with suppress(FileNotFoundError):
            folder.rename(Path(work) / "damaged")
        made.rename(folder)
    _remove_older(folder)
    return export


def _remove_older(folder: Path) -> None:
    """Remove the exports of other versions of the same model: each takes as much as the model."""
    slug, _, digest = folder.name.rpartition("-")
    pattern = f"{slug}-{'[0-9a-f]' * len(digest)}"
    for other in folder.parent.glob(pattern):
        if other != folder:
            shutil.rmtree(other, ignore_errors=True)


def _agreement(embedder: OnnxEmbedder, wanted: Vectors) -> float:
    """Return the least cosine of an export's vectors with the model's own, over the probes."""
    # Both at once and one at a time: padding must change nothing.
    try:
        together = embedder.embed(PROBES)
        apart = np.concatenate([embedder.embed([text]) for text in PROBES])
    # A graph that holds one size for all texts fails at the next one, in whatever way.
    except Exception:
        return -1.0
    if together.shape != wanted.shape:
        return -1.0
    cosines = np.stack([(vectors * wanted).sum(axis=1) for vectors in (together, apart)])
    return float(np.nan_to_num(cosines, nan=-1.0).min())


def _round_weights(folder: Path) -> None:
    """Write the graph with the weights of its matrix products rounded to 8 bits.

    Only those, each row by a scale of its own: rounding the embedding table too, or everything by
    one scale, moved the vectors several times as far and saved no time.

    Raises:
        ExportError: this graph cannot be rounded.
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic

    try:
        # It would advise, through the root logger, to clean up the graph first.
        with _quiet(logging.getLogger()):
            quantize_dynamic(
                folder / FULL,
                folder / ROUNDED,
                op_types_to_quantize=["MatMul"],
                per_channel=True,
                weight_type=QuantType.QInt8,
            )
    except Exception as error:
        raise ExportError("not_rounded") from error


@contextmanager
def _quiet(log: logging.Logger) -> Iterator[None]:
    """Let nothing below an error through a logger."""
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(before)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Let one process at a time make this export."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / f".{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _slug(name: str) -> str:
    """Return a name as part of the name of a folder: the last words of a path, plain letters."""
    return re.sub(r"[^a-z0-9]+", "-", name.casefold()).strip("-")[-60:].strip("-") or "model"
