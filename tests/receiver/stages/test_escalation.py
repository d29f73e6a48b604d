"""Who is called when, over the whole path: until somebody acknowledges, in turns, and by severity."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from receiver.channels.base import ChannelError
from receiver.decide.incident import State
from receiver.decide.rotation import Override, Shift
from receiver.stages import command
from receiver.stages.upkeep import Upkeep
from tests.receiver.rig import CONFIG, Rig, firing, resolved, rig
from tests.receiver.stages.listening import Heard, listening, send

BOOK: dict[str, Any] = CONFIG["playbooks"][0]
PEOPLE = ("ops", "lead", "manager", "cto", "anna", "ben")
# level 0, 15, 30, 60 and 120 minutes, as the operators' documents have it
LADDER = [
    {"after": f"{minutes}m", "notify": [name]}
    for minutes, name in ((0, "ops"), (15, "lead"), (60, "manager"), (120, "cto"))
]
LOGS = {name: {"kind": "log"} for name in PEOPLE}
WEEK = {"members": ["anna", "ben"], "start": "2026-09-21", "every": "1w"}  # anna has the first turn


@asynccontextmanager
async def called(
    escalate: Any = "oncall", **config: Any
) -> AsyncIterator[tuple[Rig, dict[str, Heard]]]:
    """An incident for a human, and everybody who might be called for it; nobody is told of everything."""
    books = [{**BOOK, "notify": [], "escalate": escalate}]
    config = {"escalation": {"oncall": LADDER}, "playbooks": books, "channels": LOGS, **config}
    async with rig(**config) as made:
        heard = {name: listening(made, name) for name in PEOPLE}
        await made.deliver(firing("unheard-of"))
        await made.settle()
        yield made, heard


async def times(made: Rig, heard: dict[str, Heard], minutes: int) -> list[tuple[int, str]]:
    """Who was called in how many minutes, over so many."""
    begun = made.clock.at
    for _ in range(minutes * 2):
        await made.wait(30, step=30)
        await send(made, *PEOPLE)
    calls = [(int((at - begun) // 60), name) for name, one in heard.items() for at in one.times]
    return sorted(calls)


async def test_one_after_the_other_is_called_at_the_documents_times() -> None:
    async with called() as (made, heard):
        assert await times(made, heard, 130) == [
            (0, "ops"),
            (15, "lead"),
            (60, "manager"),
            (120, "cto"),
        ]


async def test_the_last_step_is_repeated_until_somebody_acknowledges() -> None:
    policy = {"steps": LADDER[:2], "repeat": "30m"}
    async with called(escalation={"oncall": policy}) as (made, heard):
        assert await times(made, heard, 80) == [
            (0, "ops"),
            (15, "lead"),
            (45, "lead"),
            (75, "lead"),
        ]
        await command.acknowledge((await made.incident()).id, "ann", made.context)
        await times(made, heard, 60)
        assert heard["lead"].events == ["escalated"] * 3 + ["acknowledged"]


async def test_after_an_outage_of_ours_one_repeat_is_made_and_not_ten() -> None:
    policy = {"steps": [{"after": "0m", "notify": ["ops"]}], "repeat": "10m"}
    async with called(escalation={"oncall": policy}) as (made, heard):
        made.clock.at += 6000
        await made.settle()
        await send(made, *PEOPLE)
        assert heard["ops"].events == ["escalated"] * 2


async def test_of_calls_that_could_not_be_sent_only_the_newest_is() -> None:
    policy = {"steps": LADDER[:2], "repeat": "30m"}
    async with called(escalation={"oncall": policy}) as (made, heard):
        heard["lead"].fails = ChannelError("connection refused")
        await times(made, heard, 130)
        heard["lead"].fails = None
        await times(made, heard, 2)
        assert [one.text for one in heard["lead"].notices] == [
            "Nobody has acknowledged for 6300 s."
        ]


async def test_calls_that_could_not_be_sent_are_not_made_once_somebody_has_it() -> None:
    async with called() as (made, heard):
        heard["lead"].fails = ChannelError("connection refused")
        await times(made, heard, 30)
        await command.acknowledge((await made.incident()).id, "ann", made.context)
        heard["lead"].fails = None
        await times(made, heard, 3)
        assert "escalated" not in heard["lead"].events


async def test_a_call_that_newer_ones_replace_reaches_the_fallback_in_time() -> None:
    policy = {"steps": [{"after": "0m", "notify": ["ops"]}], "repeat": "5m"}
    async with called(escalation={"oncall": policy}) as (made, heard):
        await send(made, "ops")
        heard["ops"] = listening(made, "ops", fallback="cto")
        heard["ops"].fails = ChannelError("connection refused")
        await times(made, heard, 30)
        assert "escalated" in heard["cto"].events


async def test_the_end_of_the_alert_ends_the_calls() -> None:
    async with called() as (made, heard):
        await made.deliver(resolved("unheard-of"))
        assert await times(made, heard, 70) == [(0, "ops"), (0, "ops")]
        assert heard["ops"].events == ["escalated", "resolved"]


async def test_who_acknowledged_while_the_repair_went_on_is_not_passed_over() -> None:
    async with rig(
        escalation={"oncall": LADDER},
        playbooks=[{**BOOK, "escalate": "oncall"}],
        channels=LOGS,
    ) as made:
        heard = {name: listening(made, name, events=["escalated"]) for name in PEOPLE}
        made.http.status = 500
        await made.deliver(firing())
        await made.wait(2)
        await command.acknowledge((await made.incident()).id, "ann", made.context)
        await made.wait(60)
        assert (await made.incident()).state is State.ESCALATED
        for one in heard.values():
            one.times.clear()
        assert {name for _, name in await times(made, heard, 130)} <= set(PEOPLE)
        assert heard["cto"].events == ["escalated"]  # told with all others, and not called again


async def test_each_severity_can_have_a_policy_of_its_own() -> None:
    escalation = {"oncall": LADDER, "office": [{"after": "0m", "notify": ["manager"]}]}
    by_severity = {"critical": "oncall", "warning": "office"}
    async with called(by_severity, escalation=escalation) as (made, heard):
        await made.deliver(firing("other", labels={"severity": "warning"}))
        await made.settle()
        await send(made, *PEOPLE)
        assert (heard["ops"].events, heard["manager"].events) == (["escalated"], ["escalated"])


async def test_a_storm_of_small_alerts_calls_whom_a_critical_one_would() -> None:
    storm = {"storm": "5/5m", "per_target": "99/1h", "global": "99/1h"}
    async with called({"critical": "oncall"}, limits=storm) as (made, heard):
        labels = {"severity": "info"}
        await made.deliver(*(firing(f"other{n}", labels=labels) for n in range(5)))
        await send(made, *PEOPLE)
        assert "frozen" in heard["ops"].events


async def test_whose_turn_it_is_is_called_and_hears_the_end_though_the_turn_is_over() -> None:
    escalation = {"oncall": [{"after": "0m", "notify": ["primary"]}]}
    async with called(escalation=escalation, rotations={"primary": WEEK}) as (made, heard):
        await send(made, *PEOPLE)
        assert (heard["anna"].events, heard["ben"].events) == (["escalated"], [])
        made.clock.at += 7 * 86400
        await made.deliver(resolved("unheard-of"))
        await made.settle()
        await send(made, *PEOPLE)
        assert (heard["anna"].events, heard["ben"].events) == (["escalated", "resolved"], [])


async def test_of_two_shifts_of_a_calendar_at_once_both_are_called() -> None:
    ical = {"url": "https://calendar.example/oncall.ics", "fallback": "lead"}
    turns = {"primary": {"members": ["anna", "ben", "lead"], "ical": ical}}
    escalation = {"oncall": [{"after": "5m", "notify": ["primary"]}]}
    async with called(escalation=escalation, rotations=turns) as (made, heard):
        now = made.context.now()
        made.context.oncall.shifts["primary"] = tuple(
            Shift(now, now + 3600, (name,)) for name in ("Anna", "ben")
        )
        assert await times(made, heard, 10) == [(5, "anna"), (5, "ben")]


async def test_a_playbook_can_tell_whose_turn_it_is() -> None:
    books = [{**BOOK, "notify": ["primary"]}]
    async with rig(playbooks=books, channels=LOGS, rotations={"primary": WEEK}) as made:
        anna = listening(made, "anna")
        await made.deliver(firing())
        await made.settle()
        await send(made, "anna")
        assert anna.events == ["opened", "acted"]


async def test_who_stands_in_is_called_also_by_a_receiver_that_is_started_later(
    tmp_path: Path,
) -> None:
    file = tmp_path / "journal.db"
    async with rig(file=file, rotations={"primary": WEEK}, channels=LOGS) as made:
        now = made.context.now()
        override = Override("ben", now + 3600, "ann")
        await made.context.oncall.stand_in(made.journal, "primary", override, now)
        assert [row["member"] for row in await made.events("oncall")] == ["ben"]
    escalation = {"oncall": [{"after": "0m", "notify": ["primary"]}]}
    books = [{**BOOK, "notify": [], "escalate": "oncall"}]
    async with rig(
        file=file,
        rotations={"primary": WEEK},
        channels=LOGS,
        escalation=escalation,
        playbooks=books,
    ) as made:
        await Upkeep(made.context).once()
        ben = listening(made, "ben")
        await made.deliver(firing("unheard-of"))
        await made.settle()
        await send(made, "ben")
        assert ben.events == ["escalated"]
