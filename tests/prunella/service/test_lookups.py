"""What is logged of what nobody took, on the loop that the services run on."""

from __future__ import annotations

import asyncio
import gc
import socket
from typing import Any

import pytest
import uvloop

from prunella.service.lookups import ignore_forgotten_lookups
from tests.servers.process import until

UNKNOWN = socket.gaierror(socket.EAI_NONAME, "Name or service not known")


def logged(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage().partition("\n")[0] for record in caplog.records]


async def forgotten(seen: list[dict[str, Any]]) -> bool:
    """Whether a lookup was let go of: a connection is given up before its name is known not to resolve."""
    connecting = asyncio.create_task(asyncio.open_connection("nowhere.invalid", 1))
    await asyncio.sleep(0)
    connecting.cancel()
    await asyncio.wait({connecting})
    gc.collect()
    return bool(seen)


async def given_up() -> None:
    loop, seen = asyncio.get_running_loop(), list[dict[str, Any]]()
    ignore_forgotten_lookups(loop)
    ours = loop.get_exception_handler()
    assert ours is not None

    def hear(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        ours(loop, context)
        seen.append(context)

    loop.set_exception_handler(hear)
    await until(lambda: forgotten(seen), "a forgotten lookup")
    assert {type(context["exception"]) for context in seen} == {socket.gaierror}


def test_a_lookup_that_is_given_up_and_fails_later_is_no_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(given_up())
    assert logged(caplog) == []


async def fail(error: Exception) -> None:
    raise error


async def test_what_a_future_failed_of_is_logged_as_ever(caplog: pytest.LogCaptureFixture) -> None:
    loop = asyncio.get_running_loop()
    ignore_forgotten_lookups(loop)
    loop.create_future().set_exception(ConnectionResetError())
    gc.collect()
    assert logged(caplog) == ["Future exception was never retrieved"]


async def test_a_task_of_ours_that_ends_by_a_name_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ignore_forgotten_lookups(asyncio.get_running_loop())
    task = asyncio.create_task(fail(UNKNOWN))
    await asyncio.wait({task})
    del task
    gc.collect()
    assert logged(caplog) == ["Task exception was never retrieved"]
