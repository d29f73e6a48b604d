"""Bodies of the operator's routes: an object, or nothing where nothing has to be said."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict, TypeVar

from aiohttp import web
from pydantic import ValidationError

from prunella.service.answers import Refused
from prunella.service.problems import problems_of
from prunella.service.responses import read_json
from prunella.service.settings import Settings

S = TypeVar("S", bound=Settings)


class Nothing(TypedDict):
    """`{}`: nothing has to be said."""


async def read_object(request: web.Request) -> dict[str, Any]:
    """The body's object; `{}` stands for no parameters. Raises Refused."""
    body = await read_json(request)
    if not isinstance(body, dict):
        raise Refused(
            422, "wrong_shape", "the body must be an object; {} where nothing has to be said"
        )
    return body


def validated(model: type[S], body: Mapping[str, Any]) -> S:
    """The body as a value. Raises Refused that names every wrong key, as for a config file."""
    try:
        return model.model_validate(body)
    except ValidationError as error:
        said = "; ".join(map(str, problems_of(error, body, "the body")))
        raise Refused(422, "wrong_shape", said[:2000]) from None
