"""The start: what can go wrong is told in one sentence, before anything runs."""

from __future__ import annotations

import configparser
import shlex
import shutil
import signal
import subprocess
import sys
from collections import namedtuple
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from supervisor.options import ServerOptions

from bot.replies import ReplyFileError
from bot.settings import BotSettings
from deploy import launch, supervision
from deploy.launch import StartError
from knowledge.settings import ROOT
from knowledge.store import connect, live_release_id, transaction

Usage = namedtuple("Usage", "total used free")
PROGRAMS = {"rasa", "actions", "web", "worker"}

# Ports


def test_free_ports_are_fine(
    read_settings_with: Callable[..., BotSettings], free_ports: list[int]
) -> None:
    web, rasa, actions = map(str, free_ports)
    launch.check_ports(
        read_settings_with(
            CITEWELL_PORT=web, CITEWELL_RASA_PORT=rasa, CITEWELL_ACTIONS_PORT=actions
        )
    )


@pytest.mark.parametrize("name", ["CITEWELL_PORT", "CITEWELL_RASA_PORT", "CITEWELL_ACTIONS_PORT"])
def test_a_taken_port_is_named_with_its_setting(
    read_settings_with: Callable[..., BotSettings],
    free_ports: list[int],
    taken_port: int,
    name: str,
) -> None:
    names = ("CITEWELL_PORT", "CITEWELL_RASA_PORT", "CITEWELL_ACTIONS_PORT")
    env = dict(zip(names, map(str, free_ports), strict=True)) | {name: str(taken_port)}
    with pytest.raises(StartError, match=rf"^Port {taken_port} is taken: .* set {name} to a free"):
        launch.check_ports(read_settings_with(**env))


def test_two_processes_cannot_share_a_port(
    read_settings_with: Callable[..., BotSettings],
) -> None:
    with pytest.raises(StartError, match="must all differ"):
        launch.check_ports(read_settings_with(CITEWELL_PORT="5005"))


def test_an_address_that_is_not_here_is_not_called_taken(
    read_settings_with: Callable[..., BotSettings],
) -> None:
    settings = read_settings_with(CITEWELL_HOST="192.0.2.1")
    with pytest.raises(StartError, match=r"^Nothing can listen on 192\.0\.2\.1 .*CITEWELL_HOST"):
        launch.check_ports(settings)


def test_a_port_without_the_rights_for_it_is_not_called_taken() -> None:
    sentence = launch._port_sentence("::", 80, "CITEWELL_PORT", PermissionError(13, "denied"))
    assert "taken" not in sentence
    assert "above 1023" in sentence


# Folders


def test_the_data_folder_and_its_key_are_made_for_the_owner_alone(tmp_path: Path) -> None:
    data = tmp_path / "deep" / "data"
    launch.prepare_folders(data)
    key = (data / "secret_key").read_text()
    assert len(key.strip()) >= 32
    assert (data / "secret_key").stat().st_mode & 0o777 == 0o600
    assert data.stat().st_mode & 0o777 == 0o700
    assert (data / "log").is_dir()
    launch.prepare_folders(data)
    assert (data / "secret_key").read_text() == key, "a new key would end every session"


def test_a_full_disk_is_told_with_the_space_that_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**12, 10**12, 12_000_000))
    with pytest.raises(StartError, match=r"^Only 12 MB are free .* make 300 MB free"):
        launch.prepare_folders(tmp_path / "data")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**12, 0, 300_000_000))
    launch.prepare_folders(tmp_path / "data")


def test_a_disk_that_is_full_to_the_last_byte_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_space(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "touch", no_space)
    with pytest.raises(StartError, match="is full: free some space"):
        launch.prepare_folders(tmp_path / "data")


@pytest.mark.parametrize("data", ["file", "file/data"])
def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path, data: str) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StartError, match=r"cannot be written \(.+\): set CITEWELL_DATA_DIR"):
        launch.prepare_folders(tmp_path / data)


# Files


def test_the_files_that_are_shipped_are_fine(settings: BotSettings) -> None:
    launch.check_files(settings)


def test_a_broken_file_is_told_before_anything_starts(
    settings: BotSettings, tmp_path: Path
) -> None:
    with pytest.raises(ReplyFileError, match=r"^xx\.yml"):
        launch.check_files(replace(settings, locale="xx"))
    contacts = tmp_path / "contacts.yml"
    contacts.write_text("contacts: 7\n")
    with pytest.raises(ReplyFileError, match=r"^contacts\.yml: contacts: "):
        launch.check_files(replace(settings, contacts_file=contacts))


