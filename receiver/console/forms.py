"""Forms that pages send: small, and of the one kind that a browser sends without being told to."""

from __future__ import annotations

from urllib.parse import parse_qs

from aiohttp import web

from prunella.service.answers import Refused

MOST = 4096  # bytes
FIELDS = 10


class Form(dict[str, str]):
    """The fields by name; of a field that came twice the first."""


FORM = web.RequestKey("form", Form)


async def read_form(request: web.Request) -> Form:
    """Raises Refused for what no page of ours sends."""
    if request.content_type != "application/x-www-form-urlencoded":
        raise Refused(415, "not_a_form", "the body must be application/x-www-form-urlencoded")
    if request.content_length is None or request.content_length > MOST:
        raise Refused(413, "body_too_large", f"the body may have {MOST} bytes")
    try:
        fields = parse_qs((await request.read()).decode(), max_num_fields=FIELDS)
    except ValueError as wrong:
        raise Refused(400, "not_a_form", "the body is no form") from wrong
    return Form({name: values[0] for name, values in fields.items()})
