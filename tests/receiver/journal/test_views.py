"""What people look at: the newest first, and no more than is shown; on every engine."""

from __future__ import annotations

from receiver.decide.incident import State
from receiver.decide.reason import Reason
from receiver.journal import Event, Journal, Move
from tests.receiver.builders import NOW
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


async def test_whatever_happens_is_seen_by_a_number(journal: Journal) -> None:
    before = await journal.latest()
    await journal.record([Event("thawed", {"scope": "storm"})], [], NOW)
    assert await journal.latest() == before + 1
