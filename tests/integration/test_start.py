"""A start that cannot succeed refuses with one sentence that says what to do."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests import prepared
from tests.stack import (
    PROCESSES,
    ROOT,
    Stack,
    environment,
    finish,
    free_ports,
    wait_for,
)

pytestmark = pytest.mark.stack


def launch(env: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    """Try to start and return what came of it."""
    return subprocess.run(
        [sys.executable, "-m", "deploy.launch", *words],
        cwd=ROOT,
        env=env,
        text=True,
        capture_output=True,
        check=False,
        timeout=200,
    )


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """Settings of a stack of its own, with the models and vectors at hand."""
    prepared.fill(tmp_path)
    return environment(tmp_path, free_ports(3))


def assert_refused(done: subprocess.CompletedProcess[str], *words: str) -> None:
    """Hold that a start was refused in plain words, without a traceback."""
    output = done.stdout + done.stderr
    assert done.returncode == 1, output
    assert "Traceback" not in output
    for word in words:
        assert word in output


def test_a_taken_port_is_named_with_its_setting(env: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", int(env["CITEWELL_PORT"]))):
        assert_refused(launch(env), env["CITEWELL_PORT"], "CITEWELL_PORT")


def test_a_broken_corpus_file_is_named_with_its_line(env: dict[str, str], tmp_path: Path) -> None:
    folder = tmp_path / "corpus"
    shutil.copytree(ROOT / "knowledge" / "corpus", folder)
    broken = folder / "flu.yml"
    broken.write_text(broken.read_text().replace("aspect: symptoms", "aspect: smell", 1))
    done = launch({**env, "CITEWELL_CORPUS_DIR": str(folder)}, "--prepare")
    assert_refused(done, "flu.yml:", "aspect", "nothing was started")
    assert "0 entries" not in done.stdout


def test_a_missing_embedding_model_is_named_with_its_setting(env: dict[str, str]) -> None:
    done = launch({**env, "CITEWELL_EMBEDDING_MODEL": "/nowhere/model", "HF_HUB_OFFLINE": "1"})
    assert_refused(done, "/nowhere/model", "CITEWELL_EMBEDDING_MODEL")


def test_a_senseless_setting_is_named(env: dict[str, str]) -> None:
    assert_refused(launch({**env, "CITEWELL_COUNTRY": "Norway"}), "CITEWELL_COUNTRY", "two-letter")


def test_a_data_folder_that_cannot_be_made_is_named(env: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    done = launch({**env, "CITEWELL_DATA_DIR": str(tmp_path / "file" / "data")})
    assert_refused(done, "CITEWELL_DATA_DIR")


def test_an_unreachable_database_is_named_with_its_setting(env: dict[str, str]) -> None:
    done = launch({**env, "DATABASE_URL": "sqlite:////proc/nowhere/citewell.db"})
    assert_refused(done, "DATABASE_URL")


def test_a_second_start_does_none_of_the_finished_work_again(env: dict[str, str]) -> None:
    folder = Path(env["CITEWELL_DATA_DIR"])
    (folder / "citewell.db").unlink()  # the vectors, too, are first made here
    first = launch(env, "--prepare")
    assert first.returncode == 0, first.stdout
    made = {file: file.stat().st_mtime_ns for file in (folder / "models").iterdir()}
    started = time.monotonic()
    second = launch(env, "--prepare")
    assert second.returncode == 0, second.stdout
    assert time.monotonic() - started < 15
    assert {file: file.stat().st_mtime_ns for file in (folder / "models").iterdir()} == made
    assert "release 1 is live" in second.stdout


def test_ctrl_c_leaves_no_process_behind(env: dict[str, str], tmp_path: Path) -> None:
    launcher = subprocess.Popen(
        [sys.executable, "-m", "deploy.launch"],
        cwd=ROOT,
        env=env,
        text=True,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    alone = Stack("", tmp_path, env, launcher)
    try:
        assert wait_for(lambda: all(alone.pid(name) for name in PROCESSES), 240)
        pids = [alone.pid(name) for name in PROCESSES]
    finally:
        status = finish(alone)
    assert status == 0
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)
