"""A journal that can be read and not written: what a full disk makes of it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import Any, cast

import pytest

from prunella.metrics import REGISTRY
from receiver.journal import Event, Journal, JournalUnavailable, Posting
from receiver.pipeline import Pipeline
from receiver.stages.context import Context
from receiver.stages.intake import intake
from receiver.stages.sender import Sender
from receiver.tools import OutsideError
from tests.receiver.rig import Rig, firing, rig
from tests.servers.process import until

FULL = JournalUnavailable("the journal cannot be written: database or disk is full")


@dataclass
class FullDisk:
    """Reads as the journal in it does; of the writes those that these tests meet fail."""

    inner: Journal
    full: bool = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    async def _refuse(self) -> None:
        await asyncio.sleep(0)
        if self.full:
            raise FULL

    async def remember(self, key: str, value: str) -> None:
        await self._refuse()
        await self.inner.remember(key, value)

    async def posted(self, posting: Posting, event: Event, now: float, thread: str = "") -> None:
        await self._refuse()
        await self.inner.posted(posting, event, now, thread)

    async def postpone(self, posting: Posting, due: float, error: str) -> None:
        await self._refuse()
        await self.inner.postpone(posting, due, error)

    async def ingest(self, *_: object) -> None:
        await self._refuse()


def on_full_disk(made: Rig) -> tuple[Context, FullDisk]:
    disk = FullDisk(made.journal)
    return replace(made.context, journal=cast("Journal", disk)), disk


async def test_a_refused_delivery_makes_the_receiver_unready() -> None:
    async with rig() as made:
        context, _ = on_full_disk(made)
        with pytest.raises(JournalUnavailable):
            await intake(b'{"alerts": [%b]}' % _alert(), "alertmanager", context)
        assert Pipeline(context, "test").trouble == str(FULL)
        assert REGISTRY.get_sample_value("prunella_journal_up") == 0


async def test_that_it_can_be_read_does_not_make_it_ready_again() -> None:
    async with rig() as made:
        context, disk = on_full_disk(made)
        pipeline = Pipeline(context, "test")
        context.health.failed(FULL)
        reading = asyncio.create_task(pipeline.measure())
        try:
            began = made.clock.at
            await until(lambda: made.clock.at > began + 20, "it has looked many times")
            assert pipeline.trouble == str(FULL)
            disk.full = False
            await until(lambda: pipeline.trouble is None, "it is written again")
        finally:
            reading.cancel()
    assert REGISTRY.get_sample_value("prunella_journal_up") == 1


async def test_i8_a_message_that_was_taken_is_not_sent_again_while_nobody_can_write_that_down() -> (
    None
):
    async with rig() as made:
        await made.deliver(firing())
        await made.settle()
        context, disk = on_full_disk(made)
        sender = Sender(context, "ops")
        for _ in range(5):
            with pytest.raises(JournalUnavailable):
                await sender.deliver_due()
        disk.full = False
        while await sender.deliver_due():
            pass
        assert [body["event"] for body in await made.told()] == ["opened", "acted"]
        assert len(await made.events("notified")) == 2


async def test_a_channel_that_is_down_is_not_asked_every_second_while_the_disk_is_full() -> None:
    async with rig() as made:
        await made.deliver(firing())
        await made.settle()
        made.http.error = OutsideError("connection refused", sent=False)
        context, _ = on_full_disk(made)
        sender = Sender(context, "ops")
        with pytest.raises(JournalUnavailable):
            await sender.deliver_due()
        asked = len(made.http.asked)
        assert await sender.deliver_due() == 0
        assert len(made.http.asked) == asked


def _alert() -> bytes:
    return b'{"status": "firing", "labels": {"a": "b"}, "startsAt": "2026-09-21T00:00:00Z"}'
