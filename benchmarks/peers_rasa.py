"""Rasa's ResponseSelector over the corpus, for ``benchmarks.peers``; runs in Rasa's environment.

Every entry is one response of the retrieval intent ``faq``, its question and variants are the
training examples. The pipeline is the one that ``rasa init`` writes, without what finds entities
and intents: there is one intent only, and a classifier of one class has nothing to learn.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml

from benchmarks.peers_exchange import Hit, Report, Task, ask_all, first_of_each, run_system, say

INTENT = "faq"
TRAINING = "import skops.io; from rasa.__main__ import main; main()"
SECONDS_BETWEEN_LINES = 20
SEED = 42


def write_project(task: Task, folder: Path) -> None:
    """Write training data, domain and configuration."""
    examples = [
        {
            "intent": f"{INTENT}/{subject.id}",
            "examples": "".join(f"- {text}\n" for text in (subject.question, *subject.variants)),
        }
        for subject in task.subjects
    ]
    responses = {
        f"utter_{INTENT}/{subject.id}": [{"text": subject.answer}] for subject in task.subjects
    }
    domain = {"version": "3.1", "intents": [INTENT], "responses": responses}
    files = {
        "nlu.yml": {"version": "3.1", "nlu": examples},
        "domain.yml": domain,
        "config.yml": configuration(task.epochs),
    }
    for name, content in files.items():
        text = yaml.safe_dump(content, allow_unicode=True, sort_keys=False, width=1000)
        (folder / name).write_text(text, encoding="utf-8")


def configuration(epochs: int) -> dict[str, Any]:
    """Return Rasa's configuration."""
    return {
        "recipe": "default.v1",
        "assistant_id": "peers",
        "language": "en",
        "pipeline": [
            {"name": "WhitespaceTokenizer"},
            {"name": "RegexFeaturizer"},
            {"name": "LexicalSyntacticFeaturizer"},
            {"name": "CountVectorsFeaturizer"},
            {
                "name": "CountVectorsFeaturizer",
                "analyzer": "char_wb",
                "min_ngram": 1,
                "max_ngram": 4,
            },
            {
                "name": "ResponseSelector",
                "epochs": epochs,
                "constrain_similarities": True,
                "random_seed": SEED,
            },
        ],
        "policies": [],
    }


def train(task: Task, folder: Path) -> Path:
    """Train in a process of its own, so that its memory does not count; return the model.

    Raises:
        RuntimeError: Rasa refuses; the message is the end of what it said.
    """
    write_project(task, folder)
    command = [sys.executable, "-c", TRAINING, "train", "nlu", "--fixed-model-name", "peers"]
    command += ["--config", "config.yml", "--nlu", "nlu.yml", "--domain", "domain.yml"]
    threads = str(task.training_threads)
    env = {
        **os.environ,
        "OMP_NUM_THREADS": threads,
        "TF_INTRA_OP_PARALLELISM_THREADS": threads,
        "RASA_CACHE_DIRECTORY": str(folder / "cache"),
    }
    log = folder / "train.log"
    started = told = time.monotonic()
    with log.open("w") as output:
        process = subprocess.Popen(  # noqa: S603  (Rasa's own command)
            command, cwd=folder, env=env, stdout=output, stderr=subprocess.STDOUT
        )
        while process.poll() is None:
            time.sleep(0.5)
            if time.monotonic() - told > SECONDS_BETWEEN_LINES:
                told = time.monotonic()
                say(f"  training, {told - started:.0f} s: {epochs_done(log)}")
    model = folder / "models" / "peers.tar.gz"
    if process.returncode or not model.exists():
        raise RuntimeError(f"training failed: {log.read_text(errors='replace')[-600:]}")
    say(f"  trained in {time.monotonic() - started:.0f} s")
    return model


def epochs_done(log: Path) -> str:
    """Return how far training is, in Rasa's own words."""
    found = re.findall(r"Epochs:\s+\d+%\|[^|]*\|\s*(\d+/\d+)", log.read_text(errors="replace"))
    return f"epoch {found[-1]}" if found else "preparing"


def measure(task: Task) -> Report:
    """Train, load the model and ask it the questions."""
    with tempfile.TemporaryDirectory(prefix="peers-rasa-") as folder:
        model = train(task, Path(folder))
        # After TensorFlow, importing it takes seconds.
        import skops.io  # type: ignore[import-not-found]  # noqa: F401
        from rasa.core.agent import Agent  # type: ignore[import-not-found]
        from rasa.utils.log_utils import configure_structlog  # type: ignore[import-not-found]

        # Else every question is written out, which would also count as its time.
        configure_structlog(logging.CRITICAL)
        agent = Agent.load(str(model))
    loop = asyncio.new_event_loop()

    def ask(query: str) -> Hit:
        parsed = loop.run_until_complete(agent.parse_message(query))
        ranking = parsed["response_selector"]["default"]["ranking"]
        return first_of_each(
            (row["intent_response_key"].split("/", 1)[1], float(row["confidence"]))
            for row in ranking
        )

    try:
        return ask_all(ask, task.queries, ("rasa", "tensorflow", "scikit-learn", "numpy"))
    finally:
        loop.close()


if __name__ == "__main__":
    sys.exit(run_system(measure))
