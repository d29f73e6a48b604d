"""Whether every part of the stack does its work, asked of the parts themselves."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass

import aiohttp

from demo.stack.places import Places, StackError

Check = Callable[[], Awaitable[bool]]
PATHS = {
    "prometheus": "/-/ready",
    "alertmanager": "/-/ready",
    "exporter": "/-/ready",
    "receiver": "/-/ready",
    "shop": "/health",
    "preview": "/-/ready",
}
SCRAPED = 5  # the jobs of prometheus/prometheus.yml


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the whole may take, and how often is looked."""

    seconds: float = 60.0
    every: float = 0.1


class NotReadyError(StackError):
    """These parts did not become healthy."""

    def __init__(self, why: str, parts: Iterable[str]) -> None:
        self.parts = tuple(parts)
        super().__init__(f"{why}: {', '.join(self.parts)}")


async def wait(
    places: Places,
    trouble: Callable[[], str],
    say: Callable[[str], None],
    patience: Patience | None = None,
) -> None:
    """Until all is healthy, one line for each part. Raises NotReadyError when `trouble` says why they never will be."""
    patience = patience or Patience()
    began = time.monotonic()
    timeout = aiohttp.ClientTimeout(total=2)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        waiting = dict(checks(session, places))
        while waiting:
            for part in await _passed(waiting):
                del waiting[part]
                say(f"{time.monotonic() - began:5.1f} s  {part}")
            late = time.monotonic() - began > patience.seconds
            why = f"not ready in {patience.seconds:g} s" if late else trouble()
            if waiting and why:
                raise NotReadyError(why, waiting)
            await asyncio.sleep(patience.every if waiting else 0)


def checks(session: aiohttp.ClientSession, places: Places) -> Mapping[str, Check]:
    """One question for each part, and one for the whole: that Prometheus sees them all."""

    def asks(part: str, path: str) -> Check:
        return lambda: _answers(session, places.url(part) + path)

    return {
        "redis": lambda: _pong(places.ports["redis"]),
        "postgres": lambda: _listens(places.ports["postgres"]),
        **{part: asks(part, path) for part, path in PATHS.items()},
        "every part is seen by Prometheus": lambda: _all_up(session, places),
    }


async def _passed(waiting: Mapping[str, Check]) -> list[str]:
    answers = await asyncio.gather(*(check() for check in waiting.values()))
    return [part for part, healthy in zip(waiting, answers, strict=True) if healthy]


async def _answers(session: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with session.get(url) as response:
            return response.status == 200
    except (aiohttp.ClientError, TimeoutError):
        return False


async def _pong(port: int) -> bool:
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    try:
        writer.write(b"PING\r\n")
        return (await asyncio.wait_for(reader.readline(), 2)).startswith(b"+PONG")
    except (OSError, TimeoutError):
        return False
    finally:
        writer.close()


async def _listens(port: int) -> bool:
    """It listens only once it takes connections, or refuses them with a reason that is the shop's to report."""
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


async def _all_up(session: aiohttp.ClientSession, places: Places) -> bool:
    url = f"{places.url('prometheus')}/api/v1/query"
    try:
        async with session.get(url, params={"query": "sum(up)"}) as response:
            result = (await response.json())["data"]["result"]
    except (aiohttp.ClientError, TimeoutError, ValueError, KeyError):
        return False
    return bool(result) and float(result[0]["value"][1]) == SCRAPED
