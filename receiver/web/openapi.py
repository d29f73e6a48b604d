"""`/openapi.json`: the whole API, made from the route table and from what each handler says of itself.

A route that says nothing is a page of the console, or a file of one. What its scope and its body bring along (who may
not, what is no JSON) is known here and said by no handler.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec
from aiohttp import web
from pydantic import BaseModel

from prunella.service.application import ROUTES
from prunella.service.auth import Scope
from prunella.service.described import Described, Failure, Media, described, describes
from prunella.service.route import Route
from prunella.version import version
from receiver.web.bodies import Nothing

REFERENCE = "#/components/schemas/{name}"
OF_A_TOKEN = (401, 403, 503)  # who needs one is told of the journal, or that there is none
OF_A_BODY = (400, 413, 415, 422)
PAGE = Described(answers={200: Media(("text/html",))}, refuses=(404, 503))
FORM = Described(answers={303: None}, refuses=(400, 404, 409, 413, 415, 422, 503))
_PLACE = re.compile(r"\{(\w+)(?::((?:[^{}]|\{[^{}]*\})+))?\}")
_WORDS = re.compile(r"[a-z]+(?:\|[a-z]+)+")
_MEANINGS = {
    200: "done",
    202: "taken; it is done from here on",
    303: "done; the page to look at is elsewhere",
    400: "not understood",
    401: "no token, or a wrong one",
    403: "this token may not",
    404: "there is no such thing",
    409: "not in its present state",
    411: "the length is not said",
    413: "too large",
    415: "another content type",
    422: "another shape",
    500: "failed",
    501: "not installed",
    503: "not now",
}


@describes({200: dict[str, Any]})
async def openapi(request: web.Request) -> web.Response:
    """This document."""
    return web.json_response(document(request.app[ROUTES]))


@lru_cache(maxsize=2)  # the table of a process never changes
def document(routes: tuple[Route, ...]) -> Mapping[str, Any]:
    """OpenAPI 3.1 of a route table."""
    paths: dict[str, dict[str, Any]] = {}
    schemas = _Schemas(routes)
    for route in routes:
        paths.setdefault(template(route), {})[route.method.lower()] = _operation(route, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Prunella receiver",
            "version": version(),
            "description": "What is wrong, what was done about it and why, and the words an operator has.",
        },
        "paths": paths,
        "components": {
            "schemas": schemas.components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def said_of(route: Route) -> Described:
    """What its handler says, or what a page says."""
    return described(route.answering) or (PAGE if route.method == "GET" else FORM)


def template(route: Route) -> str:
    """Its path without what may stand in its places."""
    return _PLACE.sub(r"{\1}", route.path)


def statuses(route: Route) -> tuple[int, ...]:
    """All with which it may answer."""
    said = said_of(route)
    scoped = () if route.scope is Scope.OPEN else OF_A_TOKEN
    bodied = OF_A_BODY if said.takes is not None else ()
    return tuple(sorted({*said.answers, *said.refuses, *scoped, *bodied}))


class _Schemas:
    """JSON Schema of every type that is taken or answered; pydantic's models by themselves, all else by msgspec."""

    def __init__(self, routes: Sequence[Route]) -> None:
        kinds = [*_kinds(routes)]
        others = [one for one in kinds if not _is_model(one)]
        schemas, components = msgspec.json.schema_components(others, ref_template=REFERENCE)
        self._of = {repr(kind): schema for kind, schema in zip(others, schemas, strict=True)}
        taken = {getattr(said_of(one).takes, "__name__", "") for one in routes}
        self.components: dict[str, Any] = {
            name: one if name in taken else _closed(one) for name, one in sorted(components.items())
        }
        for model in (one for one in kinds if _is_model(one)):
            schema = model.model_json_schema(ref_template=REFERENCE.replace("name", "model"))
            self.components |= schema.pop("$defs", {})
            self.components[model.__name__] = schema
            self._of[repr(model)] = {"$ref": REFERENCE.format(name=model.__name__)}

    def of(self, kind: object) -> Mapping[str, Any]:
        return self._of[repr(kind)]


def _kinds(routes: Sequence[Route]) -> Iterator[Any]:
    yield from (Failure, Nothing)
    for route in routes:
        said = said_of(route)
        yield from (one for one in said.answers.values() if not isinstance(one, Media | None))
        yield from (said.takes,) if said.takes is not None else ()
        yield from said.query.values()


def _is_model(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _closed(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """What is not named is not answered."""
    return {**schema, "additionalProperties": False} if "properties" in schema else schema


def _operation(route: Route, schemas: _Schemas) -> Mapping[str, Any]:
    said = said_of(route)
    operation: dict[str, Any] = {
        "operationId": f"{route.method.lower()} {template(route)}",
        "summary": _summary(route),
        "tags": ["api" if described(route.answering) is not None else "console"],
        "x-scope": str(route.scope),
        "responses": {str(status): _response(status, said, schemas) for status in statuses(route)},
    }
    if route.scope not in {Scope.OPEN, Scope.SIGNED}:
        operation["security"] = [{"token": []}]
    if parameters := [*_places(route.path), *_questions(said, schemas)]:
        operation["parameters"] = parameters
    if said.takes is not None:
        content = {"application/json": {"schema": schemas.of(said.takes)}}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _summary(route: Route) -> str:
    return (inspect.getdoc(route.answering) or "A page of the console.").partition("\n")[0]


def _response(status: int, said: Described, schemas: _Schemas) -> Mapping[str, Any]:
    kind = said.answers.get(status, Failure)
    meaning = {"description": _MEANINGS[status]}
    if kind is None:
        return meaning
    if isinstance(kind, Media):
        return {**meaning, "content": {one: {} for one in kind.types}}
    return {**meaning, "content": {"application/json": {"schema": schemas.of(kind)}}}


def _places(path: str) -> Iterator[Mapping[str, Any]]:
    for name, pattern in _PLACE.findall(path):
        yield {"name": name, "in": "path", "required": True, "schema": _place(pattern)}


def _place(pattern: str) -> Mapping[str, Any]:
    """What may stand there; the first of a journal is 1."""
    if pattern.startswith("[0-9]"):
        return {"type": "integer", "minimum": 0, "maximum": 10**18 - 1, "examples": [1]}
    if _WORDS.fullmatch(pattern):
        return {"type": "string", "enum": pattern.split("|")}
    return {"type": "string", "pattern": f"^{pattern}$" if pattern else "^[^/{}]+$"}


def _questions(said: Described, schemas: _Schemas) -> Iterator[Mapping[str, Any]]:
    for name, kind in said.query.items():
        yield {"name": name, "in": "query", "required": False, "schema": schemas.of(kind)}
