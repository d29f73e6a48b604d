"""A GET that is answered without aiohttp is answered as aiohttp answers it."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web

from prunella.service.answers import Given, Refused
from prunella.service.auth import Scope
from prunella.service.door import Door
from prunella.service.heads import Asked, read_head
from prunella.service.responses import response_of
from prunella.service.route import Route
from prunella.service.web import Service
from tests.prunella.service.front_door import BEARER, client_of, service, until
from tests.prunella.service.stand_ins import Counted
from tests.prunella.service.test_express import _everything, _sorted
from tests.prunella.service.test_users import hashed, shown

SCRAPE = (  # as Prometheus 2.42 writes it
    b"GET /page?collect[]=host HTTP/1.1\r\nHost: 127.0.0.1:9650\r\nUser-Agent: Prometheus/2.42.0\r\n"
    b"Accept: application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    b"text/plain;version=0.0.4;q=0.5,*/*;q=0.1\r\nAccept-Encoding: gzip\r\n"
    b"X-Prometheus-Scrape-Timeout-Seconds: 10\r\n\r\n"
)
LAST = b"GET /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


@dataclass
class Page:
    """A route in both shapes; `read` counts what came by aiohttp."""

    given: list[tuple[dict[str, str], str | None]] = field(default_factory=list)
    read: int = 0
    size: int = 0  # bytes of the body, where it matters

    async def get(self, request: web.Request) -> web.Response:
        self.read += 1
        return response_of(
            await self.give(Asked(request.rel_url.raw_query_string, request.headers))
        )

    async def give(self, asked: Asked) -> Given:
        parameters = dict(asked.parameters)
        self.given.append((parameters, asked.headers.get("accept")))
        if "refuse" in parameters:
            raise Refused(400, "bad_scrape", "no such “collector”")
        if "fail" in parameters:
            raise KeyError("CANARY")
        said = json.dumps([parameters, asked.headers.get("x-prometheus-scrape-timeout-seconds")])
        return Given(
            said.encode().ljust(self.size),
            {"Content-Type": "text/plain; version=0.0.4", "Vary": "Accept"},
        )

    def served(self, *, short: bool = True, **changes: Any) -> Service:
        scope = changes.pop("scope", Scope.OPEN)
        give = self.give if short else None
        return service(routes=(Route("GET", "/page", scope, self.get, give=give),), **changes)


async def both(*pieces: bytes, **changes: Any) -> tuple[list[list[bytes]], Page]:
    """What both ways say, which has to be the same, and what came by the short one."""
    short, long = Page(), Page()
    async with (
        client_of(short.served(**changes)) as one,
        client_of(long.served(short=False, **changes)) as other,
    ):
        said, expected = await asyncio.gather(_everything(one, pieces), _everything(other, pieces))
    assert _sorted(said) == _sorted(expected)
    assert short.given == long.given
    return _sorted(said), short


async def test_an_ordinary_scrape_never_sees_aiohttp_and_is_answered_alike() -> None:
    said, page = await both(SCRAPE, LAST)
    assert page.read == 0
    assert [parameters for parameters, _ in page.given] == [{"collect[]": "host"}]
    assert len(said) == 3


async def test_scrape_after_scrape_comes_over_one_connection() -> None:
    page = Page()
    async with client_of(page.served()) as client, client.connection() as connection:
        for _ in range(5):
            await connection.send(SCRAPE)
            assert (await connection.answer()).status == 200
    assert (len(page.given), page.read) == (5, 0)


@pytest.mark.parametrize(
    "query", [b"refuse=1", b"fail=1", b"", b"a=%C3%A4&b=c+d&e", b"a=1&a=2", b"%", b"a=%252Bb%2526"]
)
async def test_whatever_is_asked_is_answered_alike(query: bytes) -> None:
    _, page = await both(SCRAPE.replace(b"collect[]=host", query), LAST)
    assert page.read == 0


@pytest.mark.parametrize(
    ("what", "instead"),
    [
        (b"GET /page", b"HEAD /page"),
        (b"GET /page", b"POST /page"),
        (b"GET /page", b"GET /%70age"),
        (b"GET /page", b"GET http://x/page"),
        (b"GET /page", b"GET //page"),
        (b"GET /page", b"GET /nowhere"),
        (b"HTTP/1.1", b"HTTP/1.0"),
        (b"HTTP/1.1", b"HTTP/1.1 "),
        (b"Accept-Encoding: gzip", b"Content-Length: 0"),
        (b"Accept-Encoding: gzip", b"Expect: 100-continue"),
        (b"Accept-Encoding: gzip", b"Accept: text/plain"),
        (b"Accept-Encoding: gzip", b"Cookie: a=b"),
        (b"Accept-Encoding: gzip", b" folded"),
        (b"Host: 127.0.0.1:9650", b"Who-Knows: x"),
    ],
)  # fmt: skip
async def test_anything_unusual_is_left_to_aiohttp(what: bytes, instead: bytes) -> None:
    assert what in SCRAPE
    asked = SCRAPE.replace(what, instead, 1)
    head = read_head(asked)
    assert head is None or head.path != "/page"
    await both(asked, LAST)


async def test_a_client_that_takes_no_answer_is_not_asked_for_more() -> None:
    page = Page(size=30_000_000)
    async with client_of(page.served()) as client, client.connection() as connection:
        await connection.send(SCRAPE)
        await until(lambda: len(page.given) == 1)
        await connection.send(SCRAPE)
        for _ in range(3):
            assert (await client.get("/-/healthy")).status == 200
        assert len(page.given) == 1
        for _ in range(2):
            assert len((await connection.answer()).body) == page.size
    assert (len(page.given), page.read) == (2, 0)


async def test_however_it_is_cut_and_whatever_waits_behind_it() -> None:
    for cut in (1, 10, 60, len(SCRAPE) - 1):
        await both(SCRAPE[:cut], SCRAPE[cut:], LAST)
    await both(SCRAPE + SCRAPE + LAST)


async def test_a_header_without_an_end_is_left_to_aiohttp() -> None:
    await both(SCRAPE.replace(b"gzip", b"gzip" + b", br" * 1000), LAST)


@pytest.mark.parametrize("headers", [BEARER.encode(), b"", b"Authorization: Bearer wrong\r\n"])
async def test_a_token_is_asked_for_alike(headers: bytes) -> None:
    asked = SCRAPE.replace(b"Accept-Encoding: gzip\r\n", headers)
    said, page = await both(asked, LAST, scope=Scope.OPERATE)
    assert bool(page.given) is (b"s3cret" in headers)
    assert len(said) == 3


@pytest.mark.parametrize("password", ["s3cret", "guess"])
async def test_the_door_is_asked_alike(tmp_path: Path, password: str) -> None:
    file = tmp_path / "web.yml"
    users = {"prometheus": hashed("s3cret").get_secret_value()}
    file.write_text(yaml.safe_dump({"basic_auth_users": users}))
    known = f"Authorization: {shown('prometheus', password)}\r\n\r\n".encode()
    said, page = await both(SCRAPE[:-2] + known, SCRAPE, LAST, door=Door(file))
    assert page.read == 0
    assert len(page.given) == (password == "s3cret")
    assert any(b"401 Unauthorized" in line for line in said[2])


async def test_headers_of_the_door_are_on_the_answer(tmp_path: Path) -> None:
    file = tmp_path / "web.yml"
    headers = {"Strict-Transport-Security": "max-age=1"}
    file.write_text(yaml.safe_dump({"http_server_config": {"headers": headers}}))
    said, _ = await both(SCRAPE, LAST, door=Door(file))
    assert b"Strict-Transport-Security: max-age=1" in said[1]


async def test_it_is_counted_as_any_other() -> None:
    labels = {"method": "GET", "route": "/page", "status": "200"}
    counted = Counted("http_requests_total", labels)
    await both(SCRAPE, LAST)
    assert counted.grown == 2  # one each way


@pytest.mark.parametrize("method", ["POST", "HEAD"])
def test_only_a_get_gives(method: str) -> None:
    page = Page()
    with pytest.raises(TypeError, match="give is for a GET"):
        Route(method, "/page", Scope.OPEN, page.get, give=page.give).check()
