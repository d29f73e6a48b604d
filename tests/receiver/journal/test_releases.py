"""The ledger of releases is as durable as everything else, on every engine, and nobody speaks into another's entry."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace

import pytest

from receiver.decide.ledger import (
    Deploy,
    Entry,
    Note,
    NotThat,
    Word,
    failed,
    finished,
    quarantined,
    restore_point,
    started,
)
from receiver.decide.release import Release, ReleaseState, current, known_good
from receiver.journal import Journal
from tests.receiver.builders import NOW
from tests.receiver.journal.doing import words
from tests.receiver.journal.places import Place

DAY = 86400.0


def a_deploy(version: str = "v1", at: float = NOW, target: str = "api") -> Deploy:
    return Deploy(target, version, "ci", at, "abcdef0", "v0")


async def say(journal: Journal, *said: Word, target: str = "api") -> None:
    for word in said:
        await journal.enter(target, word, NOW)


async def versions(journal: Journal, target: str | None = None) -> list[str]:
    return [one.version for one in await journal.releases(target)]


async def left(journal: Journal, before: float) -> list[str]:
    """What is kept when all that is older goes."""
    while await journal.prune(before, 2, NOW):
        pass
    return await versions(journal)


async def test_what_was_said_survives_the_receiver(place: Place) -> None:
    async with place.opened() as journal:
        begun = await journal.enter("api", started(a_deploy()), NOW)
        assert (begun.id, begun.state) == (1, ReleaseState.DEPLOYING)
    async with place.opened() as journal:
        live = await journal.enter("api", finished(a_deploy(at=NOW + 5)), NOW + 5)
        assert await journal.releases() == (live,)
        assert (live.id, live.commit, live.compatible_down_to) == (1, "abcdef0", "v0")
        assert (live.deployed_at, live.finished_at, live.rollback) == (NOW, NOW + 5, False)


async def test_what_is_said_of_one_target_is_not_said_of_another(journal: Journal) -> None:
    await say(journal, started(a_deploy("v1")))
    await say(journal, started(a_deploy("v2", target="shop")), target="shop")
    assert await versions(journal, "api") == ["v1"]
    assert await versions(journal, "shop") == ["v2"]
    assert await versions(journal) == ["v1", "v2"]
    assert await versions(journal, "nobody") == []


async def test_the_next_one_replaces_what_served_in_the_same_transaction(journal: Journal) -> None:
    await say(journal, finished(a_deploy("v1")), finished(a_deploy("v2", NOW + 9)))
    first, second = await journal.releases("api")
    assert first.replaced_at == second.deployed_at == NOW + 9
    assert current((first, second)) == second


async def test_what_may_not_be_said_leaves_nothing_behind(journal: Journal) -> None:
    await say(journal, started(a_deploy("v1")))
    with pytest.raises(NotThat):
        await say(journal, started(a_deploy("v2")))
    assert await versions(journal) == ["v1"]
    assert await words(journal) == ["release_started"]


async def test_what_serves_is_found_without_the_rest_of_the_ledger(journal: Journal) -> None:
    await say(
        journal,
        *(finished(a_deploy(f"v{number}", NOW + number)) for number in range(9)),
        failed(a_deploy("v9", NOW + 9)),
        started(a_deploy("v10", NOW + 10)),
    )
    await say(journal, quarantined(a_deploy("x", target="shop")), target="shop")
    assert [one.version for one in await journal.serving()] == ["v8", "v10"]


async def test_of_two_who_begin_at_once_one_is_refused(journal: Journal) -> None:
    both = [journal.enter("api", started(a_deploy(v)), NOW) for v in ("v1", "v2")]
    came = await asyncio.gather(*both, return_exceptions=True)
    assert sum(isinstance(one, NotThat) for one in came) == 1
    assert len(await versions(journal)) == 1


async def test_everything_said_is_in_the_audit_once(journal: Journal) -> None:
    await say(
        journal,
        started(a_deploy("v1")),
        started(a_deploy("v1")),
        finished(a_deploy("v1")),
        restore_point("api", None, "ann", NOW),
        failed(a_deploy("v2")),
        quarantined(a_deploy("v2")),
    )
    lines = [json.loads(line) async for line in journal.export()]
    assert [(line["ev"], line["version"], line["by"]) for line in lines] == [
        ("release_started", "v1", "ci"),
        ("release_finished", "v1", "ci"),
        ("restore_point", "v1", "ann"),
        ("release_failed", "v2", "ci"),
        ("release_quarantined", "v2", "ci"),
    ]
    assert lines[1]["state"] == "watching"
    assert (await journal.verify()).bad is None


async def test_old_releases_go_but_never_what_serves_or_may_be_gone_back_to(
    journal: Journal,
) -> None:
    await say(
        journal,
        finished(a_deploy("named", NOW - 9 * DAY)),
        restore_point("api", None, "ann", NOW - 9 * DAY),
        finished(a_deploy("forgotten", NOW - 8 * DAY)),
        failed(a_deploy("broken", NOW - 7 * DAY)),
        finished(a_deploy("bad", NOW - 6 * DAY)),
        quarantined(a_deploy("bad", NOW - 6 * DAY)),
        finished(a_deploy("serving", NOW - 5 * DAY)),
    )
    assert await left(journal, NOW - DAY) == ["named", "bad", "serving"]
    good = known_good(await journal.releases("api"), NOW)
    assert good is not None
    assert good.version == "named"


def proven(version: str, at: float) -> Word:
    """The target itself says that it is this version, and is well."""

    def entry(releases: Sequence[Release]) -> Entry:
        (found,) = (one for one in releases if one.version == version)
        seen = replace(found, proven_at=at, healthy_since=at)
        return Entry(seen, (), (Note("release_proven", seen, "watch"),))

    return entry


async def test_what_was_proven_and_has_soaked_is_kept_too(journal: Journal) -> None:
    await say(
        journal,
        finished(a_deploy("soaked", NOW - 9 * DAY)),
        proven("soaked", NOW - 9 * DAY),
        finished(a_deploy("unproven", NOW - 8 * DAY)),
        finished(a_deploy("serving", NOW - 7 * DAY)),
    )
    assert await left(journal, NOW - DAY) == ["soaked", "serving"]
    good = known_good(await journal.releases("api"), NOW)
    assert good is not None
    assert (good.version, good.proven_at) == ("soaked", NOW - 9 * DAY)


async def test_a_version_that_came_back_keeps_its_old_place(journal: Journal) -> None:
    await say(
        journal,
        finished(a_deploy("v1", NOW - 9 * DAY)),
        finished(a_deploy("v2", NOW - 8 * DAY)),
        finished(a_deploy("v1", NOW - 7 * DAY)),
    )
    assert await left(journal, NOW - DAY) == ["v1", "v1"]


async def test_what_is_young_stays(journal: Journal) -> None:
    await say(journal, failed(a_deploy("v1", NOW - DAY)), failed(a_deploy("v2", NOW - DAY)))
    assert await left(journal, NOW - 2 * DAY) == ["v1", "v2"]


async def test_a_name_with_quotes_and_percents_is_only_a_name(journal: Journal) -> None:
    odd = "v1'; DROP TABLE release; -- %s $1 é"
    await say(journal, finished(a_deploy(odd)))
    assert await versions(journal) == [odd]
