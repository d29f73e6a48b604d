"""What people look at: the newest first, and no more than is shown; on every engine."""

from __future__ import annotations

import pytest

from receiver.decide.incident import State
from receiver.decide.reason import Reason
from receiver.decide.values import changed
from receiver.journal import Event, Journal, Move
from receiver.journal.views import Standing
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


@pytest.mark.parametrize("end", [State.RESOLVED, State.EXPIRED])
async def test_what_is_over_is_seen_by_when_and_not_by_how_it_ended(
    journal: Journal, end: State
) -> None:
    for name, at in (("f1", NOW + 10), ("f2", NOW + 30), ("f3", NOW + 20)):
        claim = await at_the_gate(journal, name)
        over = claim.incident.moved(end, Reason.EXPIRED, at)
        await journal.move(claim, Move(over), NOW)
    await at_the_gate(journal, "open")
    seen = await journal.over_since(NOW + 10, 10)
    assert [(one.resolved_at, one.state) for one in seen] == [(NOW + 30, end), (NOW + 20, end)]
    assert len(await journal.over_since(NOW, 1)) == 1


async def test_all_that_are_open_are_counted_by_what_they_are_about(journal: Journal) -> None:
    labels = {"alertname": "Slow", "symptom": "latency", "note": "nul \0 in it"}
    await journal.ingest([a_seen(an_alert("f1", labels=labels), key="one")], NOW)
    await journal.command(1, lambda one: Move(changed(one, acknowledged_by="ann")), NOW)
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
