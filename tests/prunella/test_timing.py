from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Generator
from typing import cast

import pytest

from prunella.timing import Kind, outcome_of, timer
from tests.prunella.service.stand_ins import Counted


def timed(name: str, outcome: str = "ok", kind: str = "db") -> Counted:
    labels = {"kind": kind, "name": name, "outcome": outcome}
    return Counted("app_operation_seconds_count", labels)


def test_a_block_is_timed() -> None:
    counted = timed("load_cart")
    with timer("db", "load_cart"):
        pass
    assert counted.grown == 1


def test_a_block_that_fails_is_timed_as_an_error() -> None:
    failed, fine = timed("load_cart", "error"), timed("load_cart")
    with pytest.raises(KeyError), timer("db", "load_cart"):
        raise KeyError
    assert (failed.grown, fine.grown) == (1, 0)


def test_a_function_is_timed_at_every_call() -> None:
    counted = timed("add", kind="api")

    @timer("api", "add")
    def add(one: int, other: int) -> int:
        """Adds."""
        return one + other

    assert add(1, other=2) + add(3, 4) == 10
    assert (counted.grown, add.__name__, add.__doc__) == (2, "add", "Adds.")


async def test_an_async_function_is_timed_until_it_is_done() -> None:
    counted, release = timed("send", kind="external"), asyncio.Event()

    @timer("external", "send")
    async def send() -> str:
        await release.wait()
        return "sent"

    sending = [asyncio.create_task(send()) for _ in range(3)]
    await asyncio.sleep(0)
    assert counted.grown == 0
    release.set()
    assert await asyncio.gather(*sending) == ["sent"] * 3
    assert counted.grown == 3


async def test_an_async_function_that_fails_is_an_error() -> None:
    counted = timed("send", "error", kind="external")

    @timer("external", "send")
    async def send() -> None:
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        await send()
    assert counted.grown == 1


async def test_a_call_that_is_cancelled_is_no_error() -> None:
    counted = timed("generate", "cancelled", kind="ai")

    @timer("ai", "generate")
    async def generate() -> None:
        await asyncio.sleep(3600)

    task = asyncio.create_task(generate())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert counted.grown == 1


def test_another_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="one of route, api, db, external, ai"):
        timer(cast("Kind", "cache"), "x")


async def test_a_block_may_be_asynchronous() -> None:
    counted = timed("wait")
    async with timer("db", "wait"):
        await asyncio.sleep(0)
    assert counted.grown == 1


async def test_a_stream_is_timed_until_its_end() -> None:
    @timer("ai", "words")
    async def words() -> AsyncIterator[str]:
        yield "one"
        yield "two"

    counted = timed("words", kind="ai")
    seen = [(word, counted.grown) async for word in words()]
    assert (seen, counted.grown) == ([("one", 0), ("two", 0)], 1)


def test_a_generator_is_timed_until_its_end_and_keeps_its_result() -> None:
    @timer("db", "rows")
    def rows() -> Generator[int, None, str]:
        yield 1
        return "done"

    counted, going = timed("rows"), rows()
    assert (next(going), counted.grown) == (1, 0)
    with pytest.raises(StopIteration, match="done"):
        next(going)
    assert counted.grown == 1


def test_a_generator_that_nobody_reads_to_its_end_is_no_error() -> None:
    @timer("db", "some_rows")
    def rows() -> Generator[int, None, None]:
        yield 1

    counted, going = timed("some_rows", "cancelled"), rows()
    next(going)
    going.close()
    assert counted.grown == 1


def test_to_be_interrupted_is_an_error_to_be_cancelled_is_none() -> None:
    assert outcome_of(KeyboardInterrupt()) == "error"
    assert outcome_of(asyncio.CancelledError()) == "cancelled"
    assert outcome_of(None) == "ok"
