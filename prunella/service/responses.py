"""What the services say, as aiohttp's responses."""

from __future__ import annotations

import asyncio

from aiohttp import web

from prunella.middleware.measure import CLIENT_GONE
from prunella.service.answers import (
    SECURITY_HEADERS,
    Given,
    Refused,
    parse_json,
    reason_of,
    refusal_of,
)

_OFF_THE_LOOP = 1024 * 1024  # decoding more than this would hold up every other request


class Shown(Refused):
    """A refusal whose answer is made already: a page, for who reads pages."""

    def __init__(self, refused: Refused, answer: web.Response) -> None:
        super().__init__(refused.status, refused.reason, str(refused), refused.headers)
        self.answer = answer


def response_of(given: Given) -> web.Response:
    """The same as aiohttp sends it."""
    return web.Response(body=given.body, headers=given.headers, status=given.status)


async def read_json(request: web.Request) -> object:
    """The body's value. Raises Refused: 415 for another content type, 400 for what is not JSON."""
    if request.content_type != "application/json":
        raise Refused(415, "not_json", "the body must be application/json")
    body = await request.read()
    if len(body) > _OFF_THE_LOOP:
        return await asyncio.to_thread(parse_json, body)
    return parse_json(body)


def answer_to(request: web.Request, error: Exception) -> web.Response:
    """Every way to fail, in the one shape. What is no error but a redirect is raised on."""
    if isinstance(error, Shown):
        return error.answer
    if isinstance(error, web.HTTPException):
        if error.status < 400:
            raise error
        allowed = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
        refused = Refused(error.status, reason_of(error.status), error.reason, allowed)
        return response_of(refused.given)
    if isinstance(error, web.RequestPayloadError):
        text = f"the body cannot be read: {_in_short(error)}"
        return response_of(Refused(400, "bad_body", text).given)
    if request.transport is None and isinstance(error, ConnectionError):
        return web.Response(status=CLIENT_GONE)  # it left in the middle: no bug, nobody to answer
    return response_of(refusal_of(error, request.method, path_of(request)).given)


def path_of(request: web.Request) -> str:
    """As a log may have it: what stands in a place named `token` opens something."""
    token = request.match_info.get("token")
    return request.path.replace(token, "…") if token else request.path


def _in_short(error: Exception) -> str:
    """aiohttp's own words, on one line, without the number that it puts before them."""
    return " ".join(str(error).removeprefix("400, message:").split())[:200]


async def add_security_headers(_: web.BaseRequest, response: web.StreamResponse) -> None:
    """A signal handler for `on_response_prepare`; what a handler has set itself stays."""
    for name, value in SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers["Server"] = "prunella"
