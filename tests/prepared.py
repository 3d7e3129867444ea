"""What each start makes anew and always alike: models, and the vectors of the shipped corpus.

The product's own commands make it once; it is kept in ``var/test/prepared`` until something that
goes into it changes. Tests get a copy, so none can spoil it for another.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from deploy.launch import train
from knowledge.settings import ROOT

FOLDER = ROOT / "var" / "test" / "prepared"
INPUTS = (
    "knowledge/corpus",
    "knowledge/document.py",
    "knowledge/embedder.py",
    "knowledge/exemplars",
    "knowledge/migrations/versions",
    "knowledge/onnx_model.py",
    "knowledge/schema.py",
    "requirements/citewell.txt",
)
"""What the vectors and the shape of their database come from."""


def fill(data: Path, *, dialogue: bool = True) -> None:
    """Put models and vectors into a data folder, as they are after a first start.

    Nothing is published in its database. What the folder has already is left alone.

    Args:
        data: the folder.
        dialogue: whether Rasa's model is wanted, too.
    """
    # Rasa's training and the vectors need nothing of each other, as in a start.
    with _alone(), ThreadPoolExecutor() as both:
        training = both.submit(_train) if dialogue else None
        database = _vectors()
        if training:
            training.result()
        shutil.copytree(FOLDER / "models", data / "models", dirs_exist_ok=True)
        if not (data / database.name).exists():
            shutil.copy(database, data / database.name)


def trained_model() -> Path:
    """Return Rasa's model, trained where its inputs changed."""
    with _alone():
        return _train()


def without_settings() -> dict[str, str]:
    """Return the environment of this process without any setting of the product."""
    ours = ("CITEWELL_", "DATABASE_URL", "PYTHONDONTWRITEBYTECODE")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


@contextmanager
def _alone() -> Iterator[None]:
    """Let one process at a time make what is missing."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _train() -> Path:
    (FOLDER / "log").mkdir(exist_ok=True)
    return train(FOLDER)


def _vectors() -> Path:
    """Return a database in the newest shape that has the vectors and nothing else."""
    made = FOLDER / _digest() / "citewell.db"
    if made.exists():
        return made
    for old in FOLDER.glob("*/citewell.db"):
        shutil.rmtree(old.parent)
    unfinished = FOLDER / "citewell.db"
    for rest in FOLDER.glob("citewell.db*"):
        rest.unlink()
    done = subprocess.run(
        [sys.executable, "-m", "knowledge", "prepare"],
        cwd=ROOT,
        env=without_settings() | {"CITEWELL_DATA_DIR": str(FOLDER)},
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    made.parent.mkdir()
    return unfinished.rename(made)


def _digest() -> str:
    digest = hashlib.sha256()
    for name in INPUTS:
        path = ROOT / name
        files = path.rglob("*") if path.is_dir() else [path]
        for file in sorted(file for file in files if file.suffix in {".py", ".txt", ".yml"}):
            digest.update(file.relative_to(ROOT).as_posix().encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:16]
