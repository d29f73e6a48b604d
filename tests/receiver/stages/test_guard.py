from __future__ import annotations

from pathlib import Path
from typing import Any

from receiver.decide.incident import State
from receiver.stages import command
from tests.receiver.rig import CONFIG, firing, resolved, rig

BOOK = CONFIG["playbooks"][0]
OTHER: dict[str, Any] = {"labels": {"instance": "b"}, "fingerprint": "fp-b"}


async def test_i16_shadow_mode_plans_and_touches_nothing() -> None:
    async with rig(playbooks=[{**BOOK, "mode": "shadow"}]) as made:
        await made.deliver(firing())
        await made.settle()
        assert (await made.incident()).state is State.SHADOW
        assert made.programs.asked == []
        assert [row["reason"] for row in await made.events("refused")] == ["shadow"]


async def test_the_ceiling_holds_over_a_playbook() -> None:
    async with rig(mode="shadow") as made:
        await made.deliver(firing())
        await made.settle()
        assert made.programs.asked == []


async def test_a_shadow_incident_closes_with_its_alert() -> None:
    async with rig(mode="shadow") as made:
        await made.deliver(firing())
        await made.settle()
        await made.deliver(resolved())
        await made.settle()
        assert (await made.incident()).state is State.RESOLVED


async def test_i10_a_stop_file_holds_everything_and_its_end_lets_it_go(tmp_path: Path) -> None:
    stop = tmp_path / "STOP"
    stop.touch()
    async with rig(stop_file=str(stop)) as made:
        await made.deliver(firing())
        await made.settle()
        assert (await made.incident()).state is State.BLOCKED
        stop.unlink()
        await made.wait(2)
        assert len(made.programs.asked) == 1


async def test_i10_a_pause_is_in_force_at_once_and_ends_when_resumed() -> None:
    async with rig() as made:
        await made.journal.pause("ops", "release", made.clock.now())
        await made.deliver(firing())
        await made.settle()
        assert made.programs.asked == []
        await made.journal.resume("ops", made.clock.now())
        await made.settle()
        assert len(made.programs.asked) == 1


async def test_i9_an_alert_that_ended_while_blocked_is_never_acted_on() -> None:
    async with rig() as made:
        await made.journal.pause("ops", "", made.clock.now())
        await made.deliver(firing())
        await made.settle()
        await made.deliver(resolved())
        await made.journal.resume("ops", made.clock.now())
        await made.settle()
        assert made.programs.asked == []
        assert (await made.incident()).state is State.RESOLVED


async def test_i9_what_was_last_heard_of_too_long_ago_waits() -> None:
    async with rig(limits={"max_age": "5m"}) as made:
        await made.journal.pause("ops", "", made.clock.now())
        await made.deliver(firing())
        await made.wait(400, step=30)
        await made.journal.resume("ops", made.clock.now())
        await made.settle()
        assert made.programs.asked == []
        assert str((await made.incident()).reason) == "stale"
        await made.deliver(firing())
        await made.wait(31)
        assert len(made.programs.asked) == 1


async def test_i12_an_alert_without_a_target_touches_nothing_and_calls_a_human() -> None:
    async with rig() as made:
        await made.deliver(firing("unheard-of"))
        await made.settle()
        assert (await made.incident()).state is State.ESCALATED
        assert [row["reason"] for row in await made.events("refused")] == ["unknown_target"]
        assert made.programs.asked == []


async def test_a_target_without_the_facet_is_refused() -> None:
    ladder = [{"action": "restart"}]
    async with rig(playbooks=[{**BOOK, "ladder": ladder}]) as made:
        await made.deliver(firing("cache"))
        await made.settle()
        assert (await made.incident()).state is State.ESCALATED
        assert made.http.asked == []


async def test_the_same_playbook_cools_down_before_it_begins_again() -> None:
    async with rig(playbooks=[{**BOOK, "cooldown": "2m"}]) as made:
        await made.deliver(firing())
        await made.wait(5)
        await made.deliver(resolved())
        await made.wait(3)
        await made.deliver(firing(startsAt="2026-09-21T00:20:00Z"))
        await made.settle()
        assert str((await made.incident()).reason) == "cooldown"
        await made.wait(125)
        assert len(made.programs.asked) == 2


