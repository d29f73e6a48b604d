"""What was seen of a version is judged in the transaction that reads the ledger, on every engine."""

from __future__ import annotations

import asyncio

import pytest

from receiver.decide.ledger import Deploy, NotThat, finished
from receiver.decide.release import ReleaseState, current
from receiver.decide.sighting import DETECTOR, Sight, detected, proven
from receiver.journal import Journal
from tests.receiver.builders import NOW
from tests.receiver.journal.doing import words


async def deployed(journal: Journal, version: str) -> None:
    await journal.enter("api", finished(Deploy("api", version, "ci", NOW)), NOW)


async def test_a_proof_is_written_once_with_its_row(journal: Journal) -> None:
    await deployed(journal, "v1")
    for at in (NOW + 1, NOW + 2):
        release = await journal.enter("api", proven("api", Sight(at, "v1")), at)
        assert release.proven_at == NOW + 1
    assert (await words(journal)).count("release_proven") == 1


async def test_several_who_see_the_same_enter_it_once(journal: Journal) -> None:
    await deployed(journal, "v1")
    word = detected("api", "v2", Sight(NOW + 1, "v2"))
    said = await asyncio.gather(*(journal.enter("api", word, NOW + 40) for _ in range(8)))
    assert len({one.id for one in said}) == 1
    old, new = await journal.releases("api")
    assert (old.replaced_at, new.version, new.by) == (NOW + 1, "v2", DETECTOR)
    assert new.state is ReleaseState.WATCHING
    assert new.proven_at == new.deployed_at == NOW + 1


async def test_what_was_seen_before_ci_spoke_is_not_written(journal: Journal) -> None:
    await deployed(journal, "v1")
    late = Sight(NOW - 5, "v0")
    for word in (detected("api", "v0", late), proven("api", Sight(NOW - 5, "v1"))):
        with pytest.raises(NotThat):
            await journal.enter("api", word, NOW + 1)
    serving = current(await journal.releases("api"))
    assert serving is not None
    assert (serving.version, serving.proven_at) == ("v1", None)
