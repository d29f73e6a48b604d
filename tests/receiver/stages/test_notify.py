from __future__ import annotations

from typing import Any

from receiver.decide.incident import State
from receiver.stages import command
from receiver.tools import OutsideError
from tests.receiver.rig import CONFIG, firing, resolved, rig

BOOK = CONFIG["playbooks"][0]
PAGER = {"kind": "webhook", "url": "http://127.0.0.1:3/hook"}
OPS = CONFIG["channels"]["ops"]


async def test_a_heal_is_told_in_order_with_the_contracts_fields() -> None:
    async with rig() as made:
        await made.deliver(firing())
        await made.wait(5)
        await made.deliver(resolved())
        await made.wait(3)
        told = await made.told()
        assert [body["event"] for body in told] == ["opened", "acted", "healed", "resolved"]
        expected = {"event", "incident", "episode", "step", "severity", "title", "text", "links"}
        assert expected | {"at", "dedup_key"} <= set(told[0])


async def test_i8_a_channel_that_is_down_gets_everything_later_in_order() -> None:
    async with rig() as made:
        made.http.error = OutsideError("connection refused", sent=False)
        await made.deliver(firing())
        await made.settle()
        await made.told()
        made.http.error = None
        made.http.asked.clear()
        made.clock.at += 3600
        assert [body["event"] for body in await made.told()] == ["opened", "acted"]


async def test_i8_what_did_not_hold_and_was_healed_by_the_next_rung_is_told_as_healed_again() -> (
    None
):
    verify = {**BOOK["verify"], "hold": "30s"}
    async with rig(playbooks=[{**BOOK, "verify": verify}]) as made:
        await made.deliver(firing())
        await made.wait(5)
        made.http.status = 500
        await made.wait(3)
        made.http.status = 200
        await made.wait(10)
        told = [body["event"] for body in await made.told()]
        assert told == ["opened", "acted", "healed", "ineffective", "acted", "healed"]


async def test_i8_every_rung_asks_for_its_own_approval_once() -> None:
    async with rig(mode="approve") as made:
        await made.deliver(firing())
        await made.settle()
        await command.approve((await made.incident()).id, "ann", made.context)
        made.http.status = 500
        await made.wait(20)
        made.http.status = 200
        assert (await made.incident()).state is State.AWAITING_APPROVAL
        asked = [body for body in await made.told() if body["event"] == "approval_requested"]
        assert [body["step"] for body in asked] == ["first", "second"]


async def test_i8_the_dedup_key_of_a_letter_never_changes() -> None:
    async with rig() as made:
        made.http.status = 503
        await made.deliver(firing())
        await made.settle()
        await made.told()
        made.clock.at += 120
        told = await made.told()
        assert len(told) >= 2
        assert len({body["dedup_key"] for body in told}) == 1


async def test_every_delivered_letter_is_in_the_journal() -> None:
    async with rig() as made:
        await made.deliver(firing())
        await made.settle()
        told = await made.told()
        rows = await made.events("notified")
        assert [row["dedup"] for row in rows] == [body["dedup_key"] for body in told]


async def test_a_letter_that_can_never_be_delivered_does_not_hold_up_the_next() -> None:
    async with rig() as made:
        made.http.status = 400
        await made.deliver(firing())
        await made.settle()
        await made.told()
        assert [row["ev"] for row in await made.events("undeliverable")] == ["undeliverable"] * 2


async def test_a_channel_hears_only_what_it_asked_for() -> None:
    channels = {"ops": {**OPS, "events": ["resolved"]}}
    async with rig(channels=channels) as made:
        await made.deliver(firing())
        await made.settle()
        assert await made.told() == []


async def test_a_channel_for_grave_things_is_left_alone_by_warnings() -> None:
    channels = {"ops": {**OPS, "min_severity": "critical"}}
    async with rig(channels=channels) as made:
        await made.deliver(firing(labels={"severity": "warning"}))
        await made.settle()
        assert await made.told() == []


async def test_a_playbook_tells_only_the_channels_it_names() -> None:
    channels = {"ops": OPS, "other": PAGER}
    async with rig(channels=channels, playbooks=[{**BOOK, "notify": ["ops"]}]) as made:
        await made.deliver(firing())
        await made.settle()
        assert await made.told("other") == []
        assert len(await made.told("ops")) == 2


async def test_the_next_one_is_called_when_nobody_acknowledges() -> None:
    escalation = {
        "oncall": [{"after": "0m", "notify": ["ops"]}, {"after": "30m", "notify": ["lead"]}]
    }
    changes: dict[str, Any] = {"channels": {"ops": OPS, "lead": PAGER}, "escalation": escalation}
    books = [{**BOOK, "notify": [], "escalate": "oncall"}]
    async with rig(**changes, playbooks=books) as made:
        await made.deliver(firing("unheard-of"))
        await made.settle()
        assert [body["event"] for body in await made.told("ops")] == ["escalated"]
        made.http.asked.clear()
        await made.wait(1700, step=100)
        assert await made.told("lead") == []
        await made.wait(200, step=100)
        assert [body["event"] for body in await made.told("lead")] == ["escalated"]


async def test_an_acknowledged_incident_calls_nobody_else() -> None:
    escalation = {"oncall": [{"after": "30m", "notify": ["lead"]}]}
    changes: dict[str, Any] = {"channels": {"ops": OPS, "lead": PAGER}, "escalation": escalation}
    books = [{**BOOK, "notify": [], "escalate": "oncall"}]
    async with rig(**changes, playbooks=books) as made:
        await made.deliver(firing("unheard-of"))
        await made.settle()
        incident = await command.acknowledge((await made.incident()).id, "ann", made.context)
        assert (incident.state, incident.acknowledged_by) == (State.ACKNOWLEDGED, "ann")
        await made.wait(4000, step=200)
        assert await made.told("lead") == []


async def test_only_web_links_are_passed_on() -> None:
    async with rig() as made:
        links = {
            "runbook_url": "https://runbooks.example/x",
            "dashboard_url": "javascript:alert(1)",
        }
        await made.deliver(firing(annotations=links))
        await made.settle()
        assert (await made.told())[0]["links"] == {"Runbook": "https://runbooks.example/x"}


async def test_an_alert_without_a_runbook_of_its_own_links_ours() -> None:
    server = {"public_url": "https://prunella.example"}
    async with rig(server=server, mode="shadow") as made:
        await made.deliver(firing(labels={"alertname": "HighErrorRate"}))
        await made.settle()
        assert (await made.told())[0]["links"] == {
            "Runbook": "https://prunella.example/runbooks/HighErrorRate"
        }
