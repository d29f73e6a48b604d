"""Who is there: kept over a restart, known to every receiver, ended for all; on every engine."""

from __future__ import annotations

from dataclasses import replace

from receiver.journal import Journal
from receiver.journal import sessions as kept
from receiver.journal.sessions import Session
from tests.receiver.builders import NOW
from tests.receiver.journal.places import Place, execute

ANN = Session("digest-of-ann", "mark", NOW, NOW)


async def begin(journal: Journal, session: Session) -> None:
    await journal.begin_session(session, NOW - 100, NOW - 10)


async def test_a_session_is_found_by_its_digest_alone(journal: Journal) -> None:
    await begin(journal, ANN)
    assert await journal.session("digest-of-ann") == ANN
    assert await journal.session("digest-of-bob") is None


async def test_a_session_outlives_a_restart(place: Place) -> None:
    async with place.opened() as journal:
        await begin(journal, ANN)
    async with place.opened() as journal:
        assert await journal.session(ANN.digest) == ANN


async def test_an_ended_session_is_unknown(journal: Journal) -> None:
    await begin(journal, ANN)
    await journal.end_session(ANN.digest)
    await journal.end_session(ANN.digest)
    assert await journal.session(ANN.digest) is None


async def test_a_session_that_is_seen_is_never_seen_earlier_again(journal: Journal) -> None:
    await begin(journal, ANN)
    for at in (NOW + 70, NOW + 60):
        await journal.see_session(ANN.digest, at)
    assert await journal.session(ANN.digest) == replace(ANN, seen=NOW + 70)


async def test_what_is_over_goes_when_another_begins(journal: Journal) -> None:
    old = replace(ANN, digest="old", began=NOW - 101)
    idle = replace(ANN, digest="idle", began=NOW - 50, seen=NOW - 11)
    for session in (old, idle):
        await journal.begin_session(session, 0, 0)
    await begin(journal, ANN)
    assert [await journal.session(name) for name in ("old", "idle")] == [None, None]


async def test_no_more_are_kept_than_a_house_has_people(journal: Journal) -> None:
    for number in range(kept.MOST):
        await execute(
            journal,
            f"INSERT INTO session VALUES ('d{number}', 'm', {NOW - number - 1}, {NOW})",  # noqa: S608 - only numbers of our own
        )
    await journal.begin_session(ANN, 0, 0)
    assert await journal.session(ANN.digest) == ANN
    assert await journal.session(f"d{kept.MOST - 1}") is None
    assert await journal.session(f"d{kept.MOST - 2}") is not None
