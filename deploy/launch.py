"""``make run``: from a fresh checkout to a bot that answers in the browser, telling how far it is.

Steps that are finished are not done again: training only when its inputs changed, import only into
an empty database. Ctrl-C stops all four processes. A failure is one sentence that says what to do.
"""

from __future__ import annotations

import argparse
import errno
import hashlib
import os
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
from sqlalchemy.exc import SQLAlchemyError

from bot.replies import ReplyFileError, read_contacts, read_wording
from bot.replies.helplines import read_helplines
from bot.safety.triage import TriageRulesError, load_rules
from bot.settings import BotSettings, read_bot_settings
from deploy.supervision import (
    OURS,
    RASA,
    RASA_COMMAND,
    RASA_ENVIRONMENT,
    configuration,
    programs,
)
from knowledge.calibration import CalibrationError, load_calibration
from knowledge.embedder import ModelError, check_model
from knowledge.exchange import CorpusError
from knowledge.search_commands import checked_entries
from knowledge.settings import ROOT, SettingError, read_settings
from knowledge.store import (
    connect,
    import_entries,
    live_release_id,
    migrate,
    publish,
    transaction,
    waiting_drafts,
)

TRIAL_QUESTION = "can I catch the flu from the flu shot?"
READY_SECONDS = 180
LEAST_FREE_BYTES = 300_000_000
TRAINING_INPUTS = ("config.yml", "domain.yml", "bot/data", "requirements/rasa.txt")


class StartError(Exception):
    """The start cannot go on; the message is one sentence that says what to do."""


CANNOT_START = (
    CalibrationError,
    ModelError,
    ReplyFileError,
    SettingError,
    StartError,
    TriageRulesError,
)


def say(text: str) -> None:
    """Print a line of progress at once, if anybody still reads."""
    # A stop has to go on where the other end of a pipe is gone: else all processes would stay.
    with suppress(BrokenPipeError):
        print(text, flush=True)


@contextmanager
def step(text: str) -> Iterator[None]:
    """Tell what is being done and how long it took."""
    started = time.monotonic()
    say(f"  {text} …")
    yield
    taken = time.monotonic() - started
    if taken >= 1:
        say(f"  {text}: done in {taken:.0f} s")


def training_digest() -> str:
    """Return a digest of everything that goes into the dialogue model."""
    digest = hashlib.sha256()
    for name in TRAINING_INPUTS:
        path = ROOT / name
        for file in sorted(path.rglob("*.yml")) if path.is_dir() else [path]:
            digest.update(file.relative_to(ROOT).as_posix().encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:16]


def train(data_dir: Path) -> Path:
    """Train the dialogue model where its inputs changed; return its file.

    Raises:
        StartError: Rasa refuses the training data.
    """
    folder = data_dir / "models"
    model = folder / f"{training_digest()}.tar.gz"
    if model.exists():
        return model
    folder.mkdir(parents=True, exist_ok=True)
    log = data_dir / "log" / "rasa-train.log"
    environment = {
        **os.environ,
        **RASA_ENVIRONMENT,
        "RASA_CACHE_DIRECTORY": str(data_dir / "rasa-cache"),
        # The endpoints file names these; training does not use them.
        "ACTION_ENDPOINT_URL": "http://127.0.0.1:9/webhook",
        "RASA_TRACKER_DB": str(data_dir / "unused.db"),
    }
    name = model.name.removesuffix(".tar.gz")
    command = [str(RASA / "python"), "-c", RASA_COMMAND, "train", "--fixed-model-name", name]
    command += ["--out", str(folder), "--data", "bot/data", "--config", "config.yml"]
    with log.open("w") as output:
        done = subprocess.run(
            command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT, check=False
        )
    if done.returncode or not model.exists():
        raise StartError(f"Rasa could not be trained: read {log}, mend the file it names.")
    for old in folder.glob("*.tar.gz"):
        if old != model:
            old.unlink()
    return model


