from __future__ import annotations

import asyncio

import pytest

from receiver.actions.at_store import in_time
from receiver.actions.base import ActionFailed, ActionTimedOut
from receiver.stores.base import StoreError
from tests.receiver.actions.effects import an_effect


async def gives(value: int) -> int:
    return value


async def fails(error: Exception) -> int:
    raise error


async def test_what_the_work_gives_is_handed_on() -> None:
    assert await in_time(an_effect(), gives(3)) == 3


@pytest.mark.parametrize(("started", "unknown"), [(False, False), (True, False), (True, True)])
async def test_a_stores_error_is_an_actions_error(started: bool, unknown: bool) -> None:
    with pytest.raises(ActionFailed, match="the cure") as caught:
        await in_time(an_effect(), fails(StoreError("the cure", started=started, unknown=unknown)))
    assert (caught.value.started, caught.value.unknown) == (started, unknown)


async def test_work_without_an_end_is_given_up() -> None:
    with pytest.raises(ActionTimedOut, match=r"no end within 0\.01 s"):
        await in_time(an_effect(timeout=0.01), asyncio.Event().wait())
