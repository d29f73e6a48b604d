"""Bodies of the operator's routes: an object, or nothing where nothing has to be said."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from prunella.service.answers import Refused, read_json


async def read_object(request: web.Request) -> dict[str, Any]:
    """The body's object; `{}` stands for no parameters. Raises Refused."""
    body = await read_json(request)
    if not isinstance(body, dict):
        raise Refused(
            422, "wrong_shape", "the body must be an object; {} where nothing has to be said"
        )
    return body