async def test_i3_the_limit_freezes_the_target_and_pages_once() -> None:
    books = [{**BOOK, "cooldown": "0", "group_by": ["service", "instance"]}]
    async with rig(playbooks=books, limits={"per_target": "1/1h"}) as made:
        await made.deliver(firing())
        await made.wait(5)
        for name in ("b", "c"):
            labels = {"instance": name}
            await made.deliver(firing(labels=labels, fingerprint=f"fp-{name}"))
            await made.settle()
        assert len(made.programs.asked) == 1
        assert [row["scope"] for row in await made.events("frozen")] == ["target:shop"]
        told = [body["event"] for body in await made.told()]
        assert told.count("frozen") == 1


async def test_i3_a_frozen_target_thaws_when_the_window_has_passed() -> None:
    books = [{**BOOK, "cooldown": "0", "blocked_max": "5h", "group_by": ["service", "instance"]}]
    limits = {"per_target": "1/10m", "max_age": "1h"}
    async with rig(playbooks=books, limits=limits) as made:
        await made.deliver(firing())
        await made.wait(5)
        await made.deliver(firing(**OTHER))
        await made.wait(640, step=10)
        assert len(made.programs.asked) == 2
        assert [row["scope"] for row in await made.events("thawed")] == ["target:shop"]


async def test_a_dependency_that_is_down_is_waited_for() -> None:
    async with rig(playbooks=[{**BOOK, "blocked_by": ['alertname="PostgresDown"']}]) as made:
        down = {"alertname": "PostgresDown", "service": "db"}
        await made.deliver(firing("db", labels=down), firing())
        await made.settle()
        assert made.programs.asked == []
        await made.deliver(resolved("db", labels=down))
        await made.wait(2)
        assert len(made.programs.asked) == 1


async def test_i11_a_sick_group_has_a_common_cause_and_is_not_touched() -> None:
    names = ["a", "b", "c"]
    targets = {name: {"matchers": [f'service="{name}"']} for name in names}
    changes: dict[str, Any] = {"targets": targets, "groups": {"web": names}}
    async with rig(**changes, limits={"max_unhealthy_ratio": 0.5}) as made:
        await made.deliver(*(firing(name) for name in names))
        await made.settle()
        assert made.programs.asked == []
        assert {row["reason"] for row in await made.events("refused")} == {"common_cause"}


async def test_i11_a_common_cause_is_told_of_each_and_paged_once() -> None:
    names = ["a", "b", "c"]
    changes: dict[str, Any] = {
        "targets": {name: {"matchers": [f'service="{name}"']} for name in names},
        "groups": {"web": names},
        "playbooks": [{**BOOK, "notify": ["ops"], "escalate": "oncall"}],
        "escalation": {"oncall": [{"after": "0m", "notify": ["pager"]}]},
        "channels": {
            name: {"kind": "webhook", "url": f"http://127.0.0.1:2/{name}/hook"}
            for name in ("ops", "pager")
        },
    }
    async with rig(**changes) as made:
        await made.deliver(*(firing(name) for name in names))
        await made.settle()
        told = await made.told("ops")
        assert [one["event"] for one in told].count("escalated") == 3
        (page,) = (await made.told("pager"))[len(told) :]
        assert (page["event"], "common_cause" in page["text"]) == ("escalated", True)


async def test_blocked_for_too_long_becomes_a_humans_problem() -> None:
    async with rig(playbooks=[{**BOOK, "blocked_max": "1m"}]) as made:
        await made.journal.pause("ops", "", made.clock.now())
        await made.deliver(firing())
        await made.wait(120)
        assert str((await made.incident()).reason) == "blocked_too_long"
        assert len(await made.events("refused")) == 1


async def test_without_a_playbook_people_are_told_and_the_refusal_is_recorded() -> None:
    async with rig() as made:
        await made.deliver(firing(labels={"alertname": "SomethingElse"}))
        await made.settle()
        assert [row["reason"] for row in await made.events("refused")] == ["no_playbook"]
        assert [body["event"] for body in await made.told()] == ["opened"]


