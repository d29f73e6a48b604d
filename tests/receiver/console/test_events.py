"""What keeps a page live: told of what happens, for as long as it may know."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import aiohttp
from aiohttp import web

from prunella.service.answers import Refused
from prunella.service.auth import Auth, Scope
from prunella.service.clock import SystemClock
from prunella.service.route import Route
from prunella.service.units import parse_listen
from prunella.service.web import Service
from receiver.console import events
from receiver.journal import Event, Journal
from tests.receiver.console.happening import deliver
from tests.receiver.console.visiting import Browser, visiting
from tests.receiver.rig import firing, rig
from tests.receiver.web.serving import READ, Client, serving
from tests.servers.process import until

NOTHING: dict[str, str] = {}


@asynccontextmanager
async def listening(
    browser: Browser, headers: dict[str, str] = NOTHING
) -> AsyncIterator[aiohttp.ClientResponse]:
    said = {"Accept": "text/event-stream", **headers}
    async with browser.session.get(f"{browser.base}/events", headers=said) as answer:
        yield answer


async def number(answer: aiohttp.ClientResponse) -> str:
    """Of the next event."""
    async with asyncio.timeout(60):
        while True:
            line = (await answer.content.readline()).decode()
            if line.startswith("id: "):
                return line.removeprefix("id: ").strip()
            assert line, "the stream has ended"


async def ended(answer: aiohttp.ClientResponse) -> bool:
    async with asyncio.timeout(60):
        while await answer.content.readline():
            pass
    return True


@asynccontextmanager
async def watching(folder: Path) -> AsyncIterator[tuple[Browser, Client]]:
    async with visiting(folder, mode="approve", channels={}) as (browser, client):
        await browser.login()
        yield browser, client


async def test_a_page_is_told_that_something_has_happened(tmp_path: Path) -> None:
    async with watching(tmp_path) as (browser, client), listening(browser) as answer:
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        before = await number(answer)
        await deliver(client, firing())
        assert int(await number(answer)) > int(before)


async def test_who_comes_back_is_told_at_once_if_something_was_missed(tmp_path: Path) -> None:
    async with watching(tmp_path) as (browser, client):
        async with listening(browser) as answer:
            before = await number(answer)
        await deliver(client, firing())
        async with listening(browser, {"Last-Event-ID": before}) as answer:
            assert await number(answer) != before


async def test_nobody_listens_without_a_session(tmp_path: Path) -> None:
    async with visiting(tmp_path) as (browser, _), listening(browser) as answer:
        assert answer.status == 401


async def test_there_is_room_for_so_many(tmp_path: Path) -> None:
    reader = {"Authorization": f"Bearer {READ}"}
    connector = aiohttp.TCPConnector(limit=0)
    async with (
        serving(tmp_path) as client,
        aiohttp.ClientSession(connector=connector) as session,
        AsyncExitStack() as pages,
    ):
        url = f"{client.url}/events"
        asked = [session.get(url, headers=reader) for _ in range(events.MOST)]
        opened = [await pages.enter_async_context(page) for page in asked]
        assert {answer.status for answer in opened} == {200}
        async with session.get(url, headers=reader) as refused:
            assert (refused.status, refused.headers["Retry-After"]) == (503, "30")
        opened[0].close()

        async def is_room() -> bool:
            async with session.get(url, headers=reader) as answer:
                return answer.status == 200

        await until(is_room, "room for one more")


@dataclass
class Door:
    """Lets everybody in until it is shut."""

    shut: bool = False
    asked: int = 0

    async def reads(self, _: web.Request) -> str:
        self.asked += 1
        if self.shut:
            raise Refused(401, "token_missing", "a session is needed")
        return "ann"


@asynccontextmanager
async def streaming(door: Door, beat: float, busy: bool = False) -> AsyncIterator[events.Events]:
    async with rig() as inside:
        context = replace(inside.context, tools=replace(inside.context.tools, clock=SystemClock()))
        happening = asyncio.create_task(_all_the_time(inside.journal)) if busy else None
        yield events.Events(context, door.reads, beat=beat)
        if happening is not None:
            happening.cancel()


async def _all_the_time(journal: Journal) -> None:
    while True:
        await journal.record((Event("happened", {}),), (), 0.0)
        await asyncio.sleep(0.1)


def serving_events(stream: events.Events, door: Door) -> Service:
    """With so much grace that whoever is cut off at its end was not let go."""
    route = Route("GET", "/events", Scope.SIGNED, stream.listen, door.reads)
    return Service(
        listen=parse_listen("127.0.0.1:0"),
        routes=(route,),
        auth=Auth({}),
        leaving=stream.end,
        grace=60.0,
    )


async def test_a_receiver_that_stops_lets_its_listeners_go() -> None:
    door = Door()
    async with streaming(door, beat=60.0) as stream, aiohttp.ClientSession() as session:
        async with serving_events(stream, door).serving() as address:
            answer = await session.get(f"http://{address}/events")
            await number(answer)
        assert await ended(answer)  # to its end, and not cut off


async def test_silence_is_broken_and_who_may_not_stay_is_sent_away() -> None:
    await sent_away_once_shut(beat=0.1, busy=False)


async def test_who_may_not_stay_is_sent_away_while_much_happens_too() -> None:
    await sent_away_once_shut(beat=4 * events.LOOK_EVERY, busy=True)


async def sent_away_once_shut(*, beat: float, busy: bool) -> None:
    door = Door()
    async with (
        streaming(door, beat, busy) as stream,
        serving_events(stream, door).serving() as address,
        aiohttp.ClientSession() as session,
        session.get(f"http://{address}/events") as answer,
    ):
        await until(lambda: door.asked > 1, "asked again")
        door.shut = True
        assert await ended(answer)
