"""Letters that wait for the end of quiet hours, that only follow, and that go in the stead of others; on every engine."""

from __future__ import annotations

from dataclasses import replace

from receiver.decide.incident import State
from receiver.decide.reason import Reason
from receiver.decide.values import changed
from receiver.journal import Event, Journal, Letter, Move
from receiver.journal.box import HELD
from receiver.journal.mail import DIGEST, Tally
from tests.receiver.builders import NOW, a_letter, a_seen, an_alert
from tests.receiver.journal.places import Place

TOLD = Event("notified", {"channel": "ops"})
MORNING = NOW + 8 * 3600


def held(*incidents: int, event: str = "opened") -> list[Letter]:
    return [replace(a_letter(event, incident=number), until=MORNING) for number in incidents]


async def post(journal: Journal, *letters: Letter, now: float = NOW) -> None:
    await journal.record([], letters, now)


async def due(journal: Journal, now: float, channel: str = "ops") -> list[tuple[int, str]]:
    found = await journal.postings(channel, now, 50)
    return [(one.incident, one.letter.event) for one in found]


async def test_what_is_held_comes_in_one_letter_when_the_hours_are_over(journal: Journal) -> None:
    for minute in range(3):
        await post(journal, *held(minute * 2 + 1, minute * 2 + 2), now=NOW + 60 * minute)
    assert await due(journal, MORNING - 1) == []
    (posting,) = await journal.postings("ops", MORNING, 50)
    tally = Tally.of(posting.letter.body)
    assert (posting.incident, posting.letter.event) == (HELD, DIGEST)
    assert (tally.letters, tally.first, tally.last, tally.until) == (6, 1, 6, MORNING)


async def test_i8_what_is_held_delays_nothing_else(journal: Journal) -> None:
    await post(journal, *held(1))
    await post(journal, *(replace(a_letter(incident=n), above=1) for n in (2, 3)), now=NOW + 1)
    await post(journal, a_letter("escalated"), now=NOW + 2)
    assert await due(journal, NOW + 2) == [(2, "opened"), (1, "escalated")]
    for posting in await journal.postings("ops", NOW + 2, 50):
        await journal.posted(posting, TOLD, NOW + 2)
    assert await due(journal, NOW + 70) == [(0, DIGEST)]


async def test_the_next_night_has_a_letter_of_its_own(journal: Journal) -> None:
    await post(journal, *held(1))
    (first,) = await journal.postings("ops", MORNING, 50)
    await post(journal, *held(2), now=MORNING)
    await journal.posted(first, TOLD, MORNING)
    night = [replace(a_letter(incident=3), until=MORNING + 86400)]
    await post(journal, *night, now=MORNING + 50_000)
    (second,) = await journal.postings("ops", MORNING + 1, 50)
    assert Tally.of(second.letter.body).first == 2


async def test_what_is_held_survives_a_restart(place: Place) -> None:
    async with place.opened() as journal:
        await post(journal, *held(1))
    async with place.opened(MORNING) as journal:
        assert await due(journal, MORNING) == [(HELD, DIGEST)]


async def test_what_follows_goes_only_to_who_was_told(journal: Journal) -> None:
    follows = [
        replace(a_letter("resolved", incident=n, channel="pager"), follows=True) for n in (1, 2)
    ]
    await post(journal, a_letter("escalated", channel="pager"))
    await post(journal, *follows, now=NOW + 1)
    await journal.posted((await journal.postings("pager", NOW + 1, 50))[0], TOLD, NOW)
    assert await due(journal, NOW + 1, "pager") == [(1, "resolved")]


async def test_what_is_buried_leaves_another_letter_in_its_stead(journal: Journal) -> None:
    await post(journal, a_letter("opened"), a_letter("acted"))
    (posting,) = await journal.postings("ops", NOW, 50)
    await journal.bury(posting, "404", NOW, [a_letter(channel="backup", dedup="instead")])
    assert await due(journal, NOW) == [(1, "acted")]
    assert await due(journal, NOW, "backup") == [(1, "opened")]


async def test_a_digest_that_is_buried_leaves_one_too(journal: Journal) -> None:
    await post(journal, *held(1))
    (posting,) = await journal.postings("ops", MORNING, 50)
    await journal.bury(posting, "404", MORNING, [a_letter(channel="backup", dedup="instead")])
    assert await due(journal, MORNING, "backup") == [(0, "opened")]


async def test_a_newer_call_replaces_older_ones_on_its_channel_that_were_not_sent(
    journal: Journal,
) -> None:
    first, second = (a_letter("escalated", dedup=f"1-escalated-level-{n}") for n in (1, 2))
    other = a_letter("escalated", channel="pager", dedup="1-escalated-level-1")
    await post(journal, first, other)
    await post(journal, second, now=NOW + 60)
    (posting,) = await journal.postings("ops", NOW + 60, 50)
    assert (posting.letter.dedup, posting.created) == (second.dedup, NOW)
    assert await due(journal, NOW + 60, "pager") == [(1, "escalated")]
    await journal.posted(posting, TOLD, NOW + 60)
    assert await due(journal, NOW + 60) == []


async def test_who_acknowledges_ends_the_calls_that_were_not_sent(journal: Journal) -> None:
    await journal.ingest([a_seen(an_alert())], NOW)
    await post(journal, a_letter("escalated"), a_letter("escalated", dedup="1-escalated-level-1"))
    await journal.command(1, lambda one: Move(changed(one, acknowledged_by="ann")), NOW + 1)
    (first,) = await journal.postings("ops", NOW + 1, 50)
    await journal.posted(first, TOLD, NOW + 1)
    assert first.letter.dedup == "1-escalated"
    assert await journal.backlog() == {}


async def test_what_ends_ends_the_calls_that_were_not_sent(journal: Journal) -> None:
    await journal.ingest([a_seen(an_alert())], NOW)
    await post(journal, a_letter("escalated", dedup="1-escalated-level-1"))
    await journal.command(
        1, lambda one: Move(one.moved(State.RESOLVED, Reason.OPERATOR, NOW + 1)), NOW + 1
    )
    assert await journal.backlog() == {}


async def test_a_call_that_was_dropped_while_it_was_tried_goes_nowhere_else(
    journal: Journal,
) -> None:
    await journal.ingest([a_seen(an_alert())], NOW)
    await post(journal, a_letter("escalated", dedup="1-escalated-level-1"))
    (posting,) = await journal.postings("ops", NOW, 50)
    await journal.posted(posting, TOLD, NOW)
    await journal.bury(posting, "404", NOW, [a_letter(channel="backup", dedup="instead")])
    assert await due(journal, NOW, "backup") == []


async def test_the_end_of_what_was_told_by_itself_waits_for_no_morning(journal: Journal) -> None:
    await post(journal, a_letter("opened"))
    await post(journal, *held(1, 2, event="acted"), *held(1, 2, event="resolved"), now=NOW + 1)
    await journal.posted((await journal.postings("ops", NOW + 1, 50))[0], TOLD, NOW + 1)
    assert await due(journal, NOW + 1) == [(1, "resolved")]
    await journal.posted((await journal.postings("ops", NOW + 1, 50))[0], TOLD, NOW + 1)
    (posting,) = await journal.postings("ops", MORNING, 50)
    assert Tally.of(posting.letter.body).events == {"acted": 2, "resolved": 1}
