"""What the actions at a store have in common: one deadline over everything, and the store's errors in an action's words."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from receiver.actions.base import ActionFailed, ActionTimedOut, Effect
from receiver.stores.base import StoreError

T = TypeVar("T")


async def in_time(effect: Effect, work: Awaitable[T]) -> T:
    """What the work gives, within the effect's timeout. Raises ActionFailed."""
    try:
        async with asyncio.timeout(effect.timeout):
            return await work
    except TimeoutError as error:
        raise ActionTimedOut(f"no end within {effect.timeout:g} s") from error
    except StoreError as error:
        raise ActionFailed(str(error), started=error.started, unknown=error.unknown) from error
