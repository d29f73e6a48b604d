"""Calendars are read from a real server, kept while it is down, and used when somebody is called."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from prunella.metrics import REGISTRY
from receiver.outside.http import open_http
from receiver.stages.calendars import EVERY, Calendars
from receiver.stages.context import Context
from tests.receiver.rig import Rig, rig

CHANNELS = {name: {"kind": "log"} for name in ("anna", "ben", "lead")}


@dataclass
class Server:
    """Serves one calendar, or fails."""

    url: str = ""
    body: str = ""
    status: int = 200
    asked: int = 0

    async def answer(self, request: web.Request) -> web.Response:
        self.asked += 1
        return web.Response(status=self.status, text=self.body, content_type="text/calendar")


def calendar(who: str, begin: float, hours: float) -> str:
    times = (datetime.fromtimestamp(one, UTC) for one in (begin, begin + hours * 3600))
    first, last = (f"{one:%Y%m%dT%H%M%SZ}" for one in times)
    lines = ("BEGIN:VCALENDAR", "VERSION:2.0", "BEGIN:VEVENT", "UID:1", f"SUMMARY:{who}")
    return "\r\n".join(
        (*lines, f"DTSTART:{first}", f"DTEND:{last}", "END:VEVENT", "END:VCALENDAR", "")
    )


@asynccontextmanager
async def served() -> AsyncIterator[Server]:
    made, app = Server(), web.Application()
    app.router.add_get("/{name}", made.answer)
    async with TestServer(app) as server:
        made.url = str(server.make_url("/secret-4711.ics"))
        yield made


@asynccontextmanager
async def reading(
    server: Server, file: Path | None = None
) -> AsyncIterator[tuple[Rig, Context, Calendars]]:
    ical = {"url": server.url, "fallback": "lead", "people": {"Anna Smith": "anna"}}
    turns: dict[str, Any] = {"primary": {"members": ["anna", "ben", "lead"], "ical": ical}}
    async with open_http() as http, rig(channels=CHANNELS, rotations=turns, file=file) as made:
        context = replace(made.context, tools=replace(made.context.tools, http=http))
        yield made, context, Calendars(context)


def called(context: Context) -> tuple[str, ...]:
    rotation = context.settings().rotations["primary"]
    return context.oncall.called("primary", rotation, context.now())


def last_read() -> float:
    gauge = "prunella_rotation_last_read_timestamp_seconds"
    return REGISTRY.get_sample_value(gauge, {"rotation": "primary"}) or 0.0


async def test_who_is_on_call_is_read_at_once_and_every_quarter_of_an_hour() -> None:
    async with served() as server, reading(server) as (made, context, calendars):
        server.body = calendar("Anna Smith", context.now() - 60, 8)
        await calendars.once()
        assert (called(context), last_read()) == (("anna",), context.now())
        server.body = calendar("ben", context.now() - 60, 8)
        await calendars.once()
        assert (called(context), server.asked) == (("anna",), 1)
        made.clock.at += EVERY
        await calendars.once()
        assert (called(context), server.asked) == (("ben",), 2)


@pytest.mark.parametrize(
    ("status", "body"), [(503, ""), (302, ""), (200, "sign in"), (200, "x" * (2 << 20))]
)
async def test_the_last_calendar_is_used_while_there_is_no_good_one(
    status: int, body: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async with served() as server, reading(server) as (made, context, calendars):
        read_at = context.now()
        server.body = calendar("anna", context.now() - 60, 8)
        await calendars.once()
        server.status, server.body = status, body
        made.clock.at += EVERY
        await calendars.once()
        assert (called(context), last_read(), server.asked) == (("anna",), read_at, 2)
    assert "4711" not in "".join(capsys.readouterr())


async def test_a_receiver_that_starts_while_the_server_is_down_knows_it_from_the_journal(
    tmp_path: Path,
) -> None:
    file = tmp_path / "journal.db"
    async with served() as server:
        async with reading(server, file) as (_, context, calendars):
            server.body = calendar("ben", context.now() - 60, 8)
            await calendars.once()
            read_at = context.now()
        server.status = 500
        async with reading(server, file) as (_, context, calendars):
            await calendars.once()
            assert (called(context), last_read()) == (("ben",), read_at)


async def test_another_address_does_not_inherit_what_the_last_one_said(tmp_path: Path) -> None:
    file = tmp_path / "journal.db"
    async with served() as server:
        async with reading(server, file) as (_, context, calendars):
            server.body = calendar("ben", context.now() - 60, 8)
            await calendars.once()
        server.status, server.url = 500, server.url.replace("4711", "4712")
        async with reading(server, file) as (_, context, calendars):
            await calendars.once()
            assert called(context) == ("lead",)


async def test_a_gap_is_said_once_and_the_fallback_is_called(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with served() as server, reading(server) as (made, context, calendars):
        server.body = calendar("anna", context.now() - 60, 1)
        await calendars.once()
        made.clock.at += 3600
        await calendars.once()
        await calendars.once()
        assert called(context) == ("lead",)
    assert caplog.text.count("names nobody who is on call now") == 1
