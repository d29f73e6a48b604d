from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prunella.correlation import (
    carried,
    correlated,
    correlation_id,
    outgoing_headers,
    trace_id,
)


def test_outside_of_any_work_there_is_no_id() -> None:
    assert correlation_id() == ""


@pytest.mark.parametrize("received", ["a", "A-z_9.:/+=@-", "x" * 128])
def test_a_harmless_id_is_kept(received: str) -> None:
    with correlated(received) as given_id:
        assert correlation_id() == given_id == received


@pytest.mark.parametrize("received", [None, "", "x" * 129, "a b", "a\nb", "é", "a\n", "<b>"])
def test_anything_else_is_replaced(received: str | None) -> None:
    with correlated(received) as given_id:
        assert given_id != received
        assert len(given_id) == 32


@given(st.text())
def test_no_text_from_outside_becomes_an_id_that_could_forge_a_line(received: str) -> None:
    with correlated(received) as given_id:
        assert given_id.isascii()
        assert given_id.isprintable()
        assert " " not in given_id


def test_the_id_before_is_back_after_the_block() -> None:
    with correlated("outer"):
        with correlated("inner"):
            assert correlation_id() == "inner"
        assert correlation_id() == "outer"
    assert correlation_id() == ""


async def test_work_at_the_same_time_keeps_its_own_id() -> None:
    async def work(name: str) -> str:
        with correlated(name):
            await asyncio.sleep(0)
            return correlation_id()

    assert list(await asyncio.gather(work("a"), work("b"))) == ["a", "b"]


def test_no_two_pieces_of_work_are_given_the_same_id() -> None:
    given_ids = set()
    for _ in range(1000):
        with correlated() as given_id:
            given_ids.add(given_id)
    assert len(given_ids) == 1000


TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


def test_without_an_id_the_callers_trace_is_the_id() -> None:
    with correlated(None, PARENT) as given_id:
        assert given_id == trace_id() == TRACE


def test_an_id_that_was_received_stays_beside_the_trace() -> None:
    with correlated("req-1", PARENT) as given_id:
        assert (given_id, trace_id()) == ("req-1", TRACE)


@pytest.mark.parametrize(
    "parent",
    [
        "",
        TRACE,
        f"ff-{TRACE}-00f067aa0ba902b7-01",
        f"00-{'0' * 32}-00f067aa0ba902b7-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-00f067aa0ba902b7-01",
        f"{PARENT}-more",
        f"{PARENT}\n",
        f"{PARENT}\r\nX: y",
    ],
)
def test_a_trace_that_is_none_is_not_followed(parent: str) -> None:
    with correlated("req-1", parent):
        assert trace_id() == ""
        assert "traceparent" not in outgoing_headers()


def test_a_later_version_may_say_more_than_we_know() -> None:
    with correlated("a", f"cc-{TRACE}-00f067aa0ba902b7-01-what.the.future"):
        assert trace_id() == TRACE
        assert outgoing_headers()["traceparent"] == f"cc-{TRACE}-00f067aa0ba902b7-01"


def test_what_goes_out_carries_the_id_and_the_trace() -> None:
    assert outgoing_headers() == {}
    with correlated("req-1", PARENT):
        assert outgoing_headers() == {"X-Correlation-ID": "req-1", "traceparent": PARENT}


def test_work_in_a_thread_keeps_the_id_only_if_it_is_carried() -> None:
    with ThreadPoolExecutor(2) as threads, correlated("req-1"):
        assert threads.submit(correlation_id).result() == ""
        assert threads.submit(carried(correlation_id)).result() == "req-1"


def test_what_is_carried_can_run_many_times_at_once() -> None:
    barrier = Barrier(4, timeout=5)

    def meet() -> str:
        barrier.wait()
        return correlation_id()

    with ThreadPoolExecutor(4) as threads, correlated("req-1"):
        work = carried(meet)
        assert {one.result() for one in [threads.submit(work) for _ in range(4)]} == {"req-1"}


async def test_a_task_that_a_request_starts_has_its_id() -> None:
    async def work() -> str:
        await asyncio.sleep(0)
        return correlation_id()

    with correlated("req-1"):
        task = asyncio.create_task(work())
        to_thread = asyncio.to_thread(correlation_id)
    assert await task == "req-1"
    with correlated("req-2"):
        assert await asyncio.to_thread(correlation_id) == "req-2"
    assert await to_thread == ""
