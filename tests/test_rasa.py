"""The dialogue model: its data are sound, its stories hold, its intents are recognised."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.supervision import RASA, RASA_COMMAND, RASA_ENVIRONMENT
from tests.prepared import FOLDER, trained_model
from tests.stack import ROOT

pytestmark = pytest.mark.rasa

# Measured 0.935 and 0.959 when these were set; docs/safety.md names the command.
LEAST_ACCURACY = 0.92
LEAST_SAFETY_RECALL = 0.94
SAFETY = {"emergency", "self_harm", "abuse"}


def rasa(*words: str) -> subprocess.CompletedProcess[str]:
    """Run a command of Rasa's."""
    env = {
        **os.environ,
        **RASA_ENVIRONMENT,
        "RASA_CACHE_DIRECTORY": str(FOLDER / "rasa-cache"),
        "ACTION_ENDPOINT_URL": "http://127.0.0.1:9/webhook",
        "RASA_TRACKER_DB": str(FOLDER / "unused.db"),
    }
    return subprocess.run(
        [str(RASA / "python"), "-c", RASA_COMMAND, *words],
        cwd=ROOT,
        env=env,
        text=True,
        capture_output=True,
        check=False,
    )


@pytest.fixture(scope="module")
def model() -> Path:
    """The trained model, the same as the stack's."""
    return trained_model()


def test_its_data_are_sound() -> None:
    done = rasa(
        "data", "validate", "--data", "bot/data", "--domain", "domain.yml", "--config",
        "config.yml", "--fail-on-warnings",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


def test_its_stories_hold(model: Path, tmp_path: Path) -> None:
    done = rasa(
        "test", "core", "--stories", "tests/stories", "--model", str(model), "--out",
        str(tmp_path), "--no-plot", "--fail-on-prediction-errors",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    report = json.loads((tmp_path / "story_report.json").read_text())
    assert report["conversation_accuracy"]["accuracy"] == 1.0
    assert report["conversation_accuracy"]["total"] >= 20


def test_it_recognises_held_back_intents(model: Path, tmp_path: Path) -> None:
    done = rasa(
        "test", "nlu", "--nlu", "tests/data/nlu/held_back.yml", "--model", str(model), "--out",
        str(tmp_path), "--no-plot", "--successes",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    report = json.loads((tmp_path / "intent_report.json").read_text())
    errors = json.loads((tmp_path / "intent_errors.json").read_text())
    missed = [
        row
        for row in errors
        if row["intent"] in SAFETY and row["intent_prediction"]["name"] not in SAFETY
    ]
    total = sum(report[intent]["support"] for intent in SAFETY)
    recall = 1 - len(missed) / total
    sys.stdout.write(f"accuracy {report['accuracy']:.3f}, safety recall {recall:.3f}\n")
    assert report["accuracy"] >= LEAST_ACCURACY
    assert recall >= LEAST_SAFETY_RECALL
