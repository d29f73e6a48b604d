from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.decide.ledger import Entry, NotThat
from receiver.decide.release import Release, ReleaseState, current
from receiver.decide.sighting import (
    DETECTOR,
    Meaning,
    Sight,
    detected,
    disputed,
    is_bad,
    meaning,
    proven,
)
from tests.receiver.builders import NOW
from tests.receiver.decide.releases import a_ledger, a_release

UNPROVEN: dict[str, Any] = {"proven_at": None, "healthy_since": None}
V1_V2 = a_ledger(a_release("v1", hours_ago=2), a_release("v2", hours_ago=1))
V2_IS_BAD = a_ledger(
    a_release("v1", hours_ago=3),
    a_release("v2", hours_ago=2, state=ReleaseState.QUARANTINED),
    a_release("v1", hours_ago=1),
)
DEPLOYING = a_ledger(
    a_release("v1", hours_ago=2),
    a_release("v2", hours_ago=0.1, state=ReleaseState.DEPLOYING, finished_at=None, **UNPROVEN),
)


def a_sight(version: str | None = "v2", active: str | None = None, **more: Any) -> Sight:
    return Sight(NOW, version, active, detail=f"`version` says {version}", **more)


def means(sight: Sight, releases: Sequence[Release] = V1_V2, *, settled: bool = True) -> Meaning:
    return meaning(sight, releases, NOW, settled=settled)


@pytest.mark.parametrize(
    ("version", "active", "found"),
    [
        ("v2", None, Meaning.AS_SAID),
        ("v2", "v2", Meaning.AS_SAID),
        ("v2", "v1", Meaning.DISPUTED),  # the next restart will bring another version
        ("v2", "v3", Meaning.DISPUTED),
        ("v3", None, Meaning.UNSAID),
        ("v3", "v3", Meaning.UNSAID),
        ("v3", "v2", Meaning.DISPUTED),  # it was not reloaded, or lies
        ("v1", None, Meaning.DISPUTED),  # the old one still answers
        ("v1", "v1", Meaning.UNSAID),  # somebody went back by hand
        ("v1", "v2", Meaning.DISPUTED),
        (None, None, Meaning.UNREADABLE),
        (None, "v2", Meaning.UNREADABLE),
        (None, "v3", Meaning.DISPUTED),
    ],
)
def test_what_is_seen_is_held_against_the_ledger(
    version: str | None, active: str | None, found: Meaning
) -> None:
    assert means(a_sight(version, active)) is found


@pytest.mark.parametrize("version", ["v1", "v2", "v3", None])
def test_while_somebody_deploys_nothing_is_concluded(version: str | None) -> None:
    assert means(a_sight(version), DEPLOYING) is Meaning.BUSY
    assert means(a_sight(version), settled=False) is Meaning.BUSY


def test_an_empty_ledger_learns_what_serves() -> None:
    assert means(a_sight("v1"), ()) is Meaning.UNSAID
    assert means(a_sight("v1", active="v2"), ()) is Meaning.DISPUTED
    assert means(a_sight(None, active="v2"), ()) is Meaning.UNREADABLE


def test_two_versions_at_once_are_a_contradiction() -> None:
    assert means(a_sight(None, divided=True)) is Meaning.DISPUTED


def test_one_image_may_go_by_several_words() -> None:
    assert means(a_sight("other", also=frozenset({"v2"}))) is Meaning.AS_SAID
    assert means(a_sight("other", "v2", also=frozenset({"v2"}))) is Meaning.AS_SAID


@pytest.mark.parametrize("active", [None, "v2"])
def test_a_bad_version_that_serves_is_believed(active: str | None) -> None:
    assert means(a_sight("v2", active), V2_IS_BAD) is Meaning.UNSAID


def test_a_contradiction_names_all_that_was_seen() -> None:
    assert disputed(a_sight("v3", "v1"), V1_V2) == (
        "the ledger says v2, the layout points at v1, and `version` says v3"
    )
    assert disputed(a_sight("v3"), ()) == (
        "the ledger knows no release that serves, and `version` says v3"
    )


def test_what_serves_is_proven_once() -> None:
    ledger = a_ledger(a_release("v1", hours_ago=1, **UNPROVEN))
    entry = proven("api", a_sight("v1"))(ledger)
    assert entry.release == replace(ledger[0], proven_at=NOW)
    (note,) = entry.notes
    assert (note.ev, note.by) == ("release_proven", DETECTOR)
    assert proven("api", replace(a_sight("v1"), at=NOW + 60))((entry.release,)) == Entry(
        entry.release
    )


@pytest.mark.parametrize("version", ["v1", "v3", None])
def test_what_does_not_serve_is_not_proven(version: str | None) -> None:
    with pytest.raises(NotThat):
        proven("api", a_sight(version))(V1_V2)


def test_a_look_that_is_older_than_the_ledgers_last_word_says_nothing() -> None:
    late = replace(a_sight("v2"), at=V1_V2[-1].deployed_at - 1)
    for word in (proven("api", late), detected("api", "v3", late)):
        with pytest.raises(NotThat):
            word(V1_V2)


def test_what_nobody_told_of_is_a_deploy_that_began_and_ended_when_it_was_first_seen() -> None:
    entry = detected("api", "v3", a_sight("v3"))(V1_V2)
    live = entry.release
    assert (live.version, live.state, live.by) == ("v3", ReleaseState.WATCHING, DETECTOR)
    assert live.deployed_at == live.finished_at == live.proven_at == NOW
    assert entry.others == (replace(V1_V2[-1], replaced_at=NOW),)
    (note,) = entry.notes
    assert (note.ev, note.by, note.replaces, note.release) == (
        "release_finished",
        DETECTOR,
        "v2",
        live,
    )


def test_a_deploy_whose_end_was_never_said_ends_when_it_is_seen() -> None:
    ledger = a_ledger(
        a_release("v1", hours_ago=9),
        a_release("v2", hours_ago=2, state=ReleaseState.DEPLOYING, finished_at=None, **UNPROVEN),
    )
    live = detected("api", "v2", a_sight("v2"))(ledger).release
    assert (live.id, live.deployed_at, live.finished_at) == (2, ledger[1].deployed_at, NOW)


def test_what_somebody_said_meanwhile_is_not_said_again() -> None:
    assert detected("api", "v2", a_sight("v2"))(V1_V2) == Entry(V1_V2[-1])
    with pytest.raises(NotThat):
        detected("api", "v3", a_sight("v3"))(DEPLOYING)


def test_a_bad_version_is_entered_as_what_it_is() -> None:
    live = detected("api", "v2", a_sight("v2"))(V2_IS_BAD).release
    assert live.state is ReleaseState.WATCHING
    assert is_bad(live, (*V2_IS_BAD, live))
    assert not is_bad(V2_IS_BAD[-1], V2_IS_BAD)


words = st.sampled_from(["v1", "v2", "v3", None])


@given(version=words, active=words, divided=st.booleans(), settled=st.booleans())
def test_nothing_is_entered_that_does_not_run(
    version: str | None, active: str | None, divided: bool, settled: bool
) -> None:
    for ledger in (V1_V2, V2_IS_BAD, DEPLOYING, ()):
        sight = Sight(NOW, None if divided else version, active, divided=divided)
        found = meaning(sight, ledger, NOW, settled=settled)
        serving = current(ledger)
        if found is Meaning.UNSAID:
            assert sight.version is not None
            assert serving is None or serving.version != sight.version
            assert active in {None, version}
        if found is Meaning.AS_SAID:
            assert serving is not None
            assert serving.version == version
