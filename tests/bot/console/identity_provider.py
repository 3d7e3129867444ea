"""An OpenID Connect provider on loopback, over real HTTP, that can be told to misbehave.

It keeps to the protocol by itself: a code is given for a registered address and a challenge, counts
once and for who proves both; tokens are signed with keys that it publishes and changes.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, unquote_plus, urlencode, urlsplit

from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

CLIENT_ID = "citewell"
SECRET = "what only +both/ know: 100%"
"""With signs that are written otherwise in a form."""
JSON = "application/json"
TOKEN_SECONDS = 300


@cache
def rsa_key(name: str) -> rsa.RSAPrivateKey:
    """Return a key by name; making one takes long, so each is made once."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def base64url(data: bytes) -> str:
    """Return bytes as they stand in a token."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(value: int) -> str:
    """Return a number as it stands in a published key."""
    return base64url(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def published(name: str) -> dict[str, str]:
    """Return the public part of a key."""
    numbers = rsa_key(name).public_key().public_numbers()
    return {"kty": "RSA", "n": number(numbers.n), "e": number(numbers.e)}


def challenge_of(verifier: str) -> str:
    """Return the S256 challenge of a verifier (RFC 7636, 4.2)."""
    return base64url(hashlib.sha256(verifier.encode()).digest())


class FromNow(int):
    """Seconds from the moment at which a token is made."""


@dataclass(frozen=True)
class Answer:
    """What is answered in the place of the right thing.

    Attributes:
        status: HTTP status.
        body: as it goes over the line.
        kind: its content type.
        wait: seconds before the first byte.
        drip: seconds before each byte of the body.
        location: where a redirect leads.
    """

    status: int = 200
    body: bytes = b"{}"
    kind: str = JSON
    wait: float = 0.0
    drip: float = 0.0
    location: str = ""


@dataclass
class Account:
    """Somebody whom the provider knows.

    Attributes:
        sub: who they are, for good.
        claims: what is told of them.
    """

    sub: str
    claims: dict[str, Any]


@dataclass(frozen=True)
class Grant:
    """What a code stands for."""

    account: Account
    redirect_uri: str
    challenge: str
    nonce: str


@dataclass(frozen=True)
class Asked:
    """A request that came in."""

    path: str
    form: Mapping[str, str]
    headers: Mapping[str, str]


Signer = Callable[[dict[str, Any]], str]


@dataclass
class IdentityProvider:
    """A running provider.

    Attributes:
        port: on loopback.
        redirect_uris: addresses that are registered for the client.
        secret: of the client, or "" for a public one.
        account: who sits in front of the browser; None presses cancel.
        methods: how a client may prove who it is.
        says_issuer: whether an answer names the issuer (RFC 9207).
        email_in: "id_token" or "userinfo".
        key_name: of the key that signs.
        also_published: names of further keys for signatures.
        changes: claims of ID tokens that are not what they should be; None leaves one out.
        document_changes: the same for the published document.
        answers: by path, what is answered in the place of the right thing.
        signer: makes an ID token in the place of the right way.
        on_token: is called while somebody waits for tokens.
    """

    port: int
    redirect_uris: set[str] = field(default_factory=set)
    secret: str = SECRET
    account: Account | None = None
    methods: tuple[str, ...] = ("client_secret_basic",)
    says_issuer: bool = False
    email_in: str = "id_token"
    key_name: str = "first"
    also_published: tuple[str, ...] = ()
    changes: dict[str, Any] = field(default_factory=dict)
    document_changes: dict[str, Any] = field(default_factory=dict)
    answers: dict[str, Answer] = field(default_factory=dict)
    signer: Signer | None = None
    on_token: Callable[[], None] = lambda: None
    asked: list[Asked] = field(default_factory=list)
    secrets_given: set[str] = field(default_factory=set)
    """Codes and tokens that were given out: none may be in a log."""
    _grants: dict[str, Grant] = field(default_factory=dict)
    _access: dict[str, Account] = field(default_factory=dict)

    @property
    def issuer(self) -> str:
        """How the provider names itself."""
        return f"http://127.0.0.1:{self.port}/realm"

    def paths(self) -> list[str]:
        """Return what was asked for, in order."""
        return [one.path for one in self.asked]

    def document(self) -> dict[str, Any]:
        """Return what the provider publishes about itself."""
        root = f"http://127.0.0.1:{self.port}"
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{root}/authorize",
            "token_endpoint": f"{root}/token",
            "jwks_uri": f"{root}/keys",
            "userinfo_endpoint": f"{root}/userinfo",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "token_endpoint_auth_methods_supported": list(self.methods),
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": self.says_issuer,
            **self.document_changes,
        }

    def keys(self) -> dict[str, Any]:
        """Return the published keys: those for signatures, and some of no use for that."""
        return {
            "keys": [
                {**published(self.key_name), "use": "enc", "kid": "encrypts"},
                {"kty": "AKP", "alg": "ML-DSA-44", "kid": "of-tomorrow", "pub": "AAAA"},
                {"kty": "oct", "k": base64url(b"k" * 32), "kid": "shared", "alg": "HS256"},
                {"kty": "RSA", "n": 5, "kid": "broken"},
                *(
                    {**published(name), "use": "sig", "alg": "RS256", "kid": name}
                    for name in (self.key_name, *self.also_published)
                ),
            ]
        }

    # --- the four steps ---------------------------------------------------------------------------

    def authorize(self, query: Mapping[str, str]) -> Answer:
        """Answer a browser: who asks wrongly gets an error, everybody else goes back."""
        known = query.get("client_id") == CLIENT_ID
        if not known or query.get("redirect_uri") not in self.redirect_uris:
            return Answer(400, b'{"error": "unregistered"}')
        right = (
            query.get("response_type") == "code"
            and "openid" in query.get("scope", "").split()
            and query.get("code_challenge_method") == "S256"
            and len(query.get("code_challenge", "")) == 43
            and query.get("nonce")
            and query.get("state")
        )
        if not right:
            return self._back(query, {"error": "invalid_request"})
        if self.account is None:
            return self._back(query, {"error": "access_denied"})
        code = self._new_secret()
        self._grants[code] = Grant(
            self.account, query["redirect_uri"], query["code_challenge"], query["nonce"]
        )
        return self._back(query, {"code": code})

    def _back(self, query: Mapping[str, str], told: dict[str, str]) -> Answer:
        issuer = {"iss": self.issuer} if self.says_issuer else {}
        told = {**told, "state": query.get("state", ""), **issuer}
        return Answer(302, location=f"{query['redirect_uri']}?{urlencode(told)}")

    def token(self, asked: Asked) -> Answer:
        """Give tokens for a code, once, to who proves to be the client that began."""
        self.on_token()
        if not self._is_client(asked):
            return Answer(401, b'{"error": "invalid_client"}')
        grant = self._grants.pop(asked.form.get("code", ""), None)
        proven = (
            grant is not None
            and asked.form.get("grant_type") == "authorization_code"
            and asked.form.get("redirect_uri") == grant.redirect_uri
            and challenge_of(asked.form.get("code_verifier", "")) == grant.challenge
        )
        if grant is None or not proven:
            return Answer(400, b'{"error": "invalid_grant"}')
        access = self._new_secret()
        self._access[access] = grant.account
        id_token = (self.signer or self.signed)(self.claims(grant, access))
        self.secrets_given.add(id_token)
        told = {"access_token": access, "token_type": "Bearer", "id_token": id_token}
        return Answer(body=json.dumps(told).encode())

    def _is_client(self, asked: Asked) -> bool:
        kind, _, basic = asked.headers.get("Authorization", "").partition(" ")
        if kind == "Basic":
            method, pair = "client_secret_basic", base64.b64decode(basic).decode().partition(":")
            who, secret = unquote_plus(pair[0]), unquote_plus(pair[2])
        else:
            who, secret = asked.form.get("client_id", ""), asked.form.get("client_secret", "")
            method = "client_secret_post" if secret else "none"
        expected = method == "none" if not self.secret else method in self.methods
        return expected and who == CLIENT_ID and secret == self.secret

    def userinfo(self, asked: Asked) -> Answer:
        """Tell about who an access token is for."""
        account = self._access.get(asked.headers.get("Authorization", "").removeprefix("Bearer "))
        if account is None:
            return Answer(401, b'{"error": "invalid_token"}')
        return Answer(body=json.dumps({"sub": account.sub, **account.claims}).encode())

    # --- tokens -----------------------------------------------------------------------------------

    def claims(self, grant: Grant, access: str) -> dict[str, Any]:
        """Return what an ID token says, with the changes that a test wants."""
        now = int(time.time())
        half = hashlib.sha256(access.encode()).digest()[:16]
        told = grant.account.claims if self.email_in == "id_token" else {}
        claims = {
            "iss": self.issuer,
            "sub": grant.account.sub,
            "aud": CLIENT_ID,
            "exp": now + TOKEN_SECONDS,
            "iat": now,
            "nonce": grant.nonce,
            "at_hash": base64url(half),
            **told,
            **self.changes,
        }
        return {
            name: now + value if isinstance(value, FromNow) else value
            for name, value in claims.items()
            if value is not None
        }

    def signed(self, claims: dict[str, Any], key_name: str = "", **header: Any) -> str:
        """Return a token signed with RS256, by the provider's key or by another one."""
        changed = {"alg": "RS256", "kid": self.key_name, "typ": "JWT", **header}
        head = {name: value for name, value in changed.items() if value is not None}
        key = rsa_key(key_name or self.key_name)
        return joined(head, claims, lambda text: key.sign(text, padding.PKCS1v15(), SHA256()))

    def unsigned(self, claims: dict[str, Any]) -> str:
        """Return a token that says that it needs no signature."""
        return joined({"alg": "none", "kid": self.key_name}, claims, lambda text: b"")

    def signed_with_what_is_public(self, claims: dict[str, Any]) -> str:
        """Return a token whose "secret" is the public key."""
        public = rsa_key(self.key_name).public_key()
        secret = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        return joined(
            {"alg": "HS256", "kid": self.key_name},
            claims,
            lambda text: hmac.digest(secret, text, "sha256"),
        )

    def signed_with_a_key_of_its_own(self, claims: dict[str, Any]) -> str:
        """Return a token that brings the key to check it with."""
        key = ec.generate_private_key(ec.SECP256R1())
        public = key.public_key().public_numbers()
        own = {"kty": "EC", "crv": "P-256", "x": number(public.x), "y": number(public.y)}

        def sign(text: bytes) -> bytes:
            r, s = decode_dss_signature(key.sign(text, ec.ECDSA(SHA256())))
            return r.to_bytes(32, "big") + s.to_bytes(32, "big")

        return joined({"alg": "ES256", "kid": self.key_name, "jwk": own}, claims, sign)

    def _new_secret(self) -> str:
        made = secrets.token_urlsafe(24)
        self.secrets_given.add(made)
        return made

    def answer(self, asked: Asked, query: Mapping[str, str]) -> Answer:
        """Return what is answered to a request."""
        self.asked.append(asked)
        if asked.path in self.answers:
            return self.answers[asked.path]
        if asked.path == "/realm/.well-known/openid-configuration":
            return Answer(body=json.dumps(self.document()).encode())
        if asked.path == "/keys":
            return Answer(body=json.dumps(self.keys()).encode())
        if asked.path == "/authorize":
            return self.authorize(query)
        if asked.path == "/token":
            return self.token(asked)
        if asked.path == "/userinfo":
            return self.userinfo(asked)
        return Answer(404)


