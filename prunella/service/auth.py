"""Who may ask for what: bearer tokens in scopes, checked from the header alone, before any body is read."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from prunella.logs import create_logger
from prunella.metrics import Counter
from prunella.service.clock import Clock, SystemClock
from prunella.service.settings import Secret, Settings

_FAILURES = Counter("prunella_auth_failures_total", "Requests refused for their token.", ["reason"])
_QUIET_SECONDS = 10.0
_SOURCES_REMEMBERED = 1024

_log = create_logger(__name__)


class Scope(StrEnum):
    """What a route lets its caller do. OPEN is for everyone; SIGNED for a request that proves itself, as its route says."""

    OPEN = "open"
    SIGNED = "signed"
    WEBHOOK = "webhook"
    OPERATE = "operate"
    READ = "read"
    METRICS = "metrics"


class Token(Settings):
    """One client's secret; its name is what logs and the journal know it by."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    token: Annotated[Secret, Field(min_length=1)]


class Denied(Exception):
    """The caller may not; the text is safe to send. `known` tells a token without the scope from no token."""

    def __init__(self, message: str, *, reason: str, known: bool = False) -> None:
        super().__init__(message)
        self.reason = reason
        self.known = known


@dataclass(frozen=True, slots=True)
class _Client:
    name: str
    scopes: frozenset[Scope]


class Auth:
    """The tokens in force. `implies` says which further scopes a token of one scope has."""

    def __init__(
        self,
        tokens: Mapping[Scope, Iterable[Token]],
        *,
        implies: Mapping[Scope, Iterable[Scope]] | None = None,
        open_when_unset: bool = False,
        clock: Clock | None = None,
    ) -> None:
        self._implies = {scope: frozenset(also) for scope, also in (implies or {}).items()}
        self._refusals = _Refusals(clock or SystemClock())
        self.replace(tokens, open_when_unset=open_when_unset)

    def replace(
        self, tokens: Mapping[Scope, Iterable[Token]], *, open_when_unset: bool = False
    ) -> None:
        """Puts other tokens in force, from the next request on."""
        clients: dict[bytes, _Client] = {}
        for scope, holders in tokens.items():
            for holder in holders:
                digest = _digest(holder.token.get_secret_value())
                before = clients.get(digest, _Client(holder.name, frozenset()))
                scopes = before.scopes | {scope} | self._implies.get(scope, frozenset())
                clients[digest] = _Client(before.name, scopes)
        self._clients = clients
        self._open_when_unset = open_when_unset

    def client(self, header: str | None, scope: Scope, source: str = "") -> str:
        """The name of the token in an Authorization header, empty for nobody in particular. Raises Denied."""
        if scope is Scope.SIGNED:
            raise TypeError("no token opens what proves itself")
        if scope is Scope.OPEN or (self._open_when_unset and not self._clients):
            return ""
        try:
            return self._holder(header, scope)
        except Denied as denied:
            self.refused(source, denied)
            raise

    def admitted(self, header: str | None, scope: Scope) -> str | None:
        """The same for whoever leaves the refusing to another: None, and nothing is counted."""
        if scope is Scope.OPEN or (self._open_when_unset and not self._clients):
            return ""
        try:
            return self._holder(header, scope)
        except Denied:
            return None

    def mark(self, token: str, key: bytes) -> str:
        """What stands for a token where it must not be kept: only who has `key` can hold it against one."""
        return _mark(_digest(token), key)

    def marked(self, mark: str, key: bytes, scope: Scope) -> str | None:
        """The name of the token that it stands for, if that is in force and has the scope."""
        found = None
        for known, client in self._clients.items():
            if hmac.compare_digest(_mark(known, key), mark):
                found = client
        return found.name if found is not None and scope in found.scopes else None

    def refused(self, source: str, denied: Denied) -> None:
        """Counts and logs that somebody was turned away, also by a proof of another kind."""
        self._refusals.note(source, denied.reason)

    def _holder(self, header: str | None, scope: Scope) -> str:
        scheme, _, token = (header or "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise Denied("a bearer token is needed", reason="token_missing")
        digest = _digest(token.strip())
        found = None
        for known, client in self._clients.items():  # all of them, so that time tells nothing
            if hmac.compare_digest(known, digest):
                found = client
        if found is None:
            raise Denied("the bearer token is not valid", reason="token_unknown")
        if scope not in found.scopes:
            raise Denied(f"the token lacks the scope {scope}", reason="scope_missing", known=True)
        return found.name


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


def _mark(digest: bytes, key: bytes) -> str:
    return hmac.digest(key, digest, "sha256").hex()


class _Refusals:
    """Counts every refusal and logs one a source in ten seconds, so that a flood does not fill the disk."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last: dict[str, tuple[float, int]] = {}

    def note(self, source: str, reason: str) -> None:
        _FAILURES.labels(reason).inc()
        now = self._clock.monotonic()
        logged, unsaid = self._last.get(source, (-_QUIET_SECONDS, 0))
        if now - logged < _QUIET_SECONDS:
            self._last[source] = (logged, unsaid + 1)
            return
        if len(self._last) >= _SOURCES_REMEMBERED:
            self._last.clear()
        self._last[source] = (now, 0)
        _log.warning("request refused", source=source, reason=reason, unsaid=unsaid)
