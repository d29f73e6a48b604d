"""What a channel was told in another's stead is ended there as well, once, whichever of the two hears of the end first."""

from __future__ import annotations

from dataclasses import replace

from receiver.journal import Event, Journal, Letter, Posting
from receiver.journal.mail import INSTEAD_OF, STOOD_IN
from tests.receiver.builders import NOW, a_letter
from tests.receiver.journal.places import Place

TOLD = Event("notified", {"channel": "ops"})


def instead(event: str, incident: int = 1) -> Letter:
    made = a_letter(event, channel="pager", incident=incident)
    body = {**made.body, INSTEAD_OF: "ops"}
    return replace(made, body=body, dedup=f"{made.dedup}{STOOD_IN}ops")


def closing(event: str = "resolved", incident: int = 1, dedup: str | None = None) -> Letter:
    made = a_letter(event, channel="pager", incident=incident, dedup=dedup)
    return replace(made, stood_in=True)


async def post(journal: Journal, *letters: Letter, now: float = NOW) -> None:
    await journal.record([], letters, now)


async def first(journal: Journal, channel: str = "ops") -> Posting:
    return (await journal.postings(channel, NOW + 9, 50))[0]


async def bury(journal: Journal, posting: Posting) -> None:
    letter = instead(posting.letter.event, posting.incident)
    await journal.bury(posting, "404", NOW, [letter])


async def heard(journal: Journal, channel: str = "pager") -> list[str]:
    """Everything that is on its way to it, taken one by one."""
    keys = []
    while due := await journal.postings(channel, NOW + 9, 50):
        keys += [one.letter.dedup for one in due]
        for one in due:
            await journal.posted(one, TOLD, NOW)
    return keys


async def test_the_end_goes_to_who_stood_in_and_to_nobody_else(journal: Journal) -> None:
    await post(journal, a_letter("opened"), a_letter("opened", incident=2))
    await bury(journal, await first(journal))
    await post(journal, closing("acknowledged"), closing("acknowledged", incident=2))
    await post(journal, closing(), closing(incident=2))
    assert await heard(journal) == ["1-opened-instead-of-ops", "1-acknowledged", "1-resolved"]


async def test_an_end_that_waits_behind_what_is_given_up_goes_with_it(journal: Journal) -> None:
    await post(journal, a_letter("opened"), a_letter("acted"), a_letter("resolved"))
    await bury(journal, await first(journal))
    assert await heard(journal) == ["1-opened-instead-of-ops", "1-resolved"]
    assert await heard(journal, "ops") == ["1-acted", "1-resolved"]


async def test_an_end_that_is_given_up_as_well_is_told_once(journal: Journal) -> None:
    await post(journal, a_letter("opened"), a_letter("resolved"))
    await bury(journal, await first(journal))
    await bury(journal, await first(journal))
    assert await heard(journal) == ["1-opened-instead-of-ops", "1-resolved"]


async def test_an_end_that_was_told_already_is_not_told_in_anothers_stead(
    journal: Journal,
) -> None:
    await post(journal, a_letter("opened"))
    await bury(journal, await first(journal))
    await post(journal, a_letter("resolved"), closing())
    await bury(journal, await first(journal))
    assert await heard(journal) == ["1-opened-instead-of-ops", "1-resolved"]


async def test_who_knows_the_end_hears_of_no_beginning_any_more(journal: Journal) -> None:
    await post(journal, a_letter("opened"))
    await post(journal, a_letter("escalated", channel="pager"))
    await post(journal, a_letter("resolved", channel="pager"))
    await bury(journal, await first(journal))
    assert await heard(journal) == ["1-escalated", "1-resolved"]


async def test_who_was_told_the_same_himself_is_not_told_it_again(journal: Journal) -> None:
    await post(journal, a_letter("opened"), a_letter("opened", channel="pager"))
    await bury(journal, await first(journal))
    assert await heard(journal) == ["1-opened"]


async def test_what_begins_again_for_the_first_channel_is_not_ended_for_the_other(
    journal: Journal,
) -> None:
    await post(journal, a_letter("opened"))
    await bury(journal, await first(journal))
    await post(journal, closing())
    await post(journal, a_letter("opened", dedup="1-opened-again1"))
    await post(journal, closing(dedup="1-resolved-again1"))
    assert await heard(journal) == ["1-opened-instead-of-ops", "1-resolved"]


async def test_a_freeze_and_the_incident_that_met_it_are_ended_each_for_itself(
    journal: Journal,
) -> None:
    await post(journal, a_letter("frozen"))
    await bury(journal, await first(journal))
    await post(journal, closing(), closing("thawed"), closing("thawed", dedup="twice"))
    assert await heard(journal) == ["1-frozen-instead-of-ops", "1-thawed"]


async def test_what_was_only_told_in_a_digest_opened_nothing(journal: Journal) -> None:
    await post(journal, a_letter("opened"))
    together = replace(instead("opened"), above=0)
    await journal.bury(await first(journal), "404", NOW, [together])
    await post(journal, closing())
    assert {one.letter.event for one in await journal.postings("pager", NOW + 99, 9)} == {"digest"}


async def test_i7_who_stood_in_is_known_after_a_death(place: Place) -> None:
    async with place.opened() as journal:
        await post(journal, a_letter("opened"), a_letter("resolved"))
        await bury(journal, await first(journal))
    async with place.opened(NOW + 1) as journal:
        await post(journal, closing())
        assert await heard(journal) == ["1-opened-instead-of-ops", "1-resolved"]
