"""Set-up: an environment is made again only when its lock or its Python changed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from deploy import environments
from deploy.environments import (
    MINIMUM,
    STAMP,
    SetupError,
    count_pins,
    find_python_310,
    install,
    is_current,
    lock_digest,
    main,
    run,
    torch_options,
    uv_environment,
    works,
)


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    file = tmp_path / "lock.txt"
    file.write_text("flask==3.1.3\n    # via citewell\nhttpx==0.28.1\n# a comment==1\n")
    return file


def script(file: Path, text: str) -> Path:
    """Write an executable shell script."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)
    return file


REFUSES = 'echo "pyenv: python3.10: command not found" >&2; exit 127'
IS_310 = "echo 3.10"


def test_the_digest_changes_with_the_lock_and_the_python(lock: Path) -> None:
    first = lock_digest(lock, "3.10")
    assert lock_digest(lock, "3.10") == first
    assert lock_digest(lock, "3.11") != first
    lock.write_text(lock.read_text() + "numpy==2.0\n")
    assert lock_digest(lock, "3.10") != first


def test_an_environment_is_current_only_with_its_own_stamp(tmp_path: Path, lock: Path) -> None:
    digest = lock_digest(lock, "3.10")
    venv = tmp_path / "venv"
    assert not is_current(venv, digest)
    venv.mkdir()
    assert not is_current(venv, digest)
    (venv / STAMP).write_text("another\n")
    assert not is_current(venv, digest)
    (venv / STAMP).write_text(digest + "\n")
    assert not is_current(venv, digest), "its Python is gone"
    (venv / "bin").mkdir()
    (venv / "bin" / "python").touch()
    assert is_current(venv, digest)
    assert not is_current(venv, lock_digest(lock, "3.11"))


def test_it_counts_the_packages_of_a_lock(lock: Path) -> None:
    assert count_pins(lock) == 2


def test_the_locks_that_are_shipped_name_packages() -> None:
    for name in ("citewell.txt", "rasa.txt"):
        assert count_pins(environments.REQUIREMENTS / name) > 20


def test_a_python_works_only_with_the_right_version(tmp_path: Path) -> None:
    assert works(sys.executable, (sys.version_info.major, sys.version_info.minor))
    assert not works(sys.executable, (3, 9))
    assert not works(tmp_path / "missing", (3, 10))
    assert not works(script(tmp_path / "shim", REFUSES), (3, 10))
    assert not works(script(tmp_path / "fails", IS_310 + "; exit 1"), (3, 10))
    assert works(script(tmp_path / "python3.10", IS_310), (3, 10))


def test_a_python_on_the_path_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good = script(tmp_path / "bin" / "python3.10", IS_310)
    monkeypatch.setenv("PATH", str(good.parent))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "none"))
    assert find_python_310() == str(good)


def test_a_shim_that_refuses_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shim = script(tmp_path / "shims" / "python3.10", REFUSES)
    monkeypatch.setenv("PATH", str(shim.parent))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    assert find_python_310() == "3.10"
    script(tmp_path / "versions" / "3.10.9" / "bin" / "python3.10", REFUSES)
    good = script(tmp_path / "versions" / "3.10.4" / "bin" / "python3.10", IS_310)
    assert find_python_310() == str(good)


def test_without_any_python_uv_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    assert find_python_310() == "3.10"


