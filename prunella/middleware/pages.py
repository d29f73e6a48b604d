"""What an app answers about itself beside its own routes, the same in every framework: metrics, health, recent errors."""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from prunella.errors import recent_errors
from prunella.exposition import page
from prunella.health import CHECKS, Checks

_JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer."""

    status: int
    content_type: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()

    def all_headers(self) -> list[tuple[str, str]]:
        """As every kind of server takes them."""
        return [
            ("Content-Type", self.content_type),
            ("Content-Length", str(len(self.body))),
            ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"),
            *self.headers,
        ]


@dataclass(frozen=True, slots=True)
class Asked:
    """The request, as far as a page looks at it."""

    path: str
    query: str
    header: Callable[[str], str]  # by its name in lower case; empty when it is not there


@dataclass(frozen=True, slots=True)
class Pages:
    """Where what is answered; None is nowhere. The list of errors needs a token, because errors tell how an app is made."""

    metrics_path: str | None = None
    health_path: str | None = None
    errors_path: str | None = None
    errors_token: str = field(default="", repr=False)
    checks: Checks = CHECKS

    def __post_init__(self) -> None:
        if self.errors_path and not self.errors_token:
            raise ValueError("errors_path needs errors_token: errors tell how an app is made")

    @property
    def paths(self) -> frozenset[str]:
        """Those of its own."""
        return frozenset(filter(None, (self.metrics_path, self.health_path, self.errors_path)))

    async def answer(self, asked: Asked) -> Answer:
        """For a GET or HEAD of one of `paths`."""
        if asked.path == self.health_path:
            report = await self.checks.report()
            return Answer(report.http_status, _JSON, json.dumps(report.as_json()).encode())
        if asked.path == self.errors_path:
            return self._errors(asked)
        return await metrics(asked)

    def _errors(self, asked: Asked) -> Answer:
        told = asked.header("authorization").encode("utf-8", "replace")
        if not hmac.compare_digest(told, f"Bearer {self.errors_token}".encode()):
            refused = json.dumps({"error": "a token is needed", "reason": "unauthorized"})
            challenge = ("WWW-Authenticate", 'Bearer realm="prunella"')
            return Answer(401, _JSON, refused.encode(), (challenge,))
        return Answer(200, _JSON, json.dumps({"errors": recent_errors()}).encode())


async def metrics(asked: Asked) -> Answer:
    """The default registry in the format that the request asks for; `name[]` picks metrics."""
    names: Sequence[str] | None = parse_qs(asked.query).get("name[]") if asked.query else None
    body, headers = await page(
        accept=asked.header("accept"), encodings=asked.header("accept-encoding"), names=names
    )
    return Answer(200, headers.pop("Content-Type"), body, tuple(headers.items()))
