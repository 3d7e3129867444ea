"""The programs of docs/webhook.md, run as they stand there against the real thing."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy.engine import Engine

from bot.channel_settings import ChannelSettings
from bot.channels.posting import PASSING, read_outcome
from bot.channels.webhook.events import TYPES
from bot.messaging.__main__ import Messaging
from bot.settings import BotSettings
from bot.simulator.webhook.stand_in import WebhookStandIn
from knowledge.schema import now
from knowledge.settings import ROOT
from tests.bot.running import served, working
from tests.bot.webhook.conftest import SET, WRITTEN_KEY
from tests.stack import wait_for

PAGE = (ROOT / "docs" / "webhook.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^ *```(?:python|sh)\n(?P<code>.*?)^ *```", re.MULTILINE | re.DOTALL)
needs_openssl = pytest.mark.skipif(
    not (shutil.which("openssl") and shutil.which("curl")), reason="needs openssl and curl"
)


def program(name: str, folder: Path) -> Path:
    """Save a program of the page under the name that its first line gives."""
    blocks = [textwrap.dedent(found["code"]) for found in BLOCK.finditer(PAGE)]
    (code,) = (one for one in blocks if one.startswith(f"# {name}"))
    file = folder / name
    file.write_text(code, encoding="utf-8")
    return file


def environment(**more: str) -> dict[str, str]:
    """Return what the programs are run with; no proxy stands in between."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return {**kept, "CITEWELL_WEBHOOK_SECRET": WRITTEN_KEY, **more}


def run(*command: str, **env: str) -> str:
    """Run a program; return what it prints."""
    finished = subprocess.run(
        command, env=environment(**env), capture_output=True, text=True, timeout=60, check=False
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


@contextmanager
def receiving(folder: Path, port: int) -> Iterator[Path]:
    """Let ``receive.py`` run for a while; give the file that it prints to."""
    told = folder / "told.txt"
    with told.open("w", encoding="utf-8") as out:
        process = subprocess.Popen(
            [sys.executable, str(program("receive.py", folder))],
            env=environment(PORT=str(port)),
            stdout=out,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield told
        finally:
            process.terminate()
            process.wait()


@pytest.fixture
def heard(
    webhook_app: Flask, settings: BotSettings, engine: Engine, tmp_path: Path
) -> Iterator[tuple[str, Path]]:
    """Citewell with ``receive.py`` behind it: its address, and what that program prints."""
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    webhook = replace(SET, reply_url=f"http://127.0.0.1:{port}/replies")
    channels = ChannelSettings(webhook=webhook)
    messaging = Messaging(replace(settings, channels=channels), engine)
    with served(webhook_app) as url, receiving(tmp_path, port) as told, working(messaging):
        yield url, told


def test_the_two_programs_talk_with_citewell(heard: tuple[str, Path], tmp_path: Path) -> None:
    url, told = heard
    sent = run(sys.executable, str(program("send.py", tmp_path)), "how do you catch flu", HOST=url)
    assert sent == '200 {"accepted":1}\n\n'
    assert wait_for(
        lambda: "Flu spreads mainly by droplets." in told.read_text(encoding="utf-8"), 20
    )
    words = told.read_text(encoding="utf-8")
    assert words.startswith("To person-1: I am a chatbot")
    assert "https://www.cdc.gov/flu/about/index.html" in words


@needs_openssl
def test_curl_and_openssl_sign_as_well(heard: tuple[str, Path], tmp_path: Path) -> None:
    url, told = heard
    assert run("sh", str(program("send.sh", tmp_path)), HOST=url) == '{"accepted":1}\n'
    assert wait_for(
        lambda: "Flu spreads mainly by droplets." in told.read_text(encoding="utf-8"), 20
    )
    assert "To person-2: " in told.read_text(encoding="utf-8")


@needs_openssl
def test_openssl_proves_a_reply(talking: WebhookStandIn, tmp_path: Path) -> None:
    talking.send(talking.write.start(talking.new_person()))
    assert wait_for(lambda: bool(talking.posts), 20)
    post, script = talking.posts[0], program("verify.sh", tmp_path)
    headers = talking.key.sign(post.message_id, post.at, post.body)
    given = {
        "ID": post.message_id,
        "TIMESTAMP": headers["webhook-timestamp"],
        "SIGNATURE": f"v1,AAAA {headers['webhook-signature']}",
    }
    body = tmp_path / "body.json"
    body.write_bytes(post.body)
    assert run("sh", str(script), str(body), **given) == "right\n"
    old = talking.key.sign(post.message_id, post.at - 400, post.body)
    late = {"TIMESTAMP": old["webhook-timestamp"], "SIGNATURE": old["webhook-signature"]}
    assert run("sh", str(script), str(body), **{**given, **late}) == "too old\n"
    body.write_bytes(post.body + b" ")
    assert run("sh", str(script), str(body), **given) == "wrong\n"


def test_receive_py_takes_nothing_that_is_not_signed(tmp_path: Path) -> None:
    """Its check alone, with headers as a web server gives them."""
    source = program("receive.py", tmp_path).read_text(encoding="utf-8")
    code = source[: source.index("class Receiver")]
    calls = """
class Headers(dict):
    __missing__ = lambda self, name: None

now = str(int(time.time()))
def signed(body, at=now):
    made = hmac.digest(KEY, f"msg_1.{at}.".encode() + body, hashlib.sha256)
    signature = "v1," + base64.b64encode(made).decode()
    return Headers({"webhook-id": "msg_1", "webhook-timestamp": at, "webhook-signature": signature})

old = str(int(time.time()) - 400)
print(
    is_signed(signed(b"{}"), b"{}"),
    is_signed(signed(b"{}"), b"{} "),
    is_signed(signed(b"{}", old), b"{}"),
    is_signed(Headers(), b"{}"),
    is_signed(Headers({**signed(b"{}"), "webhook-signature": "v1,"}), b"{}"),
)
"""
    assert run(sys.executable, "-c", code + calls) == "True False False False False\n"


def test_the_page_names_every_type() -> None:
    rows = re.findall(r"^\| `([a-z.]+)` \|", PAGE.split("| `type` | Means |")[1], re.MULTILINE)
    assert rows[: len(TYPES)] == list(TYPES)


def test_the_examples_are_json_and_the_table_of_answers_is_true() -> None:
    blocks = re.findall(r"^```json\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert [json.loads(block)["type"] for block in blocks] == ["message.received", "reply.created"]
    (row,) = (line for line in PAGE.splitlines() if line.startswith("| 401, 403"))
    named = {int(number) for number in re.findall(r"\d{3}", row.split("|")[1])}
    assert named | {429} == PASSING
    for status in range(200, 600):
        outcome = read_outcome(status, "", "msg_1", now())
        is_given_up = 400 <= status < 500 and status not in {*named, 429, 410}
        assert (outcome.state == "failed") == is_given_up