def joined(header: dict[str, Any], claims: dict[str, Any], sign: Callable[[bytes], bytes]) -> str:
    """Return a token of three parts."""
    parts = [base64url(json.dumps(part).encode()) for part in (header, claims)]
    return ".".join([*parts, base64url(sign(".".join(parts).encode()))])


def flat(text: str) -> dict[str, str]:
    """Return a query or a form, the first value of each name."""
    return {name: values[0] for name, values in parse_qs(text, keep_blank_values=True).items()}


class _Server(ThreadingHTTPServer):
    """The web server of a provider."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.provider = IdentityProvider(self.server_port)


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        self._respond({})

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", "0"))
        self._respond(flat(self.rfile.read(length).decode()))

    def _respond(self, form: dict[str, str]) -> None:
        parts = urlsplit(self.path)
        asked = Asked(parts.path, form, dict(self.headers))
        answer = self.server.provider.answer(asked, flat(parts.query))
        try:
            time.sleep(answer.wait)
            self._send(answer)
        except ConnectionError:
            pass  # the other side has waited long enough

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.kind)
        if answer.location:
            self.send_header("Location", answer.location)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        step = 1 if answer.drip else len(answer.body) or 1
        for start in range(0, len(answer.body), step):
            time.sleep(answer.drip)
            self.wfile.write(answer.body[start : start + step])
            self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def identity_provider() -> Iterator[IdentityProvider]:
    """Run a provider for as long as it is needed."""
    server = _Server()
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server.provider
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
