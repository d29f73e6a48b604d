"""What the services say over HTTP: JSON, errors as `{"error", "reason"}`, and never a traceback or a secret."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from http import HTTPStatus

from aiohttp import web

from prunella.logs import create_logger
from prunella.middleware.measure import CLIENT_GONE

_OFF_THE_LOOP = 1024 * 1024  # decoding more than this would hold up every other request

_log = create_logger(__name__)

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}
OUR_HEADERS = {**SECURITY_HEADERS, "Server": "prunella"}


class Refused(Exception):
    """Ends a request with this status; the text and the reason are sent to the client."""

    def __init__(
        self, status: int, reason: str, error: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(error)
        self.status = status
        self.reason = reason
        self.headers = dict(headers or {})


class Shown(Refused):
    """A refusal whose answer is made already: a page, for who reads pages."""

    def __init__(self, refused: Refused, answer: web.Response) -> None:
        super().__init__(refused.status, refused.reason, str(refused), refused.headers)
        self.answer = answer


def error_response(
    status: int, reason: str, error: str, headers: Mapping[str, str] | None = None
) -> web.Response:
    """The one shape of an error."""
    return web.json_response({"error": error, "reason": reason}, status=status, headers=headers)


async def read_json(request: web.Request) -> object:
    """The body's value. Raises Refused: 415 for another content type, 400 for what is not JSON."""
    if request.content_type != "application/json":
        raise Refused(415, "not_json", "the body must be application/json")
    body = await request.read()
    if len(body) > _OFF_THE_LOOP:
        return await asyncio.to_thread(parse_json, body)
    return parse_json(body)


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


def answer_to(request: web.Request, error: Exception) -> web.Response:
    """Every way to fail, in the one shape. What is no error but a redirect is raised on."""
    if isinstance(error, Shown):
        return error.answer
    if isinstance(error, web.HTTPException):
        if error.status < 400:
            raise error
        allowed = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
        return error_response(error.status, reason_of(error.status), error.reason, allowed)
    if isinstance(error, web.RequestPayloadError):
        return error_response(400, "bad_body", f"the body cannot be read: {_in_short(error)}")
    if request.transport is None and isinstance(error, ConnectionError):
        return web.Response(status=CLIENT_GONE)  # it left in the middle: no bug, nobody to answer
    refused = refusal_of(error, request.method, path_of(request))
    return error_response(refused.status, refused.reason, str(refused), refused.headers)


def path_of(request: web.Request) -> str:
    """As a log may have it: what stands in a place named `token` opens something."""
    token = request.match_info.get("token")
    return request.path.replace(token, "…") if token else request.path


def refusal_of(error: Exception, method: str, path: str) -> Refused:
    """What the client is told of an error that nobody has said more about; the log has the rest."""
    if isinstance(error, Refused):
        return error
    _log.exception("request failed", error, method=method, path=path)
    return Refused(500, "internal_error", "internal error; see the log")


def _in_short(error: Exception) -> str:
    """aiohttp's own words, on one line, without the number that it puts before them."""
    return " ".join(str(error).removeprefix("400, message:").split())[:200]


def reason_of(status: int) -> str:
    """The word for a status that nobody has given a better reason for."""
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return "body_too_large"
    return HTTPStatus(status).phrase.lower().replace(" ", "_").replace("'", "")


async def add_security_headers(_: web.BaseRequest, response: web.StreamResponse) -> None:
    """A signal handler for `on_response_prepare`; what a handler has set itself stays."""
    for name, value in SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers["Server"] = "prunella"
