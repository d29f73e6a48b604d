from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import pytest

from prunella.service.described import Described, describes
from prunella.service.reload import Live
from prunella.service.route import Route
from prunella.service.settings import load
from receiver.app import receiver
from receiver.settings import ReceiverSettings
from receiver.web.openapi import document, said_of, statuses, template
from tests.receiver.web.serving import serving, written


async def table(folder: Path) -> tuple[Route, ...]:
    """Everything that a receiver serves."""
    live = Live(lambda: load(ReceiverSettings, written(folder), {}))
    async with receiver(live, folder) as service:
        return service.served().routes


async def test_the_document_is_open_and_names_every_route_with_its_scope_and_statuses(
    tmp_path: Path,
) -> None:
    routes = await table(tmp_path)
    async with serving(tmp_path) as client:
        told = (await client.ask("GET", "/openapi.json", token=None)).json
    assert {
        (path, method.upper(), one["x-scope"], tuple(map(int, one["responses"])))
        for path, methods in told["paths"].items()
        for method, one in methods.items()
    } == {(template(one), one.method, str(one.scope), statuses(one)) for one in routes}


async def test_who_needs_a_token_is_said(tmp_path: Path) -> None:
    paths = document(await table(tmp_path))["paths"]
    assert paths["/api/v1/status"]["get"]["security"] == [{"token": []}]
    assert "security" not in paths["/-/healthy"]["get"]


async def test_a_refusal_in_a_handlers_own_code_is_one_of_its_statuses(tmp_path: Path) -> None:
    unsaid = {
        (route.method, route.path, status)
        for route in await table(tmp_path)
        for status in re.findall(r"Refused\(\s*(\d{3})", _code(route))
        if int(status) not in statuses(route)
    }
    assert unsaid == set()


def _code(route: Route) -> str:
    return inspect.getsource(inspect.unwrap(route.answering))


async def test_every_handler_of_the_api_says_what_it_answers(tmp_path: Path) -> None:
    silent = [
        route.path
        for route in await table(tmp_path)
        if route.path.startswith(("/api", "/-/", "/alerts", "/watchdog", "/openapi"))
        and not _says(route)
    ]
    assert silent == []


def _says(route: Route) -> Described | None:
    found: Described | None = getattr(route.answering, "__described__", None)
    return found


@pytest.mark.parametrize(
    ("place", "schema"),
    [
        ("id", {"type": "integer", "minimum": 0, "maximum": 10**18 - 1, "examples": [1]}),
        ("word", {"type": "string", "enum": ["acknowledge", "approve", "deny", "resolve"]}),
    ],
)
async def test_what_may_stand_in_a_path_is_said(
    tmp_path: Path, place: str, schema: dict[str, Any]
) -> None:
    paths = document(await table(tmp_path))["paths"]
    parameters = paths["/api/v1/incidents/{id}/{word}"]["post"]["parameters"]
    assert next(one["schema"] for one in parameters if one["name"] == place) == schema


async def test_a_duration_is_text_as_the_config_has_it(tmp_path: Path) -> None:
    window = document(await table(tmp_path))["components"]["schemas"]["WindowBody"]
    assert window["properties"]["duration"]["format"] == "prometheus-duration"


def test_a_handler_that_says_nothing_is_a_page() -> None:
    async def silent(_: object) -> None: ...

    said = said_of(Route("GET", "/x", None, silent))  # type: ignore[arg-type]  # only what is said is looked at
    assert list(said.answers) == [200]
    assert said_of(Route("GET", "/x", None, describes({204: None})(silent))).answers == {204: None}  # type: ignore[arg-type]  # a handler only to be looked at
