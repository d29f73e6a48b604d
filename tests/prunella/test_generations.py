from __future__ import annotations

import time
from collections.abc import AsyncIterator

import pytest

from prunella.generations import generation
from prunella.metrics import REGISTRY
from tests.prunella.service.stand_ins import Counted


def oldest(model: str) -> float | None:
    name = "ai_generation_oldest_inflight_timestamp_seconds"
    return REGISTRY.get_sample_value(name, {"model": model})


def counted(model: str, outcome: str = "ok") -> Counted:
    return Counted("ai_generation_seconds_count", {"model": model, "outcome": outcome})


def test_a_generation_shows_when_it_began_and_then_how_long_it_took() -> None:
    done, before = counted("small"), time.time()
    with generation("small"):
        assert before <= (oldest("small") or 0) <= time.time()
        assert done.grown == 0
    assert (done.grown, oldest("small")) == (1, 0.0)


def test_of_several_the_oldest_is_shown() -> None:
    with generation("many"):
        first = oldest("many")
        with generation("many"):
            assert oldest("many") == first
    second = generation("many")
    with generation("many"):
        second.__enter__()
    assert (oldest("many") or 0) > (first or 0)
    second.__exit__(None, None, None)
    assert oldest("many") == 0.0


def test_one_that_fails_is_an_error_and_is_over() -> None:
    failed = counted("broken", "error")
    with pytest.raises(OSError, match="gone"), generation("broken"):
        raise OSError("gone")
    assert (failed.grown, oldest("broken")) == (1, 0.0)


async def test_a_stream_lasts_until_its_last_word() -> None:
    @generation("words")
    async def words() -> AsyncIterator[str]:
        yield "one"
        yield "two"

    done = counted("words")
    seen = [(word, done.grown) async for word in words()]
    assert seen == [("one", 0), ("two", 0)]
    assert done.grown == 1
