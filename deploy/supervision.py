"""The processes as supervisord runs them: what each is started with, and where it logs."""

from __future__ import annotations

import os
import shlex
import zlib
from dataclasses import dataclass
from pathlib import Path

from bot.settings import BotSettings
from knowledge.settings import ROOT

OURS = ROOT / ".venv" / "bin"
RASA = ROOT / ".venv-rasa" / "bin"
LOG_BYTES = 5_000_000
LOG_BACKUPS = 2

# What keeps Rasa quiet, private and small.
RASA_ENVIRONMENT = {
    "RASA_TELEMETRY_ENABLED": "false",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "CUDA_VISIBLE_DEVICES": "-1",
    "SQLALCHEMY_SILENCE_UBER_WARNING": "1",
    "PYTHONWARNINGS": "ignore",
    # At ERROR Rasa logs what people write when a turn times out or fails.
    "LOG_LEVEL": "CRITICAL",
    "LOG_LEVEL_LIBRARIES": "CRITICAL",
    # A conversation whose turn hangs is free again before anybody gives up on it.
    "TICKET_LOCK_LIFETIME": "10",
    "MAX_NUMBER_OF_PREDICTIONS": "5",
    # Its matrices are tiny: waking a second thread costs more than it saves.
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}
# Importing skops after TensorFlow makes it scan every loaded module, for seconds; imported first it
# has little to scan. A process with TensorFlow in it holds a million objects, which
# the garbage collector would walk through every few turns. This is the `rasa` command, so prepared.
RASA_COMMAND = (
    "import gc; gc.set_threshold(50000, 20, 100); "
    "import skops.io; from rasa.__main__ import main; main()"
)

BEHIND = 5
"""Pages, and platforms that want their 200 within a second, come before whoever thinks."""


@dataclass(frozen=True)
class Program:
    """One process.

    Attributes:
        name: its name for supervisord and in messages.
        command: what is run, from the root of the repository.
        environment: variables that only it gets.
        nice: how far it steps back where all want the processor.
    """

    name: str
    command: str
    environment: dict[str, str]
    nice: int = BEHIND


def programs(settings: BotSettings, model: Path) -> tuple[Program, ...]:
    """Return the four processes, and a fifth where a messaging platform is set up.

    Args:
        settings: the gateway's settings.
        model: the trained dialogue model.
    """
    rasa_port = settings.rasa_url.rsplit(":", 1)[1]
    rasa = shlex.join([str(RASA / "python"), "-c", RASA_COMMAND, "run", "--model", str(model)]) + (
        f" --interface 127.0.0.1 --port {rasa_port} "
        "--endpoints endpoints.yml --credentials credentials.yml "
        "--logging-config-file deploy/rasa_logging.yml"
    )
    rasa_environment = {
        **RASA_ENVIRONMENT,
        "ACTION_ENDPOINT_URL": f"{settings.actions_url}/webhook",
        "RASA_TRACKER_DB": str(settings.tracker_file),
    }
    model_environment = {
        "HF_HUB_OFFLINE": os.environ.get("HF_HUB_OFFLINE", "0"),
        "TOKENIZERS_PARALLELISM": "false",
    }
    ours = shlex.quote(str(OURS / "python"))
    web = f"{ours} -m gunicorn -c deploy/gunicorn_conf.py bot.app:create_app()"
    messaging = Program("messaging", f"{ours} -m bot.messaging", {})
    return (
        Program("rasa", rasa, rasa_environment),
        Program("actions", f"{ours} -m actions", model_environment),
        Program("web", web, {}, nice=0),
        Program("worker", f"{ours} -m bot.worker", {}),
        *((messaging,) if settings.channels.any else ()),
    )


def configuration(settings: BotSettings, model: Path) -> str:
    """Return the text of supervisord's configuration file."""
    data = settings.knowledge.data_dir
    head = f"""
[supervisord]
nodaemon=true
silent=true
logfile={data}/log/supervisord.log
logfile_maxbytes={LOG_BYTES}
logfile_backups={LOG_BACKUPS}
loglevel=info
pidfile={data}/supervisord.pid
directory={ROOT}

[unix_http_server]
file={socket(data)}
chmod=0700

[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface

[supervisorctl]
serverurl=unix://{socket(data)}
"""
    return head + "".join(_section(program, data) for program in programs(settings, model))


def socket(data: Path) -> Path:
    """Return the socket of the supervisor; in /tmp where the folder's path is too long for one."""
    near = data / "supervisor.sock"
    if len(str(near)) < 100:
        return near
    return Path("/tmp") / f"citewell-{zlib.crc32(str(data).encode())}.sock"  # noqa: S108


def _section(program: Program, data: Path) -> str:
    variables = {"PYTHONUNBUFFERED": "1", "PYTHONPATH": str(ROOT), **program.environment}
    environment = ",".join(f'{name}="{value}"' for name, value in variables.items())
    command = f"nice -n {program.nice} {program.command}" if program.nice else program.command
    return f"""
[program:{program.name}]
command={command}
directory={ROOT}
environment={environment}
autostart=true
autorestart=true
startsecs=2
startretries=1000000
stopsignal=TERM
stopwaitsecs=8
stopasgroup=true
killasgroup=true
redirect_stderr=true
stdout_logfile={data}/log/{program.name}.log
stdout_logfile_maxbytes={LOG_BYTES}
stdout_logfile_backups={LOG_BACKUPS}
"""
