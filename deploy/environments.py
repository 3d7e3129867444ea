"""Create the two environments from their locks.

Standard library only: it runs before anything is installed. ``python3 deploy/environments.py``
makes ``.venv`` (ours, Python 3.11+) and ``.venv-rasa`` (Rasa 3.6.21, Python 3.10) side by side,
each from its file in ``requirements/``. An environment whose lock has not changed is left alone.
``--lock`` renews the two locks instead.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OURS = ROOT / ".venv"
RASA = ROOT / ".venv-rasa"
REQUIREMENTS = ROOT / "requirements"
MINIMUM = (3, 11)
UV_VERSION = "0.13.9"
STAMP = "citewell-lock.sha256"


class SetupError(Exception):
    """Set-up cannot go on; the message is one sentence that says what to do."""


def say(text: str) -> None:
    """Print a line of progress at once, also into a pipe."""
    print(text, flush=True)


def run(command: list[str | Path], *, env: dict[str, str] | None = None) -> None:
    """Run a command quietly; on failure show what it printed and stop.

    Raises:
        SetupError: the command could not be started or exited with an error.
    """
    done = subprocess.run(
        [str(part) for part in command], env=env, text=True, capture_output=True, check=False
    )
    if done.returncode:
        tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-15:])
        name = " ".join(str(part) for part in command[:4])
        raise SetupError(f"`{name} …` failed; mend what it says and run the same again:\n{tail}")


def uv_environment() -> dict[str, str]:
    """Return the environment for uv: pip's own settings, as far as uv has a word for them."""
    env = dict(os.environ)
    # Rasa's and torch's imports cost three to five times as much without compiled bytecode.
    env["UV_COMPILE_BYTECODE"] = "1"
    env.setdefault("UV_HTTP_TIMEOUT", "180")
    for pip_name, uv_name in (
        ("PIP_FIND_LINKS", "UV_FIND_LINKS"),
        ("PIP_INDEX_URL", "UV_DEFAULT_INDEX"),
        ("PIP_CERT", "SSL_CERT_FILE"),
    ):
        if env.get(pip_name):
            env.setdefault(uv_name, env[pip_name])
    env.pop("VIRTUAL_ENV", None)
    # A caller that switches bytecode off would make every start slow again.
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    return env


