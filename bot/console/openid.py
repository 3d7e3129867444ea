"""Asks an identity provider who somebody is: OpenID Connect, authorization code flow with PKCE.

Errors::

    SignOnError           nobody is signed in; ``code`` says why, for the log and for the operator
      AttemptRefused      it was not begun in this browser, is too old, or was answered before
      SignOnDeclined      the provider says so itself, as when somebody presses cancel there
      ProviderFailed      the provider is not reached, or sends what is no message of the protocol
      IdentityRefused     what it says about the person does not hold

Checked is what OpenID Connect Core 1.0 (3.1.3.7) and RFC 9700 ask for. A provider is trusted to
know people, not to answer quickly or at all: each request has a time limit, and few go out at once.
"""

from __future__ import annotations

import json
import logging
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import astuple, dataclass
from typing import Any
from urllib.parse import quote_plus

import httpx
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from itsdangerous import BadData, URLSafeTimedSerializer
from joserfc import jwt
from joserfc.errors import ClaimError, JoseError
from joserfc.jwk import GuestProtocol, Key, import_key
from joserfc.jws import JWSRegistry
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bot.addresses import is_unreadable_underway
from bot.settings import BotSettings, SsoSettings

logger = logging.getLogger(__name__)
ATTEMPT_SECONDS = 600
MOST_BYTES = 512 * 1024
KEPT_SECONDS = 3600.0
"""The provider's document and keys: a key that it gave up counts no longer than this."""
SKEW_SECONDS = 60
"""By which the two clocks may differ."""
ALGORITHMS = ("RS256", "PS256", "ES256")
"""Signatures that only the provider can make. "none" and HS256 are not among them: for HS256, what
everybody may read, the public key, would do as a secret."""
SCOPE = "openid email"
LONGEST_SUBJECT = 255
GOOGLE = "https://accounts.google.com"
CLAIMS = frozenset("iss sub aud exp nbf iat nonce azp at_hash auth_time amr".split())
ERRORS_OF_PROVIDERS = frozenset(
    "invalid_request unauthorized_client unsupported_response_type invalid_scope server_error "
    "temporarily_unavailable interaction_required login_required account_selection_required "
    "consent_required invalid_client invalid_grant unsupported_grant_type".split()
)
"""RFC 6749 (4.1.2.1, 5.2) and OpenID Connect Core (3.1.2.6): these may stand in a log."""


class SignOnError(Exception):
    """Nobody is signed in; ``code`` says why, without a word of anybody's."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class AttemptRefused(SignOnError):
    """It was not begun in this browser, is too old, or was answered before."""


class SignOnDeclined(SignOnError):
    """The provider says so itself, as when somebody presses cancel there."""


class ProviderFailed(SignOnError):
    """The provider is not reached, or sends what is no message of the protocol."""


class IdentityRefused(SignOnError):
    """What the provider says about the person does not hold."""


@dataclass(frozen=True)
class Attempt:
    """A sign-in that somebody began.

    Attributes:
        state: comes back in the address, and has to be the one of this browser.
        nonce: comes back in the signed ID token.
        verifier: proves to the provider that who brings the code is who began (PKCE).
        to: page of the console to go to afterwards.
    """

    state: str
    nonce: str
    verifier: str
    to: str

    @classmethod
    def begin(cls, to: str) -> Attempt:
        """Return a new one."""
        return cls(_new_secret(), _new_secret(), _new_secret(), to)


def _new_secret() -> str:
    return secrets.token_urlsafe(48)


class Attempts:
    """Keeps what somebody began in a signed cookie of their browser, for ten minutes, for once.

    Which ones were answered is kept in this process; the provider, too, takes a code only once.
    """

    def __init__(self, secret_key: str) -> None:
        """Take the key that signs."""
        self._serializer = URLSafeTimedSerializer(secret_key, salt="single-sign-on")
        self._answered: dict[str, float] = {}
        self._lock = threading.Lock()

    def pack(self, attempt: Attempt) -> str:
        """Return the value of the cookie."""
        return self._serializer.dumps(astuple(attempt))

    def take(self, cookie: str, state: str) -> Attempt:
        """Return what this browser began, for the only time.

        Args:
            cookie: value of the cookie.
            state: as it came back in the address.

        Raises:
            AttemptRefused: there is none, it is another one, too old, or was answered before.
        """
        try:
            attempt = Attempt(*self._serializer.loads(cookie, max_age=ATTEMPT_SECONDS))
        except (BadData, TypeError) as error:
            raise AttemptRefused("not_begun_here") from error
        if not secrets.compare_digest(attempt.state.encode(), state.encode("utf-8", "replace")):
            raise AttemptRefused("another_state")
        now = time.monotonic()
        with self._lock:
            fresh = {key: at for key, at in self._answered.items() if at > now - ATTEMPT_SECONDS}
            self._answered = {**fresh, attempt.state: fresh.get(attempt.state, now)}
        if attempt.state in fresh:
            raise AttemptRefused("answered_before")
        return attempt


@dataclass(frozen=True)
class Patience:
    """How long and how often at once a provider is waited for.

    Attributes:
        turn: seconds until a request goes out.
        connect: seconds to be connected.
        read: seconds without a byte.
        whole: seconds for the whole body.
        at_once: requests at the same time; a slow provider holds no more threads than that, and the
            chat keeps the others.
    """

    turn: float = 1.0
    connect: float = 3.0
    read: float = 5.0
    whole: float = 10.0
    at_once: int = 4


@dataclass(frozen=True)
class Identity:
    """Who somebody is to the provider.

    Attributes:
        subject: issuer and subject, joined by a space; no two people ever have the same.
        email: the address that the provider has verified, or "".
    """

    subject: str
    email: str


class _Message(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)


class _Document(_Message):
    """What the provider publishes about itself (OpenID Connect Discovery 1.0)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None = None
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)
    authorization_response_iss_parameter_supported: bool = False

    @property
    def addresses(self) -> list[str]:
        """Every address that a browser or we are sent to."""
        found = (self.authorization_endpoint, self.token_endpoint, self.jwks_uri)
        return [*found, *([self.userinfo_endpoint] if self.userinfo_endpoint else [])]


