"""Who is told of what: by severity, playbook, event, labels, environment and hour."""

from __future__ import annotations

from typing import Any

import pytest

from receiver.decide.incident import State
from receiver.stages import command
from tests.receiver.rig import CONFIG, Rig, firing, resolved, rig
from tests.receiver.stages.listening import Heard, listening, send

BOOK: dict[str, Any] = CONFIG["playbooks"][0]


async def told(made: Rig, heard: Heard, **labels: str) -> list[str]:
    """Of one alert with these labels, from its beginning to where it waits."""
    await made.deliver(firing(labels=labels))
    await made.settle()
    await send(made)
    return heard.events


@pytest.mark.parametrize(
    ("keys", "labels", "events"),
    [
        ({}, {}, ["opened", "acted"]),
        ({"min_severity": "critical"}, {"severity": "warning"}, []),
        ({"playbooks": ["errors"]}, {}, ["opened", "acted"]),
        ({"playbooks": ["manual"]}, {}, []),
        ({"events": ["acted"]}, {}, ["acted"]),
        ({"matchers": ['team="web"']}, {"team": "web"}, ["opened", "acted"]),
        ({"matchers": ['team="web"']}, {"team": "db"}, []),
        ({"environment": "development"}, {}, ["opened", "acted"]),
        ({"environment": "development"}, {"environment": "production"}, []),
        ({"environment": "production"}, {"environment": "production"}, ["opened", "acted"]),
    ],
)
async def test_a_channel_hears_what_it_asks_for(
    keys: dict[str, Any], labels: dict[str, str], events: list[str]
) -> None:
    async with rig() as made:
        assert await told(made, listening(made, **keys), **labels) == events


@pytest.mark.parametrize(
    ("environment", "labels", "hears"),
    [
        ("production", {}, False),
        ("development", {}, True),
        ("production", {"environment": "development"}, True),
    ],
)
async def test_small_news_can_be_for_development_alone(
    environment: str, labels: dict[str, str], hears: bool
) -> None:
    async with rig(environment=environment) as made:
        heard = listening(made, environment="development")
        assert bool(await told(made, heard, severity="info", **labels)) is hears


@pytest.mark.parametrize(("severity", "hears"), [("critical", True), ("warning", False)])
async def test_at_night_only_what_is_critical_rings(severity: str, hears: bool) -> None:
    async with rig() as made:
        heard = listening(made, quiet={"from": "00:00", "to": "23:59"})
        assert bool(await told(made, heard, severity=severity)) is hears


async def test_who_was_called_hears_that_it_is_taken_and_over_though_not_told_of_everything() -> (
    None
):
    escalation = {"oncall": [{"after": "0m", "notify": ["pager"]}]}
    channels = {"ops": {"kind": "log"}, "pager": {"kind": "log"}}
    books = [{**BOOK, "notify": ["ops"], "escalate": "oncall"}]
    async with rig(channels=channels, escalation=escalation, playbooks=books) as made:
        heard = listening(made, "pager")
        await made.deliver(firing("unheard-of"))
        await made.settle()
        incident = await command.acknowledge((await made.incident()).id, "ann", made.context)
        assert incident.state is State.ACKNOWLEDGED
        await made.deliver(resolved("unheard-of"))
        await made.settle()
        await send(made, "pager")
        assert heard.events == ["escalated", "acknowledged", "resolved"]


async def test_who_was_never_called_hears_of_no_end() -> None:
    escalation = {"oncall": [{"after": "30m", "notify": ["pager"]}]}
    channels = {"ops": {"kind": "log"}, "pager": {"kind": "log"}}
    books = [{**BOOK, "notify": ["ops"], "escalate": "oncall"}]
    async with rig(channels=channels, escalation=escalation, playbooks=books) as made:
        heard = listening(made, "pager")
        await made.deliver(firing())
        await made.wait(5)
        await made.deliver(resolved())
        await made.wait(3)
        await send(made, "pager")
        assert heard.events == []
