"""A message has its picture, or goes without it at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import pytest

from receiver.stages.illustrations import Illustrations
from receiver.tools import OutsideError
from tests.receiver.rig import CONFIG, Rig, firing, rig
from tests.receiver.stages.listening import Heard, Listening, send

PNG = b"\x89PNG\r\n\x1a\n-drawn"
CHECK = {"promql": {"query": "errors", "op": "<", "value": 0.5}}
BOOK: dict[str, Any] = CONFIG["playbooks"][0]
BOOKS = [{**BOOK, "verify": {**BOOK["verify"], "checks": [{"http": {"path": "/health"}}, CHECK]}}]


@dataclass
class ToldPictures:
    """Draws what it was told to, or fails, or hangs."""

    png: bytes = PNG
    error: OutsideError | None = None
    hangs: bool = False
    asked: list[Mapping[str, Any]] = field(default_factory=list)

    async def draw(self, document: Mapping[str, object]) -> bytes:
        self.asked.append(document)
        if self.hangs:
            await asyncio.Event().wait()
        if self.error is not None:
            raise self.error
        return self.png


class Showing(Listening):
    """A channel in memory that shows pictures."""

    shows_pictures: ClassVar[bool] = True


@asynccontextmanager
async def told(
    pictures: ToldPictures | None, **keys: Any
) -> AsyncIterator[tuple[Rig, Heard, Heard]]:
    """Two channels that show pictures, and one incident that has just opened."""
    async with rig(playbooks=BOOKS) as made:
        tools = replace(made.context.tools, pictures=pictures)
        made.context = replace(
            made.context, tools=tools, illustrations=Illustrations(keys.pop("budget", 10.0))
        )
        made.prometheus.history = (((made.clock.now() - 60, 0.1), (made.clock.now(), 0.9)),)
        both = {name: Showing.model_validate(keys) for name in ("ops", "dev")}
        made.settings = made.settings.model_copy(update={"channels": both})
        await made.deliver(firing())
        await made.settle()
        yield made, both["ops"]._heard, both["dev"]._heard


async def test_a_new_incident_is_told_with_its_picture() -> None:
    pictures = ToldPictures()
    async with told(pictures) as (made, ops, _):
        await send(made)
        assert [one.picture for one in ops.notices if one.event == "opened"] == [PNG]
        assert (pictures.asked[0]["query"], pictures.asked[0]["value"]) == ("errors", 0.5)


async def test_all_channels_show_the_same_picture() -> None:
    pictures = ToldPictures()
    async with told(pictures) as (made, ops, dev):
        await send(made, "ops", "dev")
        assert ops.notices[0].picture == dev.notices[0].picture == PNG
        assert [one["event"] for one in pictures.asked] == ["opened"]


async def test_a_letter_that_is_sent_again_has_the_picture_it_had() -> None:
    pictures = ToldPictures()
    async with told(pictures) as (made, ops, _):
        ops.says.append(OSError("down"))
        await send(made)
        made.clock.at += 60
        await send(made)
        assert ops.notices[0].picture == PNG
        assert len(pictures.asked) == 1


async def test_a_channel_may_ask_for_none() -> None:
    pictures = ToldPictures()
    async with told(pictures, picture=False) as (made, ops, _):
        await send(made)
        assert ops.notices[0].picture is None
        assert pictures.asked == []


@pytest.mark.parametrize(
    "pictures",
    [
        None,
        ToldPictures(error=OutsideError("no ink")),
        ToldPictures(png=b"<html>"),
        ToldPictures(png=PNG + b"." * 60_000),
        ToldPictures(hangs=True),
    ],
    ids=["nothing installed", "fails", "no PNG", "too large", "hangs"],
)
async def test_whatever_goes_wrong_the_message_goes(pictures: ToldPictures | None) -> None:
    async with told(pictures, budget=0.05) as (made, ops, dev):
        await send(made, "ops", "dev")
        assert ops.events == dev.events
        assert [one.picture for one in (*ops.notices, *dev.notices)] == [None] * 2 * len(ops.events)
        assert pictures is None or len(pictures.asked) == 1


async def test_without_data_there_is_no_picture() -> None:
    pictures = ToldPictures()
    async with told(pictures) as (made, ops, _):
        made.prometheus.history = ()
        await send(made)
        assert ops.notices[0].picture is None
        assert pictures.asked == []


async def test_a_prometheus_that_fails_is_not_asked_for_every_message() -> None:
    async with told(ToldPictures()) as (made, _, __):
        made.prometheus.error = OutsideError("timeout")
        await made.deliver(firing("cache"))
        await made.settle()
        await send(made, "ops", "dev")
        assert len(made.prometheus.drawn) == 1
