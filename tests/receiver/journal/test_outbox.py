from __future__ import annotations

from receiver.journal import Backlog, Event, Journal, Letter, Posting
from tests.receiver.builders import NOW, a_letter
from tests.receiver.journal.doing import exported
from tests.receiver.journal.places import Place

TOLD = Event("notified", {"incident": 1, "channel": "ops"})


async def post(journal: Journal, *letters: Letter, now: float = NOW) -> None:
    await journal.record([], letters, now)


async def due(journal: Journal, channel: str = "ops", now: float = NOW) -> list[str]:
    return [posting.letter.event for posting in await journal.postings(channel, now, 50)]


async def first(journal: Journal, now: float = NOW) -> Posting:
    return (await journal.postings("ops", now, 50))[0]


async def test_a_letter_comes_out_as_it_went_in(journal: Journal) -> None:
    letter = Letter("ops", "opened", {"incident": 3, "text": "Ä 🌱", "links": {"a": "b"}}, "d1")
    await post(journal, letter)
    assert await first(journal) == Posting(1, 3, letter, attempts=0, created=NOW)


async def test_i8_letters_of_one_incident_go_out_in_order(journal: Journal) -> None:
    await post(journal, a_letter("opened"), a_letter("acted"), a_letter("healed"))
    sent = []
    while await due(journal):
        posting = await first(journal)
        sent.append(posting.letter.event)
        await journal.posted(posting, TOLD, NOW)
    assert sent == ["opened", "acted", "healed"]


async def test_i8_a_letter_that_waits_is_never_overtaken(journal: Journal) -> None:
    await post(journal, a_letter("opened"), a_letter("acted"))
    await journal.postpone(await first(journal), NOW + 60, "502")
    assert await due(journal) == []
    assert await due(journal, now=NOW + 59.9) == []
    assert await due(journal, now=NOW + 60) == ["opened"]


async def test_i8_other_incidents_and_channels_go_on_meanwhile(journal: Journal) -> None:
    await post(journal, a_letter("opened"))
    await journal.postpone(await first(journal), NOW + 60, "502")
    await post(journal, a_letter("acted", incident=2), a_letter("acted", channel="pager"))
    assert await due(journal) == ["acted"]
    assert await due(journal, "pager") == ["acted"]


async def test_i8_a_dedup_key_is_one_letter_however_often_it_is_written(
    journal: Journal,
) -> None:
    await post(journal, a_letter(), a_letter())
    await journal.posted(await first(journal), TOLD, NOW)
    await post(journal, a_letter(), now=NOW + 9)
    assert await due(journal) == []


async def test_one_dedup_key_on_two_channels_is_two_letters(journal: Journal) -> None:
    await post(journal, a_letter(), a_letter(channel="pager"))
    assert await due(journal) == ["opened"]
    assert await due(journal, "pager") == ["opened"]


async def test_a_sent_letter_is_in_the_journal(journal: Journal) -> None:
    await post(journal, a_letter())
    await journal.posted(await first(journal), TOLD, NOW + 1)
    (row,) = await exported(journal)
    assert (row["ev"], row["t"]) == ("notified", NOW + 1)


async def test_attempts_are_counted(journal: Journal) -> None:
    await post(journal, a_letter())
    for number in range(3):
        posting = await first(journal)
        assert posting.attempts == number
        await journal.postpone(posting, NOW, "timeout")


async def test_what_can_never_be_delivered_is_buried_and_frees_the_way(
    journal: Journal,
) -> None:
    await post(journal, a_letter("opened"), a_letter("acted"))
    await journal.bury(await first(journal), "404", NOW)
    assert await due(journal) == ["acted"]
    (row,) = await exported(journal)
    assert (row["ev"], row["channel"], row["error"], row["dedup"]) == (
        *("undeliverable", "ops", "404", "1-opened"),
    )


async def test_no_more_is_given_out_than_asked_for(journal: Journal) -> None:
    await post(journal, *(a_letter(incident=number) for number in range(1, 6)))
    assert [one.incident for one in await journal.postings("ops", NOW, 3)] == [1, 2, 3]


async def test_the_backlog_says_how_many_wait_and_since_when(journal: Journal) -> None:
    assert await journal.backlog() == {}
    await post(journal, a_letter("opened"))
    await post(journal, a_letter("acted"), a_letter(channel="pager"), now=NOW + 5)
    assert await journal.backlog() == {"ops": Backlog(2, NOW), "pager": Backlog(1, NOW + 5)}
    await journal.posted(await first(journal), TOLD, NOW)
    assert (await journal.backlog())["ops"] == Backlog(1, NOW + 5)


async def test_i8_what_waits_survives_a_restart(place: Place) -> None:
    async with place.opened() as journal:
        await post(journal, a_letter("opened"), a_letter("acted"))
        await journal.postpone(await first(journal), NOW + 60, "502")
    async with place.opened(NOW + 60) as journal:
        assert (await first(journal, NOW + 60)).attempts == 1


async def threads(journal: Journal) -> list[tuple[str, int, str]]:
    """Of what waits on both channels."""
    found = [one for name in ("ops", "pager") for one in await journal.postings(name, NOW, 50)]
    return [(one.letter.channel, one.incident, one.thread) for one in found]


async def test_what_a_channel_said_comes_back_with_its_next_letter(journal: Journal) -> None:
    await post(journal, a_letter("opened"), a_letter("acted"))
    assert await threads(journal) == [("ops", 1, "")]
    await journal.posted(await first(journal), TOLD, NOW, '{"ts": "1.2", "Ä": "🌱"}')
    assert await threads(journal) == [("ops", 1, '{"ts": "1.2", "Ä": "🌱"}')]


async def test_the_last_word_is_kept_and_silence_changes_nothing(journal: Journal) -> None:
    await post(journal, *(a_letter(event) for event in ("opened", "acted", "healed", "resolved")))
    for said in ("one", "two", ""):
        await journal.posted(await first(journal), TOLD, NOW, said)
    assert await threads(journal) == [("ops", 1, "two")]


async def test_a_thread_is_of_one_incident_on_one_channel(journal: Journal) -> None:
    await post(journal, a_letter("opened"), a_letter("acted"), a_letter(incident=2))
    await post(journal, a_letter(channel="pager"))
    await journal.posted(await first(journal), TOLD, NOW, "said")
    assert await threads(journal) == [("ops", 1, "said"), ("ops", 2, ""), ("pager", 1, "")]


async def test_a_thread_survives_a_restart(place: Place) -> None:
    async with place.opened() as journal:
        await post(journal, a_letter("opened"), a_letter("acted"))
        await journal.posted(await first(journal), TOLD, NOW, "said")
    async with place.opened() as journal:
        assert (await first(journal)).thread == "said"