class _Tokens(_Message):
    """What the provider gives for a code. The access token goes into a header, so it is plain."""

    id_token: str
    access_token: str = Field("", pattern=r"^[\x21-\x7e]*$")


class Provider:
    """An identity provider. Safe to use from several threads at once."""

    def __init__(
        self,
        settings: SsoSettings,
        patience: Patience | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take where it is; nothing is asked before somebody signs in."""
        self._settings = settings
        self._patience = patience or Patience()
        self._clock = clock
        # The proxy of the machine's environment is used: a provider may be reached by it only.
        self._client = httpx.Client(
            trust_env=settings.issuer.startswith("https:"),
            timeout=httpx.Timeout(self._patience.read, connect=self._patience.connect),
            headers={"Accept": "application/json"},
            follow_redirects=False,
        )
        self._places = threading.BoundedSemaphore(self._patience.at_once)
        self._document: tuple[float, _Document] | None = None
        self._keys: tuple[float, tuple[Key, ...]] | None = None

    def address(self, attempt: Attempt, redirect_uri: str) -> str:
        """Return where a browser is sent to sign in.

        Args:
            attempt: what is begun.
            redirect_uri: our address to come back to, as it is registered with the provider.

        Raises:
            ProviderFailed: its document cannot be read.
        """
        return str(
            prepare_grant_uri(
                self._read_document().authorization_endpoint,
                self._settings.client_id,
                "code",
                redirect_uri,
                SCOPE,
                attempt.state,
                nonce=attempt.nonce,
                code_challenge=create_s256_code_challenge(attempt.verifier),
                code_challenge_method="S256",
            )
        )

    def identify(self, answer: Mapping[str, str], attempt: Attempt, redirect_uri: str) -> Identity:
        """Return who came back.

        Args:
            answer: the query of the address at which the browser came back.
            attempt: what was begun in that browser.
            redirect_uri: as it was in ``address``.

        Raises:
            SignOnDeclined: the provider says that it signed nobody in.
            ProviderFailed: it cannot be reached, or does not follow the protocol.
            IdentityRefused: what it says does not hold.
        """
        document = self._read_document()
        # Where the provider names itself, it has to be the one that was asked (RFC 9207).
        must_say = document.authorization_response_iss_parameter_supported
        if answer.get("iss", "" if must_say else document.issuer) != document.issuer:
            raise IdentityRefused("answer_of_another_issuer")
        if "error" in answer:
            error = answer["error"]
            raise SignOnDeclined(
                "canceled" if error == "access_denied" else f"provider_{_plain(error)}"
            )
        tokens = self._redeem(document, answer.get("code", ""), attempt, redirect_uri)
        claims = self._checked(document, tokens, attempt.nonce)
        claims = self._completed(document, tokens, claims)
        return Identity(
            f"{document.issuer} {claims['sub']}", verified_email(document.issuer, claims)
        )

    def _redeem(
        self, document: _Document, code: str, attempt: Attempt, redirect_uri: str
    ) -> _Tokens:
        """Give the code back for tokens."""
        who, secret = self._settings.client_id, self._settings.client_secret
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": attempt.verifier,
        }
        basic = None
        if not secret:
            form["client_id"] = who
        elif "client_secret_post" in document.token_endpoint_auth_methods_supported:
            form |= {"client_id": who, "client_secret": secret}
        else:
            # Both are encoded as in a form before they are joined (RFC 6749, 2.3.1).
            basic = httpx.BasicAuth(quote_plus(who), quote_plus(secret))
        status, found = self._ask("POST", document.token_endpoint, data=form, auth=basic)
        if status != httpx.codes.OK:
            raise ProviderFailed(f"token_{_plain(found.get('error'))}")
        try:
            return _Tokens.model_validate(found)
        except ValidationError as error:
            raise ProviderFailed("no_id_token") from error

    def _checked(self, document: _Document, tokens: _Tokens, nonce: str) -> dict[str, Any]:
        """Return the claims of an ID token whose signature and claims all hold."""
        expected = {
            "iss": {"essential": True, "value": document.issuer},
            "aud": {"essential": True, "value": self._settings.client_id},
            "sub": {"essential": True},
        }
        params = {"nonce": nonce, "client_id": self._settings.client_id}
        if tokens.access_token:
            params["access_token"] = tokens.access_token
        try:
            token = jwt.decode(
                tokens.id_token,
                lambda guest: self._key_for(document, guest),
                registry=JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False),
            )
            CodeIDToken(token.claims, token.header, expected, params).validate(leeway=SKEW_SECONDS)
        except ClaimError as error:
            which = error.claim if error.claim in CLAIMS else "missing"
            raise IdentityRefused(f"claim_{which}") from error
        except JoseError as error:
            raise IdentityRefused(error.error or "token") from error
        except (TypeError, ValueError) as error:
            raise IdentityRefused("token_damaged") from error
        subject = token.claims["sub"]
        if len(subject) > LONGEST_SUBJECT or not subject.isprintable():
            raise IdentityRefused("claim_sub")
        return token.claims

    def _key_for(self, document: _Document, guest: GuestProtocol) -> Key:
        """Return the key that a token names; where it is unknown, the keys are read anew, once."""
        header = guest.headers()
        # A key that has no name is not known to be the one that was read before.
        for is_anew in (header.get("kid") is None, True):
            found = [
                key
                for key in self._read_keys(document, is_anew=is_anew)
                if header.get("kid") in (None, key.kid) and key.alg in (None, header["alg"])
            ]
            if len(found) == 1:
                return found[0]
        raise IdentityRefused("unknown_key")

    def _completed(
        self, document: _Document, tokens: _Tokens, claims: dict[str, Any]
    ) -> dict[str, Any]:
        """Return claims with the address, which some providers tell only where asked for it.

        A provider that does not tell it keeps nobody out who signed in before.
        """
        if "email" in claims or not document.userinfo_endpoint or not tokens.access_token:
            return claims
        headers = {"Authorization": f"Bearer {tokens.access_token}"}
        try:
            status, told = self._ask("GET", document.userinfo_endpoint, headers=headers)
        except ProviderFailed as error:
            logger.warning("console_sso_userinfo_failed", extra={"code": error.code})
            return claims
        if status != httpx.codes.OK or told.get("sub") != claims["sub"]:
            logger.warning("console_sso_userinfo_failed", extra={"code": f"status_{status}"})
            return claims
        return {**told, **claims}

    def _read_document(self) -> _Document:
        """Return what the provider publishes about itself, an hour old at most."""
        kept = self._document
        if kept and kept[0] > self._clock():
            return kept[1]
        issuer = self._settings.issuer
        status, found = self._ask("GET", f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        if status != httpx.codes.OK:
            raise ProviderFailed(f"document_status_{status}")
        try:
            document = _Document.model_validate(found)
        except ValidationError as error:
            raise ProviderFailed("document") from error
        if document.issuer != issuer:
            raise ProviderFailed("document_of_another_issuer")
        is_here = issuer.startswith("http:")
        if not all(
            is_unreadable_underway(one) and (is_here or one.startswith("https:"))
            for one in document.addresses
        ):
            raise ProviderFailed("document_without_https")
        self._document = self._clock() + KEPT_SECONDS, document
        return document

    def _read_keys(self, document: _Document, *, is_anew: bool) -> tuple[Key, ...]:
        """Return the provider's keys for signatures, an hour old at most."""
        kept = self._keys
        if kept and kept[0] > self._clock() and not is_anew:
            return kept[1]
        status, found = self._ask("GET", document.jwks_uri)
        listed = found.get("keys")
        if status != httpx.codes.OK or not isinstance(listed, list):
            raise ProviderFailed(f"keys_status_{status}")
        keys = tuple(key for key in map(_public_key, listed) if key)
        self._keys = self._clock() + KEPT_SECONDS, keys
        return keys

    def _ask(self, method: str, url: str, **request: Any) -> tuple[int, dict[str, Any]]:
        """Send a request; return the status and the JSON object that came back.

        Raises:
            ProviderFailed: nothing came, not in time, too much, or what is no object.
        """
        if not self._places.acquire(timeout=self._patience.turn):
            raise ProviderFailed("busy")
        try:
            with self._client.stream(method, url, **request) as response:
                body = self._body(response)
        except httpx.TimeoutException as error:
            raise ProviderFailed("timeout") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ProviderFailed("unreachable") from error
        finally:
            self._places.release()
        try:
            found = json.loads(body)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise ProviderFailed(f"no_json_status_{response.status_code}")
        return response.status_code, found

    def _body(self, response: httpx.Response) -> bytes:
        body, until = bytearray(), self._clock() + self._patience.whole
        for piece in response.iter_bytes():
            body += piece
            if len(body) > MOST_BYTES:
                raise ProviderFailed("too_large")
            if self._clock() > until:
                raise ProviderFailed("timeout")
        return bytes(body)


def verified_email(issuer: str, claims: Mapping[str, Any]) -> str:
    """Return the address that a provider says to have verified, or ""."""
    email = claims.get("email")
    # Microsoft Entra ID has no ``email_verified``, but may say that the owner of the domain is:
    # https://learn.microsoft.com/entra/identity-platform/migrate-off-email-claim-authorization
    said = claims.get("email_verified", claims.get("xms_edov"))
    if not isinstance(email, str) or not email.isprintable() or said not in (True, "true", "1"):
        return ""
    # Of another domain Google knows only that somebody could read its mail once:
    # https://developers.google.com/identity/gsi/web/guides/verify-google-id-token
    if issuer == GOOGLE and "hd" not in claims and not email.endswith("@gmail.com"):
        return ""
    return email


def _public_key(listed: Any) -> Key | None:
    """Return a published key, or None for one that is of no use here."""
    is_for_signatures = isinstance(listed, dict) and listed.get("use", "sig") == "sig"
    if not is_for_signatures or listed.get("kty") not in ("RSA", "EC"):
        return None
    try:
        return import_key(listed)
    except (JoseError, TypeError, ValueError):
        return None


def _plain(error: object) -> str:
    """Return a provider's error as a code of ours."""
    return error if isinstance(error, str) and error in ERRORS_OF_PROVIDERS else "other_error"


@dataclass(frozen=True)
class SingleSignOn:
    """Where people of the team may sign in who have an account elsewhere.

    Attributes:
        name: what people read on the button.
        is_only: whether nobody signs in with a password.
        provider: who knows them.
        attempts: what was begun.
    """

    name: str
    is_only: bool
    provider: Provider
    attempts: Attempts

    @classmethod
    def from_settings(cls, settings: BotSettings) -> SingleSignOn | None:
        """Return single sign-on as it is set, or None where it is off."""
        sso = settings.sso
        if sso is None:
            return None
        return cls(sso.name, sso.is_only, Provider(sso), Attempts(settings.secret_key))