def test_pips_settings_become_uvs(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("UV_FIND_LINKS", "UV_DEFAULT_INDEX", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_FIND_LINKS", "/wheels")
    monkeypatch.setenv("PIP_INDEX_URL", "https://pypi.example.org/simple")
    monkeypatch.setenv("PIP_CERT", "/ca.pem")
    monkeypatch.setenv("VIRTUAL_ENV", "/another")
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    env = uv_environment()
    assert env["UV_FIND_LINKS"] == "/wheels"
    assert env["UV_DEFAULT_INDEX"] == "https://pypi.example.org/simple"
    assert env["SSL_CERT_FILE"] == "/ca.pem"
    assert env["UV_COMPILE_BYTECODE"] == "1"
    assert "VIRTUAL_ENV" not in env
    assert "PYTHONDONTWRITEBYTECODE" not in env


def test_uvs_own_settings_win(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_FIND_LINKS", "/wheels")
    monkeypatch.setenv("UV_FIND_LINKS", "/better")
    assert uv_environment()["UV_FIND_LINKS"] == "/better"


def test_torch_comes_without_cuda() -> None:
    assert torch_options({}) == ["--torch-backend", "cpu"]
    assert torch_options({"UV_FIND_LINKS": "/wheels"}) == []


def test_a_command_that_fails_shows_the_end_of_what_it_said(tmp_path: Path) -> None:
    noisy = script(tmp_path / "noisy", "seq 1 40; echo no such package >&2; exit 3")
    with pytest.raises(SetupError) as caught:
        run([noisy, "sync"])
    lines = str(caught.value).splitlines()
    assert lines[-1] == "no such package"
    assert "sync" in lines[0]
    assert "26" not in lines
    assert len(lines) == 16
    run([script(tmp_path / "quiet", "exit 0")])


FAKE_UV = """
echo "$@" >> {calls}
if [ "$1" = venv ]; then mkdir -p {venv}/bin && touch {venv}/bin/python; fi
"""


def test_an_environment_is_made_once(
    tmp_path: Path, lock: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    venv, calls = tmp_path / ".venv-x", tmp_path / "calls"
    uv = script(tmp_path / "uv", FAKE_UV.format(calls=calls, venv=venv))
    install(uv, venv, "3.10", lock, ["--extra"])
    assert is_current(venv, lock_digest(lock, "3.10"))
    made, synced = calls.read_text().splitlines()
    assert made == f"venv --quiet --python 3.10 {venv}"
    assert synced.startswith("pip sync")
    assert synced.endswith(f"--extra {lock}")
    assert "installing 2 packages" in capsys.readouterr().out
    install(uv, venv, "3.10", lock, [])
    assert len(calls.read_text().splitlines()) == 2
    lock.write_text("flask==4\n")
    install(uv, venv, "3.10", lock, [])
    assert len(calls.read_text().splitlines()) == 3, "only synced, not made again"


def test_an_environment_that_is_not_whole_gets_no_stamp(tmp_path: Path, lock: Path) -> None:
    venv = tmp_path / ".venv-x"
    text = f'if [ "$1" = venv ]; then mkdir -p {venv}/bin; else exit 1; fi'
    uv = script(tmp_path / "uv", text)
    with pytest.raises(SetupError):
        install(uv, venv, "3.10", lock, [])
    assert not (venv / STAMP).exists()


def test_a_python_that_cannot_be_had_is_named(tmp_path: Path, lock: Path) -> None:
    uv = script(tmp_path / "uv", "exit 2")
    with pytest.raises(SetupError, match=r"^No Python 3\.10 was found"):
        install(uv, tmp_path / "venv", "3.10", lock, [])


def test_a_failure_is_told_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise SetupError("Do this.")

    monkeypatch.setattr(environments, "install_both", fail)
    monkeypatch.setattr(sys, "argv", ["environments.py"])
    assert main() == 1
    assert capsys.readouterr().err == "Set-up stopped. Do this.\n"


def test_nothing_is_done_where_both_are_current(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sys.version_info >= MINIMUM
    monkeypatch.setattr(environments, "OURS", tmp_path / "ours")
    monkeypatch.setattr(environments, "RASA", tmp_path / "rasa")
    monkeypatch.setattr(environments, "find_python_310", lambda: "3.10")
    monkeypatch.setattr(environments, "bootstrap_uv", lambda: pytest.fail("looked for uv"))
    for folder, name, python in (
        ("ours", "citewell.txt", sys.executable),
        ("rasa", "rasa.txt", "3.10"),
    ):
        (tmp_path / folder / "bin").mkdir(parents=True)
        (tmp_path / folder / "bin" / "python").touch()
        digest = lock_digest(environments.REQUIREMENTS / name, python)
        (tmp_path / folder / STAMP).write_text(digest)
    environments.install_both()


def test_it_needs_nothing_installed() -> None:
    # It runs before anything is there: -I and -S leave only the standard library.
    file = environments.ROOT / "deploy" / "environments.py"
    code = f"import runpy; runpy.run_path({str(file)!r}, run_name='x')"
    subprocess.run([sys.executable, "-I", "-S", "-c", code], check=True, timeout=30)
