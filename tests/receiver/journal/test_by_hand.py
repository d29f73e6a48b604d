"""What an operator begins by himself is as durable as what an alert begins."""

from __future__ import annotations

from dataclasses import replace

from receiver.decide.incident import State
from receiver.decide.maintenance import Window
from receiver.decide.matchers import parse_matchers
from receiver.decide.reason import Reason
from receiver.journal import Move
from tests.receiver.builders import NOW, a_draft
from tests.receiver.journal.doing import (
    at_the_gate,
    exported,
    facts_of,
    fires,
    taken,
    words,
)
from tests.receiver.journal.places import Place


def a_window(matchers: str = 'service="api"', *, seconds: float = 60.0) -> Window:
    return Window(parse_matchers(matchers), NOW, NOW + seconds, "upgrade", "ann")


async def test_a_window_survives_the_receiver_as_it_was_given(place: Place) -> None:
    given = a_window('service="a\\"b",alertname=~"A|B"')
    async with place.opened() as journal:
        number = await journal.open_window(given, NOW)
    async with place.opened() as journal:
        (kept,) = await journal.windows(NOW)
        assert kept == Window(
            given.matchers, given.began, given.until, given.reason, given.by, number
        )


async def test_a_window_ends_by_itself(place: Place) -> None:
    async with place.opened() as journal:
        await journal.open_window(a_window(), NOW)
        assert len(await journal.windows(NOW + 59)) == 1
        assert await journal.windows(NOW + 60) == ()


async def test_a_window_may_be_announced_before_it_begins(place: Place) -> None:
    async with place.opened() as journal:
        claim = await at_the_gate(journal)
        announced = replace(a_window(), began=NOW + 30)
        number = await journal.open_window(announced, NOW)
        assert await journal.windows(NOW) == (replace(announced, id=number),)
        assert (await facts_of(journal, claim)).maintenance is None
        row = (await exported(journal))[-1]
        assert (row["ev"], row["t"], row["began"]) == ("maintenance_started", NOW, NOW + 30)
        assert await journal.close_window(number, "ann", NOW)


async def test_a_window_is_ended_once_and_by_its_number(place: Place) -> None:
    async with place.opened() as journal:
        number = await journal.open_window(a_window(), NOW)
        assert not await journal.close_window(number + 1, "ann", NOW)
        assert await journal.close_window(number, "ann", NOW)
        assert not await journal.close_window(number, "ann", NOW)
        assert not await journal.close_window(1 << 80, "ann", NOW)
        assert await words(journal) == ["maintenance_started", "maintenance_ended"]


async def test_the_audit_row_says_who_what_why_and_until_when(place: Place) -> None:
    async with place.opened() as journal:
        number = await journal.open_window(a_window(), NOW)
        (row,) = await exported(journal)
        said = {key: row[key] for key in ("window", "matchers", "until", "reason", "by")}
        assert said == {
            "window": number,
            "matchers": ['service="api"'],
            "until": NOW + 60,
            "reason": "upgrade",
            "by": "ann",
        }
        assert (await journal.verify()).bad is None


async def test_the_gate_knows_the_windows_of_its_own_moment(place: Place) -> None:
    async with place.opened() as journal:
        claim = await at_the_gate(journal)
        assert (await facts_of(journal, claim)).maintenance is None
        await journal.open_window(a_window(), NOW)
        assert (await facts_of(journal, claim)).maintenance == NOW + 60


async def test_the_gate_asks_every_open_alert_of_the_incident(place: Place) -> None:
    async with place.opened() as journal:
        claim = await at_the_gate(journal)
        await journal.open_window(a_window('service="other"'), NOW)
        assert (await facts_of(journal, claim)).maintenance is None


async def test_ending_a_window_has_what_waits_looked_at(place: Place) -> None:
    async with place.opened() as journal:
        number = await journal.open_window(a_window(), NOW)
        claim = await at_the_gate(journal)
        blocked = claim.incident.moved(State.BLOCKED, Reason.MAINTENANCE, NOW)
        await journal.move(claim, Move(blocked, due=NOW + 3600), NOW)
        await journal.close_window(number, "ann", NOW + 5)
        assert await journal.next_due() == NOW + 5


async def test_an_incident_without_an_alert_is_due_at_once_and_named_after_itself(
    place: Place,
) -> None:
    async with place.opened() as journal:
        number = await journal.open_by_hand(a_draft("@manual|x"), "ann", NOW)
        incident = (await taken(journal)).incident
        assert (incident.id, incident.episode) == (number, f"manual-{number}@{int(NOW)}")
        assert incident.manual
        (row,) = await exported(journal)
        assert (row["ev"], row["ep"], row["by"]) == ("opened", incident.episode, "ann")


async def test_an_incident_of_an_alert_is_nobodys_hand(place: Place) -> None:
    async with place.opened() as journal:
        await fires(journal, key="manual|service=api|api")
        assert not (await taken(journal)).incident.manual