# Training


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with training data, and a Rasa that only writes its file."""
    root = tmp_path / "checkout"
    (root / "bot" / "data" / "nlu").mkdir(parents=True)
    (root / "requirements").mkdir()
    for name in ("config.yml", "domain.yml", "bot/data/rules.yml", "bot/data/nlu/a.yml"):
        (root / name).write_text("version: 1\n")
    (root / "requirements" / "rasa.txt").write_text("rasa==3.6.21\n")
    monkeypatch.setattr(launch, "ROOT", root)
    monkeypatch.setattr(launch, "RASA", root / "bin")
    fake_rasa(root, 'echo trained >> "$0.calls"; touch "$7/$5.tar.gz"')
    return root


def fake_rasa(root: Path, text: str) -> None:
    """Write the script that stands for Rasa's Python."""
    (root / "bin").mkdir(exist_ok=True)
    python = root / "bin" / "python"
    # The arguments are: -c COMMAND train --fixed-model-name NAME --out FOLDER ...
    python.write_text(f"#!/bin/sh\n{text}\n")
    python.chmod(0o755)


def trainings(root: Path) -> int:
    return len((root / "bin" / "python.calls").read_text().splitlines())


@pytest.mark.parametrize(
    "name",
    [
        "config.yml",
        "domain.yml",
        "bot/data/rules.yml",
        "bot/data/nlu/a.yml",
        "bot/data/nlu/new.yml",
        "requirements/rasa.txt",
    ],
)
def test_the_digest_changes_with_every_input(checkout: Path, name: str) -> None:
    before = launch.training_digest()
    assert launch.training_digest() == before
    with (checkout / name).open("a") as file:
        file.write("more: 2\n")
    assert launch.training_digest() != before


def test_the_digest_changes_with_the_name_of_a_file(checkout: Path) -> None:
    before = launch.training_digest()
    (checkout / "bot/data/nlu/a.yml").rename(checkout / "bot/data/nlu/b.yml")
    assert launch.training_digest() != before


def test_the_digest_ignores_what_training_does_not_read(checkout: Path) -> None:
    before = launch.training_digest()
    (checkout / "bot/data/notes.txt").write_text("x")
    (checkout / "endpoints.yml").write_text("x")
    assert launch.training_digest() == before


def test_training_runs_only_when_its_inputs_changed(checkout: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "log").mkdir(parents=True)
    first = launch.train(data)
    assert first.exists()
    assert launch.train(data) == first
    assert trainings(checkout) == 1
    (checkout / "domain.yml").write_text("version: 2\n")
    second = launch.train(data)
    assert second != first
    assert trainings(checkout) == 2
    assert list((data / "models").iterdir()) == [second], "old models are deleted"


@pytest.mark.parametrize("text", ["echo bad data; exit 1", "exit 0"])
def test_a_failed_training_names_its_log(checkout: Path, tmp_path: Path, text: str) -> None:
    data = tmp_path / "data"
    (data / "log").mkdir(parents=True)
    fake_rasa(checkout, text)
    with pytest.raises(StartError, match=r"rasa-train\.log"):
        launch.train(data)


