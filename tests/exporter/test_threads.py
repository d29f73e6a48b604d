from __future__ import annotations

import asyncio
import threading
import time

import pytest

from exporter.threads import in_thread


async def test_the_result_comes_back() -> None:
    assert await in_thread(lambda: 40 + 2) == 42


async def test_the_error_comes_back() -> None:
    with pytest.raises(ZeroDivisionError):
        await in_thread(lambda: 1 // 0)


async def test_the_loop_goes_on_meanwhile() -> None:
    go = threading.Event()
    future = in_thread(lambda: go.wait(5))
    await asyncio.sleep(0)
    go.set()
    assert await future


async def test_a_call_that_never_ends_can_be_left_behind() -> None:
    go = threading.Event()
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(in_thread(lambda: go.wait(10)), 0.05)
    assert time.monotonic() - began < 5
    go.set()


def test_a_result_after_the_loops_end_is_dropped() -> None:
    go = threading.Event()

    async def begin() -> None:
        in_thread(lambda: go.wait(5))

    asyncio.run(begin())
    go.set()
    for thread in threading.enumerate():
        if thread.name == "exporter-read":
            thread.join(5)
            assert not thread.is_alive()
