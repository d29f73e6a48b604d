"""Many letters become one, in the transaction that writes them, and nothing of it is lost."""

from __future__ import annotations

from dataclasses import replace

from receiver.decide.incident import Incident
from receiver.journal import Event, Journal, Letter, Move, Posting, Reception
from receiver.journal.box import EVERY
from receiver.journal.mail import DIGEST, Tally
from tests.receiver.builders import NOW, a_letter, a_seen, an_alert
from tests.receiver.journal.places import Place

TOLD = Event("notified", {"channel": "ops"})


def many(event: str, *incidents: int, above: int | None = 3) -> list[Letter]:
    return [replace(a_letter(event, incident=number), above=above) for number in incidents]


async def post(journal: Journal, *letters: Letter, now: float = NOW) -> None:
    await journal.record([], letters, now)


async def due(journal: Journal, now: float) -> list[tuple[int, str]]:
    found = await journal.postings("ops", now, 50)
    return [(one.incident, one.letter.event) for one in found]


async def send_all(journal: Journal, now: float) -> list[Posting]:
    sent = list(await journal.postings("ops", now, 500))
    for posting in sent:
        await journal.posted(posting, TOLD, now)
    return sent


async def test_i8_what_is_too_much_comes_in_one_letter_a_minute_later(journal: Journal) -> None:
    await post(journal, *many("opened", *range(1, 11)))
    assert await due(journal, NOW) == [(1, "opened"), (2, "opened"), (3, "opened")]
    await send_all(journal, NOW)
    assert await due(journal, NOW + EVERY - 1) == []
    (digest,) = await send_all(journal, NOW + EVERY)
    tally = Tally.of(digest.letter.body)
    assert (digest.letter.event, tally.letters, tally.first, tally.last) == (DIGEST, 7, 4, 10)
    assert await due(journal, NOW + 9 * EVERY) == []


async def test_a_digest_fills_over_many_transactions(journal: Journal) -> None:
    for number in range(1, 31):
        await post(journal, *many("opened", number), now=NOW + number)
    sent = [*await send_all(journal, NOW + 30), *await send_all(journal, NOW + EVERY + 4)]
    assert [one.letter.event for one in sent] == ["opened"] * 3 + [DIGEST]
    assert Tally.of(sent[-1].letter.body).letters == 27


async def test_i8_what_was_taken_out_takes_no_more(journal: Journal) -> None:
    await post(journal, *many("opened", *range(1, 11)))
    (*_, first) = await journal.postings("ops", NOW + EVERY, 50)
    await post(journal, *many("opened", 11), now=NOW + EVERY - 1)
    assert Tally.of(first.letter.body).letters == 7
    await send_all(journal, NOW + EVERY)
    (second,) = await send_all(journal, NOW + 2 * EVERY)
    assert Tally.of(second.letter.body).letters == 1
    assert second.letter.dedup != first.letter.dedup


async def test_as_long_as_it_goes_on_there_is_one_a_minute(journal: Journal) -> None:
    sent = []
    for second in range(300):
        now = NOW + second
        await post(journal, *many("opened", 2 * second + 1, 2 * second + 2), now=now)
        sent += await send_all(journal, now)
    told = [one for one in sent if one.letter.event == DIGEST]
    assert len(sent) - len(told) == 3
    assert len(told) == 4
    assert sum(Tally.of(one.letter.body).letters for one in told) >= 470


async def test_after_a_quiet_minute_letters_go_one_by_one_again(journal: Journal) -> None:
    await post(journal, *many("opened", *range(1, 11)))
    await send_all(journal, NOW + EVERY)
    later = NOW + 3 * EVERY
    await post(journal, *many("opened", 11), now=later)
    assert await due(journal, later) == [(11, "opened")]


async def test_i8_what_is_never_told_together_waits_for_what_came_before_it(
    journal: Journal,
) -> None:
    await post(journal, *many("opened", *range(1, 11)))
    await post(journal, *many("acted", 1, 7, above=None))
    await send_all(journal, NOW)
    assert await due(journal, NOW) == [(1, "acted")]
    assert await due(journal, NOW + EVERY) == [(0, DIGEST), (1, "acted")]
    await send_all(journal, NOW + EVERY)
    assert await due(journal, NOW + EVERY) == [(7, "acted")]


