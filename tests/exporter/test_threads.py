from __future__ import annotations

import asyncio
import threading
import time

import pytest

from exporter.threads import Threads, in_thread
from tests.servers.process import until


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


async def test_a_call_that_hangs_holds_up_no_other() -> None:
    go = threading.Event()
    hanging = [in_thread(lambda: go.wait(10)) for _ in range(3)]
    assert await in_thread(lambda: 7) == 7
    go.set()
    assert all([await one for one in hanging])


async def test_calls_one_after_the_other_share_a_thread() -> None:
    used = {await in_thread(threading.get_ident) for _ in range(20)}
    assert len(used) < 5


async def test_threads_without_work_end() -> None:
    threads, ran = Threads(longest_idle=0.01), threading.Event()
    threads.run(ran.set, name="short-lived")
    await until(ran.is_set, "the call was made")
    await until(lambda: "short-lived" not in running(), "the thread has ended")
    again = threading.Event()
    threads.run(again.set)
    await until(again.is_set, "the next call was made all the same")


def running() -> set[str]:
    return {thread.name for thread in threading.enumerate()}


def test_a_result_after_the_loops_end_is_dropped() -> None:
    go, ended = threading.Event(), threading.Event()

    def late() -> None:
        go.wait(5)
        ended.set()

    async def begin() -> None:
        in_thread(late)

    asyncio.run(begin())
    go.set()
    assert ended.wait(5)
