"""A storm is seen in the transaction that opens its incidents, told once, and over when it is over."""

from __future__ import annotations

import pytest

from receiver.decide.guards import Freeze, Rate
from receiver.decide.incident import Incident
from receiver.journal import Ingested, Journal, Letter, Move, Reception, Ruling
from tests.receiver.builders import NOW, a_seen, an_alert
from tests.receiver.journal.doing import exported
from tests.receiver.journal.places import PostgresPlace


def page(incident: Incident, freeze: Freeze) -> Ruling:
    frozen = Letter("pager", "frozen", {"title": "storm"}, f"storm-{freeze.until}")
    thawed = Letter("pager", "thawed", {"title": "over"}, f"over-{freeze.until}")
    return Ruling(Move(incident), freeze=freeze, frozen_letters=(frozen,), thawed_letters=(thawed,))


RECEPTION = Reception(storm=Rate(5, 300.0), page=page)


async def opens(journal: Journal, first: int, count: int, now: float = NOW) -> Ingested:
    batch = [a_seen(an_alert(f"f{n}"), key=f"k{n}") for n in range(first, first + count)]
    return await journal.ingest(batch, now, RECEPTION)


async def pages(journal: Journal) -> list[str]:
    return [one.letter.event for one in await journal.postings("pager", NOW + 1e6, 50)]


async def words(journal: Journal) -> list[str]:
    told = ("frozen", "thawed")
    return [row["ev"] for row in await exported(journal) if row["ev"] in told]


async def test_few_incidents_are_no_storm(journal: Journal) -> None:
    await opens(journal, 0, 4)
    assert await journal.frozen() == ()


async def test_many_incidents_freeze_everything_and_one_page_goes_out(journal: Journal) -> None:
    assert (await opens(journal, 0, 5)).mailed
    assert await journal.frozen() == (Freeze("storm", NOW + 300),)
    assert await pages(journal) == ["frozen"]


async def test_a_storm_that_goes_on_is_prolonged_and_not_told_again(journal: Journal) -> None:
    for second in range(0, 600, 30):
        await opens(journal, second, 5, NOW + second)
    assert await journal.frozen() == (Freeze("storm", NOW + 870),)
    assert await words(journal) == ["frozen"]
    assert await pages(journal) == ["frozen"]


async def test_alerts_that_join_an_incident_are_no_storm(journal: Journal) -> None:
    batch = [a_seen(an_alert(f"f{n}")) for n in range(50)]
    await journal.ingest(batch, NOW, RECEPTION)
    assert await journal.frozen() == ()


async def test_the_end_of_a_storm_is_told_and_the_next_one_is_another(journal: Journal) -> None:
    await opens(journal, 0, 5)
    assert await journal.thaw(NOW + 300) == ("storm",)
    await opens(journal, 100, 5, NOW + 400)
    assert await words(journal) == ["frozen", "thawed", "frozen"]


async def test_a_storm_that_nobody_thawed_is_over_when_the_next_begins(journal: Journal) -> None:
    await opens(journal, 0, 5)
    await opens(journal, 100, 5, NOW + 400)
    assert await words(journal) == ["frozen", "thawed", "frozen"]
    assert await journal.frozen() == (Freeze("storm", NOW + 700),)


@pytest.mark.server
async def test_two_receivers_in_one_storm_send_one_page(by_hand: PostgresPlace) -> None:
    async with by_hand.opened() as one, by_hand.opened() as other:
        for number in range(20):
            await opens(one if number % 2 else other, number * 10, 4, NOW + number)
        assert await words(one) == ["frozen"]
        assert await pages(other) == ["frozen"]