def prepare_folders(data_dir: Path) -> None:
    """Make the data folder and the key that signs sessions.

    Raises:
        StartError: the folder cannot be written, or its disk is full.
    """
    if "%" in str(data_dir):
        raise StartError(f"{data_dir} has a % in it, which supervisord cannot take: rename it.")
    try:
        (data_dir / "log").mkdir(parents=True, exist_ok=True)
        key = data_dir / "secret_key"
        if not key.exists():
            key.touch(mode=0o600)
            key.write_text(secrets.token_urlsafe(48) + "\n", encoding="utf-8")
        os.chmod(data_dir, 0o700)
    except OSError as error:
        raise StartError(_disk_sentence(data_dir, error)) from error
    free = shutil.disk_usage(data_dir).free
    if free < LEAST_FREE_BYTES:
        need = LEAST_FREE_BYTES // 1_000_000
        raise StartError(
            f"Only {free // 1_000_000} MB are free where {data_dir} is: make {need} MB free, "
            "or set CITEWELL_DATA_DIR to another disk."
        )


def _disk_sentence(folder: Path, error: OSError) -> str:
    if error.errno == errno.ENOSPC:
        return f"The disk of {folder} is full: free some space or set CITEWELL_DATA_DIR."
    reason = error.strerror
    return f"{folder} cannot be written ({reason}): set CITEWELL_DATA_DIR to a folder of yours."