def test_a_missing_rasa_is_an_error_and_no_traceback_of_a_thread(
    checkout: Path, settings: BotSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = settings.knowledge.data_dir
    (data / "log").mkdir(parents=True)
    monkeypatch.setattr(launch, "RASA", checkout / "nowhere")
    monkeypatch.setattr(launch, "fill_database", lambda _: "release 1 is live")
    monkeypatch.setattr(launch, "prepare_search", lambda: None)
    with pytest.raises(FileNotFoundError):
        launch.prepare(settings)


def test_a_failed_training_stops_the_start(
    checkout: Path, settings: BotSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    (settings.knowledge.data_dir / "log").mkdir(parents=True)
    fake_rasa(checkout, "exit 1")
    monkeypatch.setattr(launch, "fill_database", lambda _: "release 1 is live")
    monkeypatch.setattr(launch, "prepare_search", lambda: None)
    with pytest.raises(StartError, match="could not be trained"):
        launch.prepare(settings)


# The database


@pytest.fixture
def small_corpus(settings: BotSettings, tmp_path: Path) -> BotSettings:
    """Settings with a corpus of one file."""
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    shutil.copy(ROOT / "knowledge" / "corpus" / "head-lice.yml", corpus)
    (settings.knowledge.data_dir / "log").mkdir(parents=True)
    return replace(settings, knowledge=replace(settings.knowledge, corpus_dir=corpus))


def test_an_empty_database_is_filled_once(small_corpus: BotSettings, tmp_path: Path) -> None:
    assert launch.fill_database(small_corpus) == "release 1 is live"
    (tmp_path / "corpus" / "head-lice.yml").write_text("broken, and not read again")
    assert launch.fill_database(small_corpus) == "release 1 is live"
    engine = connect(small_corpus.knowledge.database_url)
    with transaction(engine) as session:
        assert live_release_id(session) == 1
    engine.dispose()


def test_a_database_that_cannot_be_used_is_told(small_corpus: BotSettings, tmp_path: Path) -> None:
    broken = tmp_path / "broken.db"
    broken.write_text("no database " * 1000)
    knowledge = replace(small_corpus.knowledge, database_url=f"sqlite:///{broken}")
    with pytest.raises(StartError, match=r"^The database cannot be used \(.+\): check"):
        launch.fill_database(replace(small_corpus, knowledge=knowledge))


# The search


@pytest.fixture
def prepared_by(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Let a script stand for our Python."""
    monkeypatch.setattr(launch, "OURS", checkout / "bin")
    return lambda text: fake_rasa(checkout, text)


def test_the_search_is_made_ready_in_a_process_of_its_own(
    prepared_by: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    prepared_by('echo "embedding: 500 of 900 texts"; echo "words is ready" >&2; echo "$@"')
    launch.prepare_search()
    assert capsys.readouterr().out.splitlines() == [
        "  embedding: 500 of 900 texts",
        "  words is ready",
        "  -m knowledge prepare",
    ]


@pytest.mark.parametrize("text", ["echo no such model >&2; exit 1", "echo no such model; exit 3"])
def test_a_search_that_cannot_be_made_ready_stops_the_start_with_its_sentence(
    prepared_by: Callable[[str], None], text: str
) -> None:
    prepared_by(text)
    with pytest.raises(StartError, match=r"^The search cannot be made ready: no such model$"):
        launch.prepare_search()


def test_a_search_that_was_killed_is_told_as_such(prepared_by: Callable[[str], None]) -> None:
    prepared_by("echo embedding: 500 of 900 texts; kill -9 $$")
    with pytest.raises(StartError, match=r"made ready: its process was ended by signal 9, for"):
        launch.prepare_search()


def test_a_search_that_cannot_be_made_ready_still_waits_for_the_training(
    checkout: Path, settings: BotSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise StartError("no such model")

    (settings.knowledge.data_dir / "log").mkdir(parents=True)
    monkeypatch.setattr(launch, "fill_database", lambda _: "release 1 is live")
    monkeypatch.setattr(launch, "prepare_search", fail)
    with pytest.raises(StartError, match="no such model"):
        launch.prepare(settings)
    assert trainings(checkout) == 1


def test_exporting_leaves_no_torch_behind_in_the_process_that_starts() -> None:
    code = "import sys, deploy.launch; print([m for m in ('torch', 'onnx') if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.strip() == "[]"


# Waiting


class Supervisor:
    """Stands for the process of the supervisor."""

    def __init__(self, ended: int | None = None) -> None:
        self.ended = ended

    def poll(self) -> int | None:
        """Tell whether it ended."""
        return self.ended


def test_a_supervisor_that_ends_stops_the_wait(tmp_path: Path, free_ports: list[int]) -> None:
    url = f"http://127.0.0.1:{free_ports[0]}"
    with pytest.raises(StartError, match="supervisor ended"):
        launch.wait_until_answered(url, Supervisor(2), tmp_path)  # type: ignore[arg-type]


def test_the_wait_has_an_end(
    tmp_path: Path, free_ports: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch, "READY_SECONDS", 0.1)
    url = f"http://127.0.0.1:{free_ports[0]}"
    with pytest.raises(StartError, match=r"^Not ready after 0\.1 s \(web\): read "):
        launch.wait_until_answered(url, Supervisor(), tmp_path)  # type: ignore[arg-type]


def trial(
    kind: str = "answer", fails: Exception | None = None
) -> Callable[[httpx.Request], httpx.Response]:
    def respond(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/api/v1/sessions":
            return httpx.Response(201, json={"session": "t"})
        if request.method == "DELETE":
            return httpx.Response(204)
        if fails:
            raise fails
        return httpx.Response(200, json={"kind": kind})

    return respond


@pytest.mark.parametrize(
    ("respond", "answered"),
    [
        (trial("answer"), True),
        (trial("clarify"), True),
        (trial("unavailable"), False),
        (trial("no_answer"), False),
        (trial(fails=httpx.ReadTimeout("slow")), False),
        (lambda _: httpx.Response(503, text="no JSON"), False),
        (lambda _: httpx.Response(429, json={"status": 429}), False),
    ],
)
def test_only_a_real_answer_counts_as_ready(
    respond: Callable[[httpx.Request], httpx.Response], answered: bool
) -> None:
    with httpx.Client(base_url="http://web.test", transport=httpx.MockTransport(respond)) as client:
        assert (launch._ask(client) is not None) is answered


# The command


def run_main(monkeypatch: pytest.MonkeyPatch, **env: str) -> int:
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "argv", ["launch.py"])
    return launch.main()


@pytest.mark.parametrize(
    ("env", "sentence"),
    [
        ({"CITEWELL_PORT": "x"}, "Cannot start. CITEWELL_PORT: needs a whole number"),
        ({"CITEWELL_LOG_LEVEL": "x"}, "Cannot start. CITEWELL_LOG_LEVEL: needs DEBUG"),
        ({"CITEWELL_LOCALE": "xx"}, "Cannot start. xx.yml cannot be read"),
        ({"CITEWELL_ACTIONS_PORT": "5005"}, "Cannot start. CITEWELL_PORT, CITEWELL_RASA_PORT"),
        ({"CITEWELL_DATA_DIR": "/dev/null"}, "Cannot start. /dev/null cannot be written"),
    ],
)
def test_every_fault_is_one_sentence(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    env: dict[str, str],
    sentence: str,
) -> None:
    monkeypatch.setattr(launch, "prepare", lambda _: pytest.fail("went on"))
    assert run_main(monkeypatch, **{"CITEWELL_DATA_DIR": str(tmp_path), **env}) == 1
    out = capsys.readouterr().out
    assert out.startswith(sentence)
    assert out.count("\n") == 1


def test_a_corpus_with_faults_is_listed(
    small_corpus: BotSettings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    free_ports: list[int],
) -> None:
    (tmp_path / "corpus" / "head-lice.yml").write_text("topic: 7\nentries: []\n")
    monkeypatch.setattr(launch, "train", lambda _: tmp_path / "model.tar.gz")
    web, rasa, actions = map(str, free_ports)
    code = run_main(
        monkeypatch,
        CITEWELL_DATA_DIR=str(small_corpus.knowledge.data_dir),
        CITEWELL_CORPUS_DIR=str(tmp_path / "corpus"),
        CITEWELL_PORT=web,
        CITEWELL_RASA_PORT=rasa,
        CITEWELL_ACTIONS_PORT=actions,
    )
    assert code == 1
    out = capsys.readouterr().out
    assert "The corpus has faults, so nothing was started:" in out
    assert "head-lice.yml:" in out


# The supervisor


def parsed(settings: BotSettings) -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser()
    parser.read_string(supervision.configuration(settings, Path("/models/m.tar.gz")))
    return parser


def test_the_configuration_names_four_programs(settings: BotSettings) -> None:
    parser = parsed(settings)
    programs = {name.split(":")[1] for name in parser.sections() if name.startswith("program:")}
    assert programs == PROGRAMS
    for name in PROGRAMS:
        section = parser[f"program:{name}"]
        assert section["autorestart"] == "true"
        assert section["killasgroup"] == section["stopasgroup"] == "true"
        assert section["directory"] == str(ROOT)
        assert section["stdout_logfile"].endswith(f"/log/{name}.log")
        assert int(section["stdout_logfile_maxbytes"]) > 0, "no log grows for ever"


def commands(settings: BotSettings, tmp_path: Path) -> dict[str, list[str]]:
    """Return what supervisord itself would run, word by word."""
    data = settings.knowledge.data_dir
    (data / "log").mkdir(parents=True, exist_ok=True)
    file = tmp_path / "supervisord.conf"
    file.write_text(supervision.configuration(settings, data / "models" / "m.tar.gz"))
    options = ServerOptions()
    options.configfile = str(file)
    options.process_config(do_usage=False)
    return {
        process.name: shlex.split(process.command)
        for group in options.process_group_configs
        for process in group.process_configs
    }


def test_paths_with_spaces_stay_whole(
    read_settings_with: Callable[..., BotSettings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "my own data"
    monkeypatch.setattr(supervision, "OURS", Path("/my place/.venv/bin"))
    monkeypatch.setattr(supervision, "RASA", Path("/my place/.venv-rasa/bin"))
    run = commands(read_settings_with(CITEWELL_DATA_DIR=str(data)), tmp_path)
    assert set(run) == PROGRAMS
    behind = ["nice", "-n", "5"]
    assert run["actions"] == [*behind, "/my place/.venv/bin/python", "-m", "actions"]
    assert run["web"][0] == "/my place/.venv/bin/python"
    assert run["worker"][:3] == run["rasa"][:3] == behind, "pages come before whoever thinks"
    assert run["worker"][3] == "/my place/.venv/bin/python"
    rasa = run["rasa"][3:]
    assert rasa[:4] == ["/my place/.venv-rasa/bin/python", "-c", supervision.RASA_COMMAND, "run"]
    assert rasa[rasa.index("--model") + 1] == str(data / "models" / "m.tar.gz")


def test_rasa_listens_on_the_loopback_alone_and_keeps_quiet(
    settings: BotSettings, tmp_path: Path
) -> None:
    rasa = commands(settings, tmp_path)["rasa"]
    assert rasa[rasa.index("--interface") + 1] == "127.0.0.1"
    assert rasa[rasa.index("--port") + 1] == "5005"
    (program,) = [
        program
        for program in supervision.programs(settings, Path("/m.tar.gz"))
        if program.name == "rasa"
    ]
    assert program.environment["RASA_TELEMETRY_ENABLED"] == "false"
    assert program.environment["LOG_LEVEL"] == "CRITICAL"
    assert program.environment["ACTION_ENDPOINT_URL"] == "http://127.0.0.1:5055/webhook"
    assert program.environment["RASA_TRACKER_DB"] == str(settings.tracker_file)


def test_the_files_that_rasa_is_told_of_are_there(settings: BotSettings, tmp_path: Path) -> None:
    rasa = commands(settings, tmp_path)["rasa"]
    for option in ("--endpoints", "--credentials", "--logging-config-file"):
        assert (ROOT / rasa[rasa.index(option) + 1]).is_file()


def test_the_socket_of_the_supervisor_fits(tmp_path: Path) -> None:
    assert supervision.socket(Path("/data")) == Path("/data/supervisor.sock")
    far = Path("/" + "d" * 120)
    assert len(str(supervision.socket(far))) < 100
    assert supervision.socket(far) == supervision.socket(far)
    assert supervision.socket(far) != supervision.socket(Path("/" + "e" * 120))


def test_the_web_server_reads_its_settings(tmp_path: Path) -> None:
    code = "import deploy.gunicorn_conf as c; print(c.bind, c.workers, c.accesslog)"
    env = {
        "CITEWELL_DATA_DIR": str(tmp_path),
        "CITEWELL_SECRET_KEY": "k" * 40,
        "CITEWELL_HOST": "0.0.0.0",
        "CITEWELL_PORT": "9123",
    }
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    assert done.stdout.strip() == "0.0.0.0:9123 1 None"


def test_it_refuses_a_folder_of_conversations_that_is_not_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    launch.prepare_tracker_folder(tmp_path / "mine")
    assert (tmp_path / "mine").stat().st_mode & 0o777 == 0o700
    (tmp_path / "link").symlink_to(tmp_path / "mine")
    with pytest.raises(launch.StartError, match="CITEWELL_TRACKER_DIR"):
        launch.prepare_tracker_folder(tmp_path / "link")
    monkeypatch.setattr("os.getuid", lambda: 12345)
    with pytest.raises(launch.StartError, match="somebody else"):
        launch.prepare_tracker_folder(tmp_path / "mine")


def test_a_stop_that_nobody_reads_of_still_stops_everything(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys; from pathlib import Path; from deploy import launch; "
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']); "
        "launch._stop(child); Path(sys.argv[1]).write_text(str(child.returncode))"
    )
    told = tmp_path / "told"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(told)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as stopping:
        assert stopping.stdout is not None
        stopping.stdout.close()
        stopping.wait(timeout=50)
    assert told.read_text() == str(-signal.SIGTERM)
