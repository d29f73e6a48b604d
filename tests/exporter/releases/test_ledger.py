from __future__ import annotations

import json
import math
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from exporter.releases import ledger
from exporter.releases.base import SourceError
from exporter.releases.ledger import Ledger, seen
from prunella.service.clock import SystemClock
from tests.exporter.probing.asking import pages
from tests.prunella.service.certificates import self_signed
from tests.servers.ports import free_port

NOW = 1_800_000_000.0  # 2027-01-15T08:00:00Z
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


def row(**keys: Any) -> dict[str, Any]:
    """One that serves, as the receiver lists it."""
    usual = {
        "target": "api",
        "service": "shop",
        "version": "v2",
        "commit": "abc1234",
        "serves": True,
        "state": "watching",
        "phase": 1,
        "deployed_at": "2027-01-15T07:00:00.000Z",
    }
    return {**usual, **keys}


@asynccontextmanager
async def answering(answer: Answer, key: str = "t") -> AsyncIterator[Ledger]:
    app = web.Application()
    app.router.add_get("/api/v1/releases", answer)
    async with TestServer(app) as server:
        yield Ledger(str(server.make_url("/")), key, None, SystemClock())


async def told(answer: Answer) -> str:
    async with answering(answer) as source:
        with pytest.raises(SourceError) as raised:
            await source.read()
    return str(raised.value)


def test_what_serves_is_one_release_a_target() -> None:
    found = seen([row(), row(version="v1", serves=False), row(target="web", service="web")], NOW)
    assert [(one.service, one.target, one.version) for one in found.releases] == [
        ("shop", "api", "v2"),
        ("web", "web", "v2"),
    ]
    first = found.releases[0]
    assert (first.commit, first.began, first.phase) == ("abc1234", NOW - 3600, 1)


def test_a_release_that_is_not_watched_is_in_no_phase() -> None:
    assert seen([row(phase=None)], NOW).releases[0].phase == 0


@pytest.mark.parametrize(("age", "deploying"), [(60, True), (3700, False)])
def test_a_deploy_is_under_way_until_it_ends_or_for_an_hour(age: float, deploying: bool) -> None:
    began = "2027-01-15T07:59:00Z" if age == 60 else "2027-01-15T06:58:20Z"
    rows = [row(), row(version="v3", serves=False, state="deploying", deployed_at=began)]
    assert seen(rows, NOW).deploying == {"shop": deploying}


def test_a_receiver_that_tells_no_service_has_it_under_the_targets_name() -> None:
    assert seen([row(service=None)], NOW).releases[0].service == "api"


@pytest.mark.parametrize("rows", [{"releases": []}, "no", 5, None])
def test_what_is_no_list_is_no_receivers(rows: object) -> None:
    with pytest.raises(SourceError, match="no list of releases"):
        seen(rows, NOW)


def test_rows_that_make_no_sense_cost_only_themselves() -> None:
    odd = [
        5,
        {},
        row(target=5),
        row(version=None),
        row(target="x" * 999, deployed_at="never", phase="2", commit=7),
    ]
    found = seen([*odd, row()], NOW)
    assert [(len(one.target), one.began, one.phase, one.commit) for one in found.releases] == [
        (200, 0.0, 0, ""),
        (3, NOW - 3600, 1, "abc1234"),
    ]


@pytest.mark.parametrize("key", ["target", "version"])
def test_half_a_character_is_no_name(key: str) -> None:
    found = seen([row(**{key: "v\ud800"}), row(target="web")], NOW)
    assert [one.target for one in found.releases] == ["web"]


def test_what_else_holds_half_a_character_is_left_out() -> None:
    rows = [row(service="\udfff", commit="\ud800", deployed_at="2027-01-15T07:00:00\ud800")]
    (one,) = seen(rows, NOW).releases
    assert (one.service, one.commit, one.began) == ("api", "", 0.0)


def test_a_character_that_json_says_in_two_halves_is_one() -> None:
    (one,) = seen(
        json.loads('[{"target": "\\ud83d\\ude80", "version": "v", "serves": true}]'), NOW
    ).releases
    assert one.target == "\N{ROCKET}"


@pytest.mark.parametrize("phase", [10**400, -1, 1e999, "2", [3]])
def test_a_phase_that_no_watch_has_is_none(phase: object) -> None:
    assert seen([row(phase=phase)], NOW).releases[0].phase == 0


@pytest.mark.parametrize(
    "moment", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00", 10**400]
)  # fmt: skip
def test_a_moment_at_the_end_of_all_times_is_a_number_all_the_same(moment: object) -> None:
    (one,) = seen([row(deployed_at=moment)], NOW).releases
    assert math.isfinite(one.began)


async def test_the_token_goes_with_the_question() -> None:
    async def answer(request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == "Bearer hunter2"
        return web.json_response([row()])

    async with answering(answer, "hunter2") as source:
        assert len((await source.read()).releases) == 1


@pytest.mark.parametrize(
    ("status", "said"),
    [(401, "give a `token`"), (403, "may not read"), (500, "see its log"), (302, "answers 302")],
)
async def test_a_refusal_is_told_with_its_cure(status: int, said: str) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status, headers={"Location": "/"})

    assert said in await told(answer)


async def test_a_page_is_no_ledger() -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(text="<html>")

    assert "no receiver" in await told(answer)


async def test_more_than_can_be_a_ledger_is_not_read() -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=b" " * (ledger.LARGEST + 1))

    assert "more than 4 MiB" in await told(answer)


async def test_nobody_there_is_told_without_the_token() -> None:
    source = Ledger(f"http://127.0.0.1:{free_port()}", "hunter2", None, SystemClock())
    with pytest.raises(SourceError) as raised:
        await source.read()
    assert "hunter2" not in str(raised.value)


async def test_an_authority_that_was_exchanged_counts_at_the_next_look(tmp_path: Path) -> None:
    ours, other = self_signed(tmp_path, "ours"), self_signed(tmp_path, "other")
    trusted = tmp_path / "trusted.pem"
    trusted.write_bytes(other.certificate.read_bytes())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(ours.certificate, ours.key)

    async def answer(_: web.Request) -> web.Response:
        return web.json_response([row()])

    async with pages(answer, context) as server:
        source = Ledger(str(server.make_url("/")), "", trusted, SystemClock())
        with pytest.raises(SourceError, match="certificate"):
            await source.read()
        trusted.write_bytes(ours.certificate.read_bytes())
        assert len((await source.read()).releases) == 1
        trusted.write_text("no certificate")
        with pytest.raises(SourceError, match="tls_config"):
            await source.read()
