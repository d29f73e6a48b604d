"""What people look at: the newest first, and no more than is shown; on every engine."""

from __future__ import annotations

from typing import Any

import pytest

from receiver.decide.incident import State
from receiver.decide.reason import Reason
from receiver.decide.values import changed
from receiver.journal import Event, Journal, Move
from receiver.journal.views import Recent, Standing
from tests.receiver.builders import NOW, a_seen, an_alert
from tests.receiver.journal.doing import at_the_gate


async def test_what_is_open_is_seen_the_newest_first(journal: Journal) -> None:
    numbers = [(await at_the_gate(journal, name)).incident.id for name in ("f1", "f2", "f3")]
    seen = await journal.open_incidents(2)
    assert [one.id for one in seen] == numbers[:0:-1]
    assert seen[0] == await journal.incident(numbers[-1])


async def test_what_is_over_is_not_open(journal: Journal) -> None:
    claim = await at_the_gate(journal, "f1")
    await journal.move(claim, Move(claim.incident.moved(State.RESOLVED, Reason.RESOLVED, NOW)), NOW)
    assert await journal.open_incidents(10) == ()


async def ended(journal: Journal, name: str, at: float, end: State = State.RESOLVED) -> None:
    claim = await at_the_gate(journal, name)
    await journal.move(claim, Move(claim.incident.moved(end, Reason.EXPIRED, at)), NOW)


async def taken(journal: Journal, number: int) -> None:
    """Somebody has it."""
    await journal.command(number, lambda one: Move(changed(one, acknowledged_by="ann")), NOW)


async def found(journal: Journal, **asked: Any) -> list[int]:
    return [one.id for one in await journal.recent(Recent(NOW + 10, **asked))]


@pytest.mark.parametrize("end", [State.RESOLVED, State.EXPIRED])
async def test_what_is_over_is_seen_by_when_and_not_by_how_it_ended(
    journal: Journal, end: State
) -> None:
    for name, at in (("f1", NOW + 10), ("f2", NOW + 30), ("f3", NOW + 20)):
        await ended(journal, name, at, end)
    seen = await journal.recent(Recent(NOW + 10))
    assert [(one.resolved_at, one.state) for one in seen] == [(NOW + 20, end), (NOW + 30, end)]


async def test_open_ones_and_those_that_are_over_are_seen_a_page_at_a_time(
    journal: Journal,
) -> None:
    await at_the_gate(journal, "f1")
    await ended(journal, "f2", NOW + 20)
    await at_the_gate(journal, "f3")
    assert await found(journal, limit=2) == [3, 2]
    assert await found(journal, limit=2, before=2) == [1]
    assert await found(journal, before=1) == []


async def test_those_that_wait_for_somebody_can_be_left_out(journal: Journal) -> None:
    await at_the_gate(journal, "f1")
    await at_the_gate(journal, "f2")
    await ended(journal, "f3", NOW + 20)  # which nobody had
    await taken(journal, 1)
    assert await found(journal, taken=True) == [3, 1]
    assert await found(journal) == [3, 2, 1]


async def test_all_that_are_open_are_counted_by_what_they_are_about(journal: Journal) -> None:
    labels = {"alertname": "Slow", "symptom": "latency", "note": "nul \0 in it"}
    await journal.ingest([a_seen(an_alert("f1", labels=labels), key="one")], NOW)
    await taken(journal, 1)
    await at_the_gate(journal, "f2", target="db")
    over = await at_the_gate(journal, "f3", target="cache")
    await journal.move(over, Move(over.incident.moved(State.RESOLVED, Reason.RESOLVED, NOW)), NOW)
    known = {Standing("critical", "latency", True), Standing("critical", "", False)}
    assert len(await journal.standing()) == 2
    assert set(await journal.standing()) == known


async def test_whatever_happens_is_seen_by_a_number(journal: Journal) -> None:
    before = await journal.latest()
    await journal.record([Event("thawed", {"scope": "storm"})], [], NOW)
    assert await journal.latest() == before + 1