def prepare_tracker_folder(folder: Path) -> None:
    """Make the folder of running conversations, which nobody else may look into.

    Raises:
        StartError: it cannot be made, or somebody else made it.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        state = folder.lstat()
    except OSError as error:
        raise StartError(
            f"{folder} cannot be made ({error.strerror}): set CITEWELL_TRACKER_DIR to a folder of "
            "yours."
        ) from error
    if not stat.S_ISDIR(state.st_mode) or state.st_uid != os.getuid():
        raise StartError(
            f"{folder} is somebody else's: set CITEWELL_TRACKER_DIR to a folder of yours."
        )
    folder.chmod(0o700)


def check_ports(settings: BotSettings) -> None:
    """Refuse to start where a port is taken, before anything is started.

    Raises:
        StartError: it names the port and the setting that changes it.
    """
    wanted = (
        (settings.host, settings.port, "CITEWELL_PORT"),
        ("127.0.0.1", int(settings.rasa_url.rsplit(":", 1)[1]), "CITEWELL_RASA_PORT"),
        ("127.0.0.1", settings.knowledge.actions_port, "CITEWELL_ACTIONS_PORT"),
    )
    numbers = [port for _, port, _ in wanted]
    if len(set(numbers)) < len(numbers):
        raise StartError(
            "CITEWELL_PORT, CITEWELL_RASA_PORT and CITEWELL_ACTIONS_PORT must all differ."
        )
    for host, port, name in wanted:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                raise StartError(_port_sentence(host, port, name, error)) from error


def _port_sentence(host: str, port: int, name: str, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"Port {port} is taken: stop what uses it (another Citewell?), "
            f"or set {name} to a free port."
        )
    if error.errno == errno.EACCES:
        return f"Port {port} is not for everybody: set {name} to a free port above 1023."
    return f"Nothing can listen on {host} ({error.strerror}): set CITEWELL_HOST to an address here."


def check_files(settings: BotSettings) -> None:
    """Read every file that the processes will need, so that a fault is told here and at once."""
    check_model(settings.knowledge.embedding_model)
    load_calibration()
    read_wording(settings.locale)
    read_helplines()
    load_rules(ROOT / "bot" / "safety" / "triage_rules" / "en.yml")
    if settings.contacts_file:
        read_contacts(settings.contacts_file)


def fill_database(settings: BotSettings) -> str:
    """Create the database and publish the starter corpus where nothing was published yet.

    Returns:
        A sentence on what is live.

    Raises:
        CorpusError: a corpus file has faults.
        StartError: the database cannot be used.
    """
    try:
        engine = connect(settings.knowledge.database_url)
        migrate(engine)
        with transaction(engine) as session:
            live = live_release_id(session)
            if live is None:
                entries = checked_entries(settings.knowledge.corpus_dir)
                import_entries(session, entries)
                live = publish(session, "First release: the starter corpus")
            waiting = waiting_drafts(session)
    except (SQLAlchemyError, OSError) as error:
        reason = str(getattr(error, "orig", None) or getattr(error, "strerror", "unusable"))
        raise StartError(f"The database cannot be used ({reason}): check DATABASE_URL.") from error
    return f"release {live} is live" + (f", {waiting} drafts wait" if waiting else "")


def prepare_search() -> None:
    """Make the embedding model ready and embed what is live, in a process of its own.

    Exporting a model loads torch, which a process never gives back: the action server would hold
    hundreds of megabytes that it has no use for.

    Raises:
        StartError: with the sentence of that process.
    """
    command = [str(OURS / "python"), "-m", "knowledge", "prepare"]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        last = ""
        for line in process.stdout or ():
            last = line.rstrip()
            say(f"  {last}")
    if process.returncode < 0:
        last = f"its process was ended by signal {-process.returncode}, for want of memory perhaps"
    if process.returncode:
        raise StartError(f"The search cannot be made ready: {last}")


def prepare(settings: BotSettings) -> Path:
    """Do everything that comes before the start; return the dialogue model.

    Training does not need the database and the search, nor they it: they share the wait.
    """
    trained: list[Path | StartError | OSError] = []

    def train_beside() -> None:
        try:
            trained.append(train(settings.knowledge.data_dir))
        except (StartError, OSError) as error:
            trained.append(error)

    thread = threading.Thread(target=train_beside)
    thread.start()
    try:
        with step("database"):
            state = fill_database(settings)
        say(f"  {state}")
        with step("search"):
            prepare_search()
    finally:
        with step("dialogue model"):
            thread.join()
    (result,) = trained
    if isinstance(result, Exception):
        raise result
    return result


def wait_until_answered(base_url: str, supervisor: subprocess.Popen[bytes], log: Path) -> float:
    """Wait until a real question gets a real answer.

    Returns:
        How long the answer took, in milliseconds.

    Raises:
        StartError: the supervisor ended, or nothing answered in time.
    """
    deadline = time.monotonic() + READY_SECONDS
    told: set[str] = set()
    with httpx.Client(base_url=base_url, timeout=10, trust_env=False) as client:
        while time.monotonic() < deadline:
            if supervisor.poll() is not None:
                raise StartError(f"The supervisor ended: read {log}.")
            _raise_what_a_process_says(log)
            checks = _readiness(client)
            for name in sorted(set(_ok(checks)) - told):
                told.add(name)
                say(f"    {name} is ready")
            if checks and all(value == "ok" for value in checks.values()):
                milliseconds = _ask(client)
                if milliseconds is not None:
                    return milliseconds
            time.sleep(0.2)
    missing = [name for name, value in _readiness_or_nothing(base_url).items() if value != "ok"]
    raise StartError(
        f"Not ready after {READY_SECONDS} s ({', '.join(missing) or 'web'}): read {log}."
    )


def _raise_what_a_process_says(log: Path) -> None:
    """Pass on the sentence with which a process refused to start.

    Raises:
        StartError: with that sentence.
    """
    for file in log.glob("*.log"):
        with file.open("rb") as lines:
            lines.seek(max(0, file.stat().st_size - 4000))
            tail = lines.read().decode("utf-8", "replace")
        for line in tail.splitlines():
            if " cannot start: " in line:
                raise StartError(line)


def _readiness(client: httpx.Client) -> dict[str, str]:
    try:
        checks: dict[str, str] = client.get("/readyz").json()["checks"]
        return checks
    except (httpx.HTTPError, ValueError, KeyError):
        return {}


def _readiness_or_nothing(base_url: str) -> dict[str, str]:
    with httpx.Client(base_url=base_url, timeout=3, trust_env=False) as client:
        return _readiness(client)


def _ok(checks: dict[str, str]) -> list[str]:
    return [name for name, value in checks.items() if value == "ok"]


def _ask(client: httpx.Client) -> float | None:
    """Ask the trial question; return the milliseconds, or None where no answer came."""
    try:
        token = client.post("/api/v1/sessions", json={}).json()["session"]
        headers = {"Authorization": f"Bearer {token}"}
        started = time.perf_counter()
        response = client.post("/api/v1/messages", json={"text": TRIAL_QUESTION}, headers=headers)
        taken = (time.perf_counter() - started) * 1000
        kind = response.json().get("kind")
        client.delete("/api/v1/sessions/current", headers=headers)
    except (httpx.HTTPError, ValueError, KeyError):
        return None
    return taken if kind in {"answer", "clarify"} else None


def supervise(settings: BotSettings, model: Path, started: float, *, once: bool) -> int:
    """Start the four processes, wait until they answer, and stay until told to stop."""
    data = settings.knowledge.data_dir
    for program in programs(settings, model):  # each start has its own log; the last one is kept
        log = data / "log" / f"{program.name}.log"
        if log.exists():
            log.replace(log.with_suffix(".log.before"))
    file = data / "supervisord.conf"
    file.write_text(configuration(settings, model), encoding="utf-8")
    names = ", ".join(program.name for program in programs(settings, model))
    say(f"  starting {names} …")
    command = [str(OURS / "python"), "-m", "supervisor.supervisord", "-c", str(file)]
    supervisor = subprocess.Popen(command, cwd=ROOT, start_new_session=True)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        host = "127.0.0.1" if settings.host in {"0.0.0.0", "::"} else settings.host  # noqa: S104
        base_url = f"http://{host}:{settings.port}"
        milliseconds = wait_until_answered(base_url, supervisor, data / "log")
        taken = time.monotonic() - started
        say(f"  a question was answered in {milliseconds:.0f} ms; ready after {taken:.0f} s")
        say(f"\nCitewell answers at {base_url}/   (Ctrl-C stops it)")
        while not once:
            time.sleep(1.0)
            if supervisor.poll() is not None:
                raise StartError(f"The supervisor ended: read {data / 'log' / 'supervisord.log'}.")
    except KeyboardInterrupt:
        pass
    finally:
        _stop(supervisor)
    return 0


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _stop(supervisor: subprocess.Popen[bytes]) -> None:
    """Stop all four processes; a second Ctrl-C does not leave half of them behind."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    say("\nStopping …")
    supervisor.terminate()
    try:
        supervisor.wait(timeout=20)
    except subprocess.TimeoutExpired:
        os.killpg(supervisor.pid, signal.SIGKILL)
    say("Stopped.")


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description="Start Citewell.")
    parser.add_argument("--once", action="store_true", help="stop after the first answer")
    parser.add_argument("--prepare", action="store_true", help="prepare everything, start nothing")
    args = parser.parse_args()
    started = time.monotonic()
    try:
        knowledge = read_settings()
        prepare_folders(knowledge.data_dir)
        settings = read_bot_settings()
        prepare_tracker_folder(settings.tracker_file.parent)
        check_files(settings)
        if not args.prepare:
            check_ports(settings)
        model = prepare(settings)
        if args.prepare:
            return 0
        return supervise(settings, model, started, once=args.once)
    except CorpusError as error:
        say("The corpus has faults, so nothing was started:")
        for fault in error.faults[:10]:
            say(f"  {fault}")
    except CANNOT_START as error:
        say(f"Cannot start. {error}")
    except KeyboardInterrupt:
        say("Stopped.")
    except OSError as error:
        place = Path(error.filename) if error.filename else knowledge.data_dir
        say(f"Cannot start. {_disk_sentence(place, error)}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
