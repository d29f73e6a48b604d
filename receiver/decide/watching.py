"""What becomes of a release as its launch watch goes on: how long it has been well, and what it is in the end.

A stretch of health begins with a checkpoint that passes and reaches to the last one that did. One that is degraded ends
it. One that is inconclusive does neither, and adds nothing: who cannot see does not get better known.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from receiver.decide.launch import LaunchWatch
from receiver.decide.regression import (
    Base,
    Baseline,
    Finding,
    Judged,
    Judgement,
    Seen,
    Source,
    baseline_before,
)
from receiver.decide.release import BAD, Release, ReleaseState


class Outcome(StrEnum):
    """How a watch ended."""

    STABLE = "stable"
    UNPROVEN = "unproven"  # all phases are over and it was not seen to be good
    REPLACED = "replaced"  # the next deploy ended it
    BAD = "bad"  # gone back from, or quarantined


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One look: when it was due and when it was taken, in unix seconds, in which phase, and what it found."""

    due: float
    at: float
    phase: int
    finding: Finding
    signals: tuple[Judged, ...] = ()
    traffic: float | None = None


@dataclass(frozen=True, slots=True)
class Launch:
    """The watch of one release: None has `begun` while its baseline was not looked for. Checkpoints in order."""

    release: Release
    begun: float | None = None
    baseline: Baseline | None = None
    checkpoints: tuple[Checkpoint, ...] = ()
    ended_at: float | None = None
    outcome: Outcome | None = None

    @property
    def last(self) -> Checkpoint | None:
        """The latest."""
        return self.checkpoints[-1] if self.checkpoints else None

    @property
    def findings(self) -> Mapping[Finding, int]:
        """How often each."""
        return Counter(one.finding for one in self.checkpoints)


def stretch_before(
    release: Release, previous: Release | None, watch: LaunchWatch
) -> tuple[float, float] | None:
    """From when to when the baseline is looked for; None when what served before was too young itself."""
    begin = release.deployed_at - watch.baseline
    if previous is not None and previous.finished_at is not None:
        begin = max(begin, previous.finished_at + watch.window)
    if release.deployed_at - begin < min(watch.window, watch.baseline):
        return None
    return begin, release.deployed_at


def first_baseline(
    seen: Seen | None, previous: Launch | None, watch: LaunchWatch, at: float
) -> Baseline:
    """What the release is compared with at first. After one that was degraded, and after one too young to tell, it is
    what that one was compared with: who mends something is not measured by what was broken."""
    handed = previous.baseline or {} if previous is not None else {}
    carried = {name: Base(one.value, Source.CARRIED, one.at) for name, one in handed.items()}
    if previous is not None and carried and was_degraded(previous):
        return carried
    return carried if seen is None else baseline_before(seen, watch, at)


def was_degraded(launch: Launch) -> bool:
    """Whether the last that could be said of it was bad."""
    if launch.release.state in BAD:
        return True
    said = [one.finding for one in launch.checkpoints if one.finding is not Finding.INCONCLUSIVE]
    return bool(said) and said[-1] is Finding.DEGRADED


def before(releases: Sequence[Release], release: Release) -> Release | None:
    """What served when its deploy began."""
    earlier = [one for one in releases if one.id < release.id and one.finished_at is not None]
    return earlier[-1] if earlier else None


def checked(release: Release, judgement: Judgement, at: float) -> Release:
    """The release with what a checkpoint says of its health."""
    match judgement.finding:
        case Finding.PASS:
            since = release.healthy_since
            return replace(release, healthy_since=at if since is None else since, healthy_until=at)
        case Finding.DEGRADED:
            return replace(release, healthy_since=None, healthy_until=None)
        case Finding.INCONCLUSIVE:
            return release


def over(release: Release) -> Outcome | None:
    """What ends a watch before its time."""
    if release.state in BAD:
        return Outcome.BAD
    return Outcome.REPLACED if release.replaced_at is not None else None


def survived(launch: Launch, soak: float) -> str | None:
    """None when all phases are over and it was seen to be good to the end; else what is missing, for people.

    It has to have passed in the last phase, after everything that was bad, and over at least the soak.
    """
    release, said = launch.release, launch.checkpoints
    passed = [one for one in said if one.finding is Finding.PASS]
    if not passed:
        return "no checkpoint passed"
    if release.healthy_since is None or release.healthy_until is None:
        return "the last that could be seen of it was degraded"
    if passed[-1].phase < said[-1].phase:
        return f"nothing could be seen after phase {passed[-1].phase}"
    if release.healthy_until - release.healthy_since < soak:
        return "it was not seen to be well for as long as it has to soak"
    return None


def settled(release: Release, at: float) -> Release:
    """What survived its watch. Only what the target itself said it is becomes a restore point."""
    if release.state is not ReleaseState.WATCHING:
        return release
    point = release.restore_point_at or (at if release.proven_at is not None else None)
    return replace(release.moved(ReleaseState.STABLE), stable_at=at, restore_point_at=point)
