from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prunella.correlation import correlated, correlation_id


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
