from __future__ import annotations

import asyncio

from exporter.queues.watched import AGAIN, DISCOVER_EVERY, READ, Look, Watched
from prunella.service.clock import Clock, SystemClock
from tests.exporter.queues.made_sources import Made, MadeEntry, Minutes


def watched(made: Made, clock: Clock | None = None, **keys: object) -> Watched:
    entry = MadeEntry.model_validate({"url": "redis://x", "made": made, **keys})
    return Watched(entry, "shop", clock or SystemClock())


async def look(one: Watched, seconds: float = 1.0) -> Look:
    return await one.look(asyncio.get_running_loop().time() + seconds)


def names(seen: Look) -> list[str]:
    return [figures.queue for figures in seen.figures]


async def looking(one: Watched) -> asyncio.Task[None]:
    return asyncio.create_task(one.keep_looking())


async def ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])


async def test_the_first_scrape_waits_for_the_first_search() -> None:
    one = watched(Made("b", "a"))
    early = asyncio.create_task(look(one))
    await asyncio.sleep(0)
    task = await looking(one)
    assert names(await early) == ["a", "b"]
    await ended(task)


async def test_a_search_that_does_not_end_leaves_the_scrape_its_time() -> None:
    made = Made("a")
    made.free.clear()
    one = watched(made)
    task = await looking(one)
    seen = await look(one, 0.05)
    assert (seen.answered, seen.problem) == (False, "made: no answer in time")
    await ended(task)


async def test_what_comes_and_goes_is_seen_at_the_next_search_only() -> None:
    made, clock = Made("a", "old"), Minutes()
    one = watched(made, clock)
    task = await looking(one)
    assert names(await look(one)) == ["a", "old"]
    made.queues = {"a", "new"}
    for _ in range(5):
        assert names(await look(one)) == ["a", "old"]
    assert made.searches == 1
    await clock.pass_one()
    assert names(await look(one)) == ["a", "new"]
    assert set(clock.slept) == {DISCOVER_EVERY}
    await ended(task)


async def test_a_search_that_fails_keeps_what_is_known_and_says_so() -> None:
    made, clock = Made("a"), Minutes()
    one = watched(made, clock)
    task = await looking(one)
    await look(one)
    made.trouble = "no permission"
    await clock.pass_one()
    made.trouble = ""
    seen = await look(one)
    assert names(seen) == ["a"]
    assert seen.problem == "made: looking for queues: no permission"
    await clock.pass_one()
    assert (await look(one)).problem == ""
    assert clock.slept == [DISCOVER_EVERY, AGAIN, DISCOVER_EVERY]
    await ended(task)


async def test_what_is_named_in_the_config_is_never_searched() -> None:
    made = Made("a", "b")
    assert names(await look(watched(made, queues=["c"]))) == ["c"]
    assert made.searches == 0


async def test_more_queues_than_are_read_are_a_problem() -> None:
    one = watched(Made(*(f"q{number:05}" for number in range(READ + 7))))
    task = await looking(one)
    seen = await look(one)
    assert (len(seen.figures), seen.problem) == (READ, "made: 7 queues are not read")
    await ended(task)


async def test_a_source_that_fails_gave_no_answer() -> None:
    made = Made("a")
    made.trouble = "connection refused"
    seen = await look(watched(made, queues=["a"]))
    assert (seen.answered, seen.problem) == (False, "made: connection refused")
