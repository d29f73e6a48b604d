"""The blocks of docs/kit.md on metrics, timers, pools and health run, and do what stands beside them."""

from __future__ import annotations

import asyncio
import gc
from contextlib import suppress

import pytest

from prunella.metrics import REGISTRY
from prunella.runtime import _on_collection
from tests.prunella.test_kit_document import blocks, run


def value(sample: str, /, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(sample, labels)


async def test_the_blocks_on_metrics_run() -> None:
    made, bounded, pages = blocks("Metrics")
    await run(made)
    assert value("orders_total", state="paid") == 1.0
    assert value("payment_seconds_bucket", provider="stripe", le="0.5") == 1.0
    await run(bounded)
    assert value("searches_total", language="de") == 1.0
    space = await run(pages)
    assert b"baskets_open 12.0" in space["body"]


async def test_the_blocks_on_timers_run() -> None:
    for block in blocks("Timers"):
        await run(block)
    assert value("app_operation_seconds_count", kind="db", name="load_cart", outcome="ok") == 1.0
    assert value("app_operation_seconds_count", kind="external", name="send_mail", outcome="ok")
    assert value("ai_generation_seconds_count", model="gpt-x", outcome="ok") == 1.0


async def test_the_block_on_pools_runs() -> None:
    space = await run(blocks("Pools")[0])
    space["engine"].dispose()
    assert value("db_pool_acquire_seconds_count", pool="orders") == 1.0


async def test_the_block_on_the_interpreter_runs() -> None:
    space = await run(blocks("The interpreter")[0])
    assert _on_collection in gc.callbacks
    gc.callbacks.remove(_on_collection)
    space["watching"].cancel()
    with suppress(asyncio.CancelledError):
        await space["watching"]


async def test_the_block_on_health_runs(caplog: pytest.LogCaptureFixture) -> None:
    space = await run(blocks("Health")[0])
    assert (space["status"], space["body"]["checks"]["shopify"]["status"]) == (200, "up")
    assert not caplog.records
