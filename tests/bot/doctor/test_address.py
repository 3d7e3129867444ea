"""The public address, over real TLS with certificates of the test's own."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from threading import Thread

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from flask import Flask, redirect, request
from werkzeug.serving import make_server

from bot.doctor.address import PublicAddress
from bot.doctor.findings import Seen
from bot.doctor.handshake import Handshake
from tests.bot.doctor.conftest import Installation

PATH = "/webhooks/messenger"
TOKEN = "the verify token"
TRUSTED = ssl.create_default_context  # before a fixture shares one context between all


@dataclass
class Authority:
    """Somebody who gives certificates to whoever asks."""

    folder: Path

    def __post_init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Authority of the test")])
        begin = datetime.now(UTC) - timedelta(days=400)
        made = (
            x509.CertificateBuilder()
            .subject_name(self._name)
            .issuer_name(self._name)
            .public_key(self._key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begin)
            .not_valid_after(begin + timedelta(days=4000))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False
            )
            .add_extension(
                x509.KeyUsage(*[False] * 5, True, True, False, False),
                critical=True,
            )
            .sign(self._key, hashes.SHA256())
        )
        self._file = self.folder / "authority.pem"
        self._file.write_bytes(made.public_bytes(serialization.Encoding.PEM))

    @property
    def trusted(self) -> ssl.SSLContext:
        """What somebody trusts who trusts it."""
        return TRUSTED(cafile=str(self._file))

    def context(self, days: float, name: str = "localhost") -> ssl.SSLContext:
        """Return what a server shows: a certificate that is valid for so many days from now."""
        key = ec.generate_private_key(ec.SECP256R1())
        end = datetime.now(UTC) + timedelta(days=days)
        identity: x509.GeneralName = (
            x509.IPAddress(ip_address(name)) if name[0].isdigit() else x509.DNSName(name)
        )
        made = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(end - timedelta(days=90))
            .not_valid_after(end)
            .add_extension(x509.SubjectAlternativeName([identity]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()),
                critical=False,
            )
            .sign(self._key, hashes.SHA256())
        )
        file = self.folder / "server.pem"
        file.write_bytes(
            made.public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """An authority of this test's own."""
    return Authority(tmp_path)


@contextmanager
def behind(app: Flask, tls: ssl.SSLContext | None) -> Iterator[str]:
    """Let an app answer behind a certificate; give its address."""
    server = make_server("127.0.0.1", 0, app, threaded=True, ssl_context=tls)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"{'https' if tls else 'http'}://localhost:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def hook(answer: Callable[[], object] | None = None) -> Flask:
    """Return an app with a webhook that repeats the challenge, or does something else."""

    def repeat() -> object:
        is_ours = request.args["hub.verify_token"] == TOKEN
        return request.args["hub.challenge"] if is_ours else ("No.", 403)

    app = Flask("hook")
    app.add_url_rule(PATH, view_func=answer or repeat)
    return app


def look_at_webhook(address: PublicAddress) -> Seen:
    """Do the handshake."""
    handshake = Handshake(TOKEN, "CITEWELL_MESSENGER_VERIFY_TOKEN")
    return address.look_at_webhook(PATH, handshake.seen_from_outside)


@pytest.mark.parametrize(
    ("url", "level", "found"),
    [
        ("https://chat.example.org", "ok", "https://chat.example.org (--address)"),
        ("http://chat.example.org", "failed", "is not https"),
        ("http://localhost:8000", "warning", "by this machine only"),
        ("chat.example.org", "failed", "is no address"),
        ("https://", "failed", "is no address"),
        ("https://chat.example.org:x", "failed", "is no address"),
        ("ftp://chat.example.org", "failed", "is no address"),
    ],
)
def test_an_address_must_be_one_that_meta_calls(url: str, level: str, found: str) -> None:
    seen = PublicAddress(url, "--address").look()
    assert seen.level == level
    assert found in seen.found
    assert bool(seen.advice) == (level != "ok")


def test_a_valid_certificate_and_a_right_handshake(authority: Authority) -> None:
    with behind(hook(), authority.context(60.5)) as url:
        address = PublicAddress(url, "--address", authority.trusted)
        seen = address.look_at_certificate()
        assert seen.level == "ok"
        assert seen.found.startswith("valid for 60 more days, until 20")
        assert look_at_webhook(address).level == "ok"


