"""What may be said of a release, and what becomes of the ledger then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.decide.ledger import (
    Deploy,
    Entry,
    NoSuchRelease,
    NotThat,
    Word,
    failed,
    finished,
    quarantined,
    restore_point,
    started,
)
from receiver.decide.release import (
    Release,
    ReleaseState,
    bad_versions,
    current,
    in_flight,
    known_good,
    unended,
)
from tests.receiver.builders import NOW

WATCHING, FAILED = ReleaseState.WATCHING, ReleaseState.FAILED
WORDS = {"started": started, "finished": finished, "failed": failed, "quarantined": quarantined}
Said = tuple[str, str, float]


def a_deploy(version: str = "v1", at: float = 0.0, **more: Any) -> Deploy:
    return Deploy("api", version, "ci", NOW + at, **more)


def written(releases: Sequence[Release], entry: Entry) -> tuple[Release, ...]:
    """The ledger after an entry, as a journal keeps it."""
    rows = {one.id: one for one in releases}
    for one in (*entry.others, entry.release) if entry.notes else ():
        number = one.id or len(rows) + 1
        rows[number] = replace(one, id=number)
    return tuple(rows.values())


def said(*words: Word) -> tuple[Release, ...]:
    """The ledger after all of this."""
    releases: tuple[Release, ...] = ()
    for word in words:
        releases = written(releases, word(releases))
    return releases


def states(releases: Sequence[Release]) -> list[tuple[str, str]]:
    return [(one.version, str(one.state)) for one in releases]


def test_a_deploy_begins_and_ends() -> None:
    releases = said(started(a_deploy()), finished(a_deploy(at=60)))
    (release,) = releases
    assert (release.state, release.deployed_at, release.finished_at) == (WATCHING, NOW, NOW + 60)
    assert current(releases) == release


def test_a_deploy_that_failed_changes_nothing_about_what_serves() -> None:
    releases = said(
        finished(a_deploy("v1")), started(a_deploy("v2", 10)), failed(a_deploy("v2", 20))
    )
    assert states(releases) == [("v1", "watching"), ("v2", "failed")]
    assert releases[1].failed_at == NOW + 20
    assert current(releases) == releases[0]


def test_whoever_says_only_that_it_ended_is_believed() -> None:
    assert states(said(finished(a_deploy()))) == [("v1", "watching")]
    assert states(said(failed(a_deploy()))) == [("v1", "failed")]


def test_the_watch_of_what_served_ends_when_the_next_deploy_began() -> None:
    releases = said(
        finished(a_deploy("v1")), started(a_deploy("v2", 10)), finished(a_deploy("v2", 20))
    )
    assert releases[0].replaced_at == NOW + 10
    assert current(releases) == releases[1]


@pytest.mark.parametrize("name", WORDS)
def test_what_is_said_twice_is_written_once(name: str) -> None:
    once = said(WORDS[name](a_deploy()))
    again = WORDS[name](a_deploy(at=5))(once)
    assert (again.release, again.notes) == (once[0], ())


def test_what_only_ci_knows_is_kept_also_of_what_serves_already() -> None:
    """It was seen to serve before CI said that it does."""
    seen = said(finished(replace(a_deploy(), by="detector")))
    told = finished(a_deploy(at=5, commit="abcdef0", compatible_down_to="v0"))(seen)
    assert told.release == replace(seen[0], commit="abcdef0", compatible_down_to="v0")
    assert [note.ev for note in told.notes] == ["release_finished"]
    assert finished(a_deploy(at=9))(written(seen, told)).notes == ()


@pytest.mark.parametrize("word", [started, finished, failed])
def test_another_version_has_to_wait_for_the_end_of_a_deploy(word: Any) -> None:
    releases = said(started(a_deploy("v1")))
    with pytest.raises(NotThat, match=r"v1 on api has begun.*release finished") as refused:
        word(a_deploy("v2", 60))(releases)
    assert refused.value.reason == "deploy_in_flight"


@pytest.mark.parametrize("word", [started, finished, failed])
def test_a_deploy_that_died_is_given_up_for_the_next(word: Any) -> None:
    releases = said(started(a_deploy("v1")), word(a_deploy("v2", 3601)))
    assert states(releases)[0] == ("v1", "failed")
    assert releases[0].failed_at == NOW + 3601


def test_a_deploy_that_takes_longer_than_an_hour_still_ends() -> None:
    (release,) = said(started(a_deploy()), finished(a_deploy(at=7200)))
    assert (release.state, release.deployed_at) == (WATCHING, NOW)


def test_the_same_version_may_be_deployed_again() -> None:
    releases = said(finished(a_deploy()), started(a_deploy(at=10)), finished(a_deploy(at=20)))
    assert states(releases) == [("v1", "watching"), ("v1", "watching")]
    assert current(releases) == releases[1]


def test_what_only_the_end_tells_is_kept_and_what_the_beginning_told_is_not_lost() -> None:
    (release,) = said(
        started(a_deploy(commit="abcdef0")), finished(a_deploy(at=9, compatible_down_to="v0"))
    )
    assert (release.commit, release.compatible_down_to) == ("abcdef0", "v0")


def test_what_is_live_cannot_have_failed() -> None:
    with pytest.raises(NotThat, match="say quarantined") as refused:
        failed(a_deploy())(said(finished(a_deploy())))
    assert refused.value.reason == "already_finished"


def test_a_quarantined_version_is_not_deployed_again() -> None:
    releases = said(finished(a_deploy("v1")), quarantined(a_deploy("v1")))
    with pytest.raises(NotThat, match="new version") as refused:
        started(a_deploy("v1", 10))(releases)
    assert refused.value.reason == "quarantined"


def test_when_it_was_deployed_all_the_same_the_ledger_says_so_and_it_stays_quarantined() -> None:
    releases = said(
        finished(a_deploy("v1")),
        quarantined(a_deploy("v1")),
        finished(a_deploy("v2", 5)),
        finished(a_deploy("v1", 10)),
    )
    serving = current(releases)
    assert serving is not None
    assert serving.version == "v1"
    assert bad_versions(releases) == {"v1"}


def test_a_version_that_was_never_seen_can_be_quarantined() -> None:
    releases = said(quarantined(a_deploy("v9")))
    assert bad_versions(releases) == {"v9"}
    assert current(releases) is None


def test_what_serves_becomes_a_restore_point() -> None:
    releases = said(
        finished(a_deploy("v1")),
        restore_point("api", None, "ann", NOW + 5),
        finished(a_deploy("v2", 9)),
    )
    assert known_good(releases, NOW + 10) == releases[0]


def test_a_version_becomes_one_by_its_name() -> None:
    releases = said(
        finished(a_deploy("v1")),
        finished(a_deploy("v2", 9)),
        restore_point("api", "v1", "ann", NOW),
    )
    assert releases[0].restore_point_at == NOW
    assert restore_point("api", "v1", "ann", NOW + 9)(releases).notes == ()


@pytest.mark.parametrize("version", [None, "v9", "v2"])
def test_what_never_was_live_cannot_be_gone_back_to(version: str | None) -> None:
    releases = said(failed(a_deploy("v2")))
    with pytest.raises(NoSuchRelease, match="release finished"):
        restore_point("api", version, "ann", NOW)(releases)


def test_what_serves_is_not_known_while_a_deploy_is_under_way() -> None:
    releases = said(finished(a_deploy("v1")), started(a_deploy("v2", 10)))
    with pytest.raises(NotThat) as refused:
        restore_point("api", None, "ann", NOW + 20)(releases)
    assert refused.value.reason == "deploy_in_flight"
    assert restore_point("api", "v1", "ann", NOW + 20)(releases).notes


def test_a_quarantined_version_cannot_be_a_restore_point() -> None:
    releases = said(finished(a_deploy("v1")), quarantined(a_deploy("v1")))
    for version in (None, "v1"):
        with pytest.raises(NotThat, match="new version"):
            restore_point("api", version, "ann", NOW)(releases)


def test_the_audit_names_what_was_replaced_and_what_was_given_up() -> None:
    releases = said(finished(a_deploy("v1")), started(a_deploy("v2", 10)))
    entry = finished(a_deploy("v3", 4000))(releases)
    assert [(note.ev, note.release.version, note.replaces) for note in entry.notes] == [
        ("release_failed", "v2", None),
        ("release_finished", "v3", "v1"),
    ]


stories = st.lists(
    st.tuples(
        st.sampled_from([*WORDS, "restore_point"]),
        st.sampled_from(["v1", "v2", "v3"]),
        st.sampled_from([1.0, 600.0, 4000.0]),
    ),
    max_size=12,
)


def told(story: Sequence[Said]) -> tuple[tuple[Release, ...], float]:
    releases: tuple[Release, ...] = ()
    at = 0.0
    for name, version, later in story:
        at += later
        deploy = a_deploy(version, at)
        word = (
            WORDS[name](deploy) if name in WORDS else restore_point("api", version, "a", NOW + at)
        )
        try:
            releases = written(releases, word(releases))
        except NotThat:
            continue
    return releases, NOW + at


@given(stories)
def test_whatever_is_said_one_release_serves_and_one_deploy_is_under_way_at_most(
    story: list[Said],
) -> None:
    releases, _ = told(story)
    assert sum(one.serves for one in releases) <= 1
    assert sum(one.state is ReleaseState.DEPLOYING for one in releases) <= 1


@given(stories)
def test_whatever_is_said_the_way_back_is_never_quarantined(story: list[Said]) -> None:
    releases, now = told(story)
    good = known_good(releases, now)
    assert good is None or good.version not in bad_versions(releases)
    assert good is None or good.restore_point_at is not None


@given(stories)
def test_a_deploy_under_way_is_always_one_that_nobody_ended(story: list[Said]) -> None:
    releases, now = told(story)
    flying = in_flight(releases, now)
    assert flying is None or flying == unended(releases)