async def test_i8_what_goes_before_a_call_does_not_wait_either(journal: Journal) -> None:
    await post(journal, *many("opened", *range(1, 11)))
    await post(journal, *many("acted", 7, 8, above=None))
    await send_all(journal, NOW)
    await post(journal, *many("escalated", 7), *many("approval_requested", 9, above=None))
    assert await due(journal, NOW) == [(7, "acted"), (9, "approval_requested")]
    await send_all(journal, NOW)
    assert await due(journal, NOW) == [(7, "escalated")]


async def test_i8_calls_have_a_count_of_their_own_over_many_transactions(journal: Journal) -> None:
    sent = []
    for number in range(1, 9):
        calls = [replace(one, calls=True) for one in many("escalated", number)]
        await post(journal, *many("opened", number), *calls, now=NOW + number)
        sent += await send_all(journal, NOW + number)
    page, *rest = [one for one in sent if one.letter.event == DIGEST]
    told = [(one.incident, one.letter.event) for one in sent if one.letter.event == "escalated"]
    assert told == [(1, "escalated"), (2, "escalated"), (3, "escalated")]
    tally = Tally.of(page.letter.body)
    assert (tally.page, tally.letters, tally.first, rest) == (True, 1, 4, [])
    (digest,) = await send_all(journal, NOW + 2 * EVERY)
    assert Tally.of(digest.letter.body).events == {"opened": 6, "escalated": 4}


async def test_i8_a_digest_that_is_not_taken_is_tried_again_as_it_was(journal: Journal) -> None:
    await post(journal, *many("opened", *range(4, 11)), *many("acted", 8, above=None))
    await send_all(journal, NOW)
    (digest,) = await journal.postings("ops", NOW + EVERY, 50)
    await journal.postpone(digest, NOW + EVERY + 30, "503")
    await post(journal, *many("opened", 11), now=NOW + EVERY + 1)
    assert await due(journal, NOW + EVERY + 29) == []
    (again,) = await journal.postings("ops", NOW + EVERY + 30, 50)
    assert (again.letter, again.attempts) == (digest.letter, 1)


async def test_what_waits_behind_a_digest_that_can_never_be_delivered_goes_on(
    journal: Journal,
) -> None:
    await post(journal, *many("opened", *range(1, 11)), *many("acted", 8, above=None))
    await send_all(journal, NOW)
    (digest,) = await journal.postings("ops", NOW + EVERY, 50)
    await journal.bury(digest, "404", NOW + EVERY)
    assert await due(journal, NOW + EVERY) == [(8, "acted")]


async def test_each_channel_has_its_own(journal: Journal) -> None:
    letters = many("opened", *range(1, 11))
    await post(journal, *letters, *(replace(one, channel="pager") for one in letters[:2]))
    assert len(await journal.postings("pager", NOW, 50)) == 2
    assert (await journal.backlog())["ops"].pending == 4


async def test_i7_what_is_counted_survives_a_death_between_letter_and_digest(place: Place) -> None:
    async with place.opened() as journal:
        await post(journal, *many("opened", *range(1, 11)))
    async with place.opened(NOW + EVERY) as journal:
        sent = await send_all(journal, NOW + EVERY)
    assert [one.letter.event for one in sent] == ["opened"] * 3 + [DIGEST]
    assert Tally.of(sent[-1].letter.body).letters == 7


def told(incident: Incident) -> Move:
    letter = Letter("ops", "opened", {"title": "t", "severity": "info"}, f"{incident.id}", 3)
    return Move(incident, (), (letter,))


async def test_a_storm_of_alerts_costs_one_row_of_the_outbox(journal: Journal) -> None:
    batch = [a_seen(an_alert(f"f{n}"), key=f"k{n}") for n in range(2500)]
    done = await journal.ingest(batch, NOW, Reception(told))
    assert done.mailed
    assert (await journal.backlog())["ops"].pending == 4
    again = [a_seen(an_alert(f"g{n}"), key=f"g{n}") for n in range(10)]
    assert not (await journal.ingest(again, NOW + 1, Reception(told))).mailed
    await send_all(journal, NOW)
    (digest,) = await send_all(journal, NOW + EVERY)
    assert Tally.of(digest.letter.body).letters == 2507
