"""What the services say over HTTP: JSON, errors as `{"error", "reason"}`, and never a traceback or a secret."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, NamedTuple

from prunella.logs import create_logger

_log = create_logger(__name__)
_JSON = {"Content-Type": "application/json; charset=utf-8"}

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}
OUR_HEADERS = {**SECURITY_HEADERS, "Server": "prunella"}


class Given(NamedTuple):
    """A whole answer. Its Content-Type is among the headers."""

    body: bytes
    headers: Mapping[str, str] = _JSON
    status: int = 200


def as_json(
    document: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None
) -> Given:
    """The answer that shows it."""
    return Given(json.dumps(document).encode(), {**_JSON, **(headers or {})}, status)


class Refused(Exception):
    """Ends a request with this status; the text and the reason are sent to the client."""

    def __init__(
        self, status: int, reason: str, error: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(error)
        self.status = status
        self.reason = reason
        self.headers = dict(headers or {})

    @property
    def given(self) -> Given:
        """In the one shape of an error."""
        return as_json({"error": str(self), "reason": self.reason}, self.status, self.headers)


def parse_json(body: bytes) -> object:
    """Strict JSON: no NaN, no endless nesting. Raises Refused(400)."""
    try:
        return json.loads(body, parse_constant=_no_constant)
    except RecursionError:
        raise Refused(400, "not_json", "the body is nested too deeply") from None
    except ValueError as error:
        raise Refused(400, "not_json", f"the body is not JSON: {error}") from None


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not a JSON number")


def refusal_of(error: Exception, method: str, path: str) -> Refused:
    """What the client is told of an error that nobody has said more about; the log has the rest."""
    if isinstance(error, Refused):
        return error
    _log.exception("request failed", error, method=method, path=path)
    return Refused(500, "internal_error", "internal error; see the log")


def reason_of(status: int) -> str:
    """The word for a status that nobody has given a better reason for."""
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return "body_too_large"
    return HTTPStatus(status).phrase.lower().replace(" ", "_").replace("'", "")
