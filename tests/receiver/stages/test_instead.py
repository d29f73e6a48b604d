"""What a fallback opened is acknowledged and closed there, also when the first channel is well again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from pydantic import SecretStr

from receiver.channels.base import Channel, ChannelError
from receiver.channels.github import GitHub
from receiver.channels.pagerduty import PagerDuty
from receiver.outside.http import open_http
from receiver.stages import command
from receiver.stages.sender import Sender
from tests.receiver.rig import Rig, firing, resolved, rig
from tests.receiver.stages.listening import Heard, listening, pass_time, send
from tests.servers.github import REPOSITORY, TOKEN, github_stand_in
from tests.servers.pagerduty import KEY as PAGERDUTY_KEY
from tests.servers.pagerduty import pagerduty_stand_in

DOWN = ChannelError("connection refused")
BOTH = ("ops", "backup")


@asynccontextmanager
async def told(**keys: Any) -> AsyncIterator[tuple[Rig, Heard, Heard]]:
    """Nothing is repaired and everybody is told; `backup` stands in for `ops` and wants nothing of its own."""
    async with rig(mode="shadow") as made:
        ops = listening(made, fallback="backup")
        yield made, ops, listening(made, "backup", **{"events": ["test"], **keys})


async def open_while_down(made: Rig, ops: Heard, error: ChannelError = DOWN) -> None:
    ops.fails = error
    await made.deliver(firing())
    await made.wait(5)
    await pass_time(made, 960, *BOTH, step=10)


async def end_it(made: Rig, ops: Heard) -> None:
    """By a service that is well again."""
    ops.fails = None
    await command.acknowledge(1, "ann", made.context)
    await send(made, *BOTH)
    await made.deliver(resolved())
    await made.wait(30)
    await send(made, *BOTH)


async def test_what_the_fallback_opened_it_hears_the_end_of() -> None:
    async with told() as (made, ops, backup):
        await open_while_down(made, ops)
        await end_it(made, ops)
        assert backup.events[-2:] == ["acknowledged", "resolved"]
        assert backup.notices[-1].ended
        assert ops.events == ["acknowledged", "resolved"]


async def test_it_hears_each_end_once_while_the_first_channel_stays_down() -> None:
    async with told() as (made, ops, backup):
        await open_while_down(made, ops)
        await made.deliver(resolved())
        await made.wait(30)
        await pass_time(made, 3600, *BOTH, step=30)
        assert backup.events.count("resolved") == 1
        assert await made.journal.backlog() == {}


async def test_the_first_channel_is_well_again_between_the_beginning_and_the_end() -> None:
    async with told() as (made, ops, backup):
        ops.fails = DOWN
        await made.deliver(firing())
        await made.wait(5)
        await pass_time(made, 300, *BOTH, step=10)
        await made.deliver(resolved())
        await made.wait(30)
        ops.says, ops.fails = [ChannelError("answered with 404", permanent=True)], None
        await pass_time(made, 120, *BOTH, step=10)
        assert (backup.events[0], backup.events[-1]) == ("opened", "resolved")
        assert ops.events[-1] == "resolved"


async def test_who_stood_in_for_nobody_hears_of_no_end() -> None:
    async with told() as (made, ops, backup):
        await made.deliver(firing())
        await made.wait(5)
        await made.deliver(resolved())
        await made.wait(30)
        await send(made, *BOTH)
        assert ops.events[-1] == "resolved"
        assert backup.events == []


async def test_an_end_goes_to_no_fallback_of_the_fallback() -> None:
    async with told(fallback="last") as (made, ops, backup):
        last = listening(made, "last", events=["test"])
        await open_while_down(made, ops)
        backup.fails = ChannelError("answered with 404", permanent=True)
        await made.deliver(resolved())
        await made.wait(30)
        await pass_time(made, 1200, "ops", "backup", "last", step=10)
        assert last.events == []


@asynccontextmanager
async def standing_in(channel: Channel) -> AsyncIterator[tuple[Rig, Heard]]:
    """A real channel over real HTTP, in the stead of one that is down."""
    async with rig(mode="shadow") as made, open_http() as http:
        ops = listening(made, fallback="backup")
        channels = {**made.settings.channels, "backup": channel}
        made.settings = made.settings.model_copy(update={"channels": channels})
        tools = replace(made.context.tools, http=http)
        made.senders["backup"] = Sender(replace(made.context, tools=tools), "backup")
        await open_while_down(made, ops)
        yield made, ops


async def test_the_alert_at_pagerduty_is_acknowledged_and_resolved() -> None:
    async with pagerduty_stand_in() as service:
        key = SecretStr(PAGERDUTY_KEY)
        channel = PagerDuty(integration_key=key, api_url=service.url, events=("test",))
        async with standing_in(channel) as (made, ops):
            (alert,) = service.alerts
            assert alert.status == "triggered"
            await end_it(made, ops)
        actions = [event["event_action"] for event in alert.log]
        assert actions[-2:] == ["acknowledge", "resolve"]
        assert [one.status for one in service.alerts] == ["resolved"]


async def test_the_issue_at_github_is_closed() -> None:
    async with github_stand_in() as service:
        channel = GitHub(
            repository=REPOSITORY,
            token=SecretStr(TOKEN),
            api_url=service.url,
            events=("test",),
        )
        async with standing_in(channel) as (made, ops):
            assert [one.state for one in service.issues] == ["open"]
            await end_it(made, ops)
        assert [one.state for one in service.issues] == ["closed"]