@pytest.mark.parametrize(
    ("days", "name", "level", "found"),
    [
        (13.5, "localhost", "warning", "valid for 13 more days"),
        (-1, "localhost", "failed", "certificate has expired"),
        (60, "chat.example.org", "failed", "Hostname mismatch"),
    ],
)
def test_a_bad_certificate_is_told(
    authority: Authority, days: float, name: str, level: str, found: str
) -> None:
    with behind(hook(), authority.context(days, name)) as url:
        seen = PublicAddress(url, "--address", authority.trusted).look_at_certificate()
    assert seen.level == level
    assert found in seen.found
    assert seen.advice


def test_a_certificate_that_nobody_trusts_is_told(authority: Authority) -> None:
    with behind(hook(), authority.context(60)) as url:
        address = PublicAddress(url, "--address", TRUSTED())
        seen, handshake = address.look_at_certificate(), look_at_webhook(address)
    assert seen.level == "failed"
    assert "is not valid: " in seen.found
    assert handshake.level == "warning"  # no connection, and so no token sent


def test_a_port_without_https_is_told() -> None:
    with behind(hook(), None) as url:
        address = PublicAddress(url.replace("http:", "https:"), "--address", TRUSTED())
        seen = address.look_at_certificate()
    assert seen.level == "failed"
    assert "does not speak https" in seen.found


def test_a_name_that_is_not_known_is_told() -> None:
    seen = PublicAddress("https://nowhere.invalid", "--address", TRUSTED()).look_at_certificate()
    assert (seen.level, seen.found) == ("failed", "the name nowhere.invalid is not known")


def test_nothing_on_the_port_is_told() -> None:
    address = PublicAddress("https://127.0.0.1:9", "--address", TRUSTED())
    seen = address.look_at_certificate()
    assert (seen.level, seen.found) == ("failed", "127.0.0.1 refuses the connection")
    assert "phone" in seen.advice
    assert look_at_webhook(address).level == "warning"


def test_no_answer_in_time_is_told_as_what_can_be_the_network(authority: Authority) -> None:
    def wait() -> str:
        time.sleep(0.5)
        return "late"

    with behind(hook(wait), authority.context(60)) as url:
        seen = look_at_webhook(PublicAddress(url, "--address", authority.trusted, seconds=0.2))
    assert seen.level == "warning"
    assert "gave no answer within 0.2 seconds (ReadTimeout)" in seen.found


@pytest.mark.parametrize(
    ("answer", "found", "advice"),
    [
        (lambda: redirect("https://www.example.org/x?t=1"), "redirects to https://www", "not fol"),
        (lambda: ("No.", 403), "refuses the verify token", "CITEWELL_MESSENGER_VERIFY_TOKEN"),
        (lambda: ("Not here.", 404), "there is no webhook at https://localhost", "proxy"),
        (lambda: ("Down.", 502), "status 502 and no challenge", "Something else"),
        (lambda: "<html>", "status 200 and another text", "Something else"),
        (lambda: f"{request.args['hub.challenge']}\n", "another text", "a proxy changes"),
    ],
)
def test_a_wrong_handshake_is_told(
    authority: Authority, answer: Callable[[], object], found: str, advice: str
) -> None:
    with behind(hook(answer), authority.context(60)) as url:
        seen = look_at_webhook(PublicAddress(url, "--address", authority.trusted))
    assert seen.level == "failed"
    assert found in seen.found
    assert advice in seen.advice
    assert "t=1" not in seen.found


def test_the_doctor_goes_through_the_address_that_it_is_given(
    site: Installation, authority: Authority
) -> None:
    def repeat() -> object:
        is_ours = request.args["hub.verify_token"] == site.meta.account.verify_token
        return request.args["hub.challenge"] if is_ours else ("No.", 403)

    with behind(hook(repeat), authority.context(60)) as url:
        given = site.examine(f"{url}{PATH}", authority.trusted)
        as_set = site.examine("", authority.trusted, CITEWELL_PUBLIC_URL=f"{url}/")
    assert given["public address"].found == f"{url} (--address)"
    assert as_set["public address"].found == f"{url} (CITEWELL_PUBLIC_URL)"
    for found in (given, as_set):
        assert found["certificate"].level == "ok"
        assert found["webhook from outside"].level == "ok"


def test_without_a_valid_certificate_no_token_is_sent_there(
    site: Installation, authority: Authority
) -> None:
    asked: list[str] = []
    app = hook(lambda: asked.append(request.url) or "x")
    with behind(app, authority.context(60)) as url:
        found = site.examine(url, TRUSTED())
    assert found["certificate"].level == "failed"
    assert found["webhook from outside"].level == "skipped"
    assert asked == []