def works(python: Path | str, version: tuple[int, int]) -> bool:
    """Tell whether a Python starts and has this major and minor version."""
    probe = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        done = subprocess.run(
            [str(python), "-c", probe], text=True, capture_output=True, check=False, timeout=20
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0 and done.stdout.strip() == "{}.{}".format(*version)


def find_python_310() -> str:
    """Return a Python 3.10: one on PATH that works, pyenv's, or uv's word for its own download."""
    on_path = shutil.which("python3.10")
    if on_path and works(on_path, (3, 10)):
        return on_path
    pyenv_root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    for candidate in sorted(pyenv_root.glob("versions/3.10*/bin/python3.10"), reverse=True):
        if works(candidate, (3, 10)):
            return str(candidate)
    return "3.10"  # uv finds or downloads it


def lock_digest(lock: Path, python: str) -> str:
    """Return what must be unchanged for an environment to be kept: its lock and its Python."""
    return hashlib.sha256(lock.read_bytes() + python.encode()).hexdigest()


def is_current(venv: Path, digest: str) -> bool:
    """Tell whether the environment was finished from this very lock."""
    stamp = venv / STAMP
    works_still = (venv / "bin" / "python").exists()
    return works_still and stamp.is_file() and stamp.read_text().strip() == digest


def bootstrap_uv() -> Path:
    """Return a uv to work with: the one on PATH, else one installed into ``.venv`` with pip.

    Raises:
        SetupError: this Python is too old, or cannot make environments.
    """
    on_path = shutil.which("uv")
    if on_path and subprocess.run([on_path, "--version"], capture_output=True).returncode == 0:
        return Path(on_path)
    own = OURS / "bin" / "uv"
    if own.exists():
        return own
    if sys.version_info < MINIMUM:
        raise SetupError(
            "Citewell needs Python 3.11 or later: install it, then `make run PYTHON=python3.11`."
        )
    say("  fetching the installer (uv)")
    try:
        run([sys.executable, "-m", "venv", OURS])
    except SetupError as error:
        raise SetupError(
            "This Python cannot make environments: install its venv package "
            "(Debian and Ubuntu: `apt-get install python3-venv`) and run the same again."
        ) from error
    run([OURS / "bin" / "python", "-m", "pip", "install", "--quiet", f"uv=={UV_VERSION}"])
    return own


def torch_options(env: dict[str, str]) -> list[str]:
    """Return what keeps gigabytes of CUDA packages out: a wheel folder, else uv's CPU index."""
    return [] if env.get("UV_FIND_LINKS") else ["--torch-backend", "cpu"]


def install(uv: Path, venv: Path, python: str, lock: Path, options: list[str]) -> None:
    """Make one environment hold exactly its lock, and stamp it when it is whole.

    Raises:
        SetupError: no such Python, or a package could not be had.
    """
    digest = lock_digest(lock, python)
    if is_current(venv, digest):
        return
    started = time.monotonic()
    say(f"  {venv.name}: installing {count_pins(lock)} packages (once; a few minutes)")
    env = uv_environment()
    if not (venv / "bin" / "python").exists():
        try:
            run([uv, "venv", "--quiet", "--python", python, venv], env=env)
        except SetupError as error:
            raise SetupError(
                f"No Python {python} was found and none could be downloaded: install Python "
                f"{python} (for example with pyenv or uv) and run the same again."
            ) from error
    target = venv / "bin" / "python"
    run([uv, "pip", "sync", "--quiet", "--python", target, *options, lock], env=env)
    (venv / STAMP).write_text(digest + "\n")
    say(f"  {venv.name}: ready after {time.monotonic() - started:.0f} s")


def count_pins(lock: Path) -> int:
    """Return the number of packages that a lock names."""
    return len(re.findall(r"^[a-zA-Z0-9].*==", lock.read_text(), flags=re.MULTILINE))


def install_both() -> None:
    """Create or renew both environments; does nothing when both are current."""
    ours, rasa = REQUIREMENTS / "citewell.txt", REQUIREMENTS / "rasa.txt"
    python = sys.executable if sys.version_info >= MINIMUM else "3.11"
    python_310 = find_python_310()
    if is_current(OURS, lock_digest(ours, python)) and is_current(
        RASA, lock_digest(rasa, python_310)
    ):
        return
    uv = bootstrap_uv()
    install(uv, OURS, python, ours, torch_options(uv_environment()))
    install(uv, RASA, python_310, rasa, [])


def renew_locks() -> None:
    """Resolve both environments anew and write their locks."""
    uv, env = bootstrap_uv(), uv_environment()
    header = ["--no-header", "--quiet", "--upgrade"]
    ours, rasa = REQUIREMENTS / "citewell.txt", REQUIREMENTS / "rasa.txt"
    project = ROOT / "pyproject.toml"
    dev: list[str | Path] = ["--group", f"{project}:dev", "-o", ours, project]
    only_rasa: list[str | Path] = ["--group", f"{project}:rasa", "-o", rasa]
    run(
        [uv, "pip", "compile", *header, *torch_options(env), "--python-version", "3.11", *dev],
        env=env,
    )
    # The CPU build carries a local version that only some indexes know; the plain one matches both.
    ours.write_text(re.sub(r"^(torch==[\d.]+)\+cpu$", r"\1", ours.read_text(), flags=re.MULTILINE))
    run(
        [uv, "pip", "compile", *header, "--python-version", "3.10", *only_rasa],
        env=env,
    )
    say("requirements/citewell.txt and requirements/rasa.txt are renewed; run `make test`.")


def main() -> int:
    """Run the command; a failure is one sentence, never a traceback."""
    try:
        renew_locks() if "--lock" in sys.argv[1:] else install_both()
    except SetupError as error:
        print(f"Set-up stopped. {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