async def test_an_approval_is_asked_for_and_given() -> None:
    async with rig(mode="approve") as made:
        await made.deliver(firing())
        await made.settle()
        incident = await made.incident()
        assert incident.state is State.AWAITING_APPROVAL
        await command.approve(incident.id, "ann", made.context)
        await made.settle()
        assert len(made.programs.asked) == 1


async def test_a_denied_action_is_not_done() -> None:
    async with rig(mode="approve") as made:
        await made.deliver(firing())
        await made.settle()
        await command.deny((await made.incident()).id, "ann", made.context)
        await made.settle()
        assert (await made.incident()).state is State.ESCALATED
        assert made.programs.asked == []


async def test_an_approval_covers_one_rung_and_not_the_next() -> None:
    async with rig(mode="approve") as made:
        made.http.status = 500
        await made.deliver(firing())
        await made.settle()
        await command.approve((await made.incident()).id, "ann", made.context)
        await made.wait(14)
        assert (await made.incident()).state is State.AWAITING_APPROVAL
        assert len(made.programs.asked) == 1


async def test_an_unanswered_question_becomes_a_humans_problem() -> None:
    async with rig(mode="approve", playbooks=[{**BOOK, "approval_expires": "1m"}]) as made:
        await made.deliver(firing())
        await made.wait(62)
        assert str((await made.incident()).reason) == "approval_expired"


async def test_a_stricter_rung_asks_although_the_playbook_may_act() -> None:
    ladder = [{**BOOK["ladder"][0], "mode": "approve"}]
    async with rig(playbooks=[{**BOOK, "ladder": ladder}]) as made:
        await made.deliver(firing())
        await made.settle()
        assert (await made.incident()).state is State.AWAITING_APPROVAL


async def test_i2_two_incidents_on_one_target_never_act_at_once() -> None:
    books = [{**BOOK, "cooldown": "0", "group_by": ["service", "instance"]}]
    limits = {"disruptive_at_once": 5}
    async with rig(playbooks=books, limits=limits) as made:
        await made.deliver(firing(), firing(**OTHER))
        await made.settle()
        intents = await made.events()
        order = [row["ev"] for row in intents if row["ev"] in ("intent", "outcome")]
        assert order in (["intent", "outcome"], ["intent", "outcome", "intent", "outcome"])


RESTART = {"name": "restart", "action": "restart"}
AFTERWARDS = BOOK["ladder"][0]


async def test_a_rung_for_what_the_target_has_not_is_a_humans_to_mend() -> None:
    async with rig(playbooks=[{**BOOK, "ladder": [RESTART, AFTERWARDS]}]) as made:
        await made.deliver(firing())
        await made.settle()
        incident = await made.incident()
        assert (incident.state, str(incident.reason)) == (State.ESCALATED, "facet_missing")
        assert made.programs.asked == []
        why = "restart on shop: needs `process:`, which the target shop does not have"
        (row,) = await made.events("escalated")
        assert row["detail"] == why
        assert any(why in one["text"] for one in await made.told())


async def test_an_optional_rung_is_passed_by_where_the_target_has_not_what_it_needs() -> None:
    ladder = [{**RESTART, "optional": True}, AFTERWARDS]
    async with rig(playbooks=[{**BOOK, "ladder": ladder}]) as made:
        await made.deliver(firing())
        await made.settle()
        assert (await made.incident()).state is State.VERIFYING
        assert made.programs.asked == [("/bin/true", "first")]


async def test_an_optional_rung_acts_on_those_of_its_targets_that_have_what_it_needs() -> None:
    targets = {"bare": {"matchers": ['service="shop"']}, "shop": CONFIG["targets"]["shop"]}
    ladder = [{"name": "call", "action": "call", "path": "/gc", "optional": True}, AFTERWARDS]
    async with rig(playbooks=[{**BOOK, "ladder": ladder}], targets=targets) as made:
        await made.deliver(firing())
        await made.settle()
        assert [row["target"] for row in await made.events("intent")] == ["shop"]


async def test_when_every_rung_is_passed_by_a_human_is_called() -> None:
    ladder = [{**RESTART, "optional": True}]
    async with rig(playbooks=[{**BOOK, "ladder": ladder}]) as made:
        await made.deliver(firing())
        await made.settle()
        incident = await made.incident()
        assert (incident.state, str(incident.reason)) == (State.ESCALATED, "rungs_exhausted")
