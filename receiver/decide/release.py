"""What went live, when, and what may be gone back to.

A version is an opaque word: nothing is read out of it, and none is newer than another by how it is spelled. Newer means
later in the ledger, and the place of a version is where it stood there first; going back does not make it newer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

SOAK = 1800.0  # how long a release has to be seen healthy before it may be gone back to
ABANDONED = 3600.0  # a deploy that said nothing for so long has died

LONGEST = 200
LONGEST_WRITTEN = 400  # with the name of an image before its digest
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_TAG = re.compile(r"(?::[\w][\w.-]{0,127})?", re.ASCII)


def version_name(text: str) -> str:
    """Itself, if it can be a word in a command line, a folder, a label and a message. Raises ValueError."""
    if not 1 <= len(text) <= LONGEST or not text.isprintable() or text != text.strip():
        raise ValueError(f"a version is 1 to {LONGEST} printable characters")
    if text.startswith("-"):
        raise ValueError("a version must not begin with '-'")
    if text == "." or ".." in text or "/" in text or "\\" in text:
        raise ValueError("a version must not hold '/', '\\' or '..'")
    return text


def image_digest(text: str, image: str) -> str:
    """The version that a reference to that image means: its digest, by itself. Raises ValueError."""
    name, at, digest = text.rpartition("@")
    own = name.startswith(image) and _TAG.fullmatch(name.removeprefix(image))
    if at and not own:
        raise ValueError(f"the image of this target is {image}")
    if not DIGEST.fullmatch(digest):
        raise ValueError(
            f"a version of this target is sha256:<64 digits>, or {image}@sha256:<64 digits>"
        )
    return digest


class ReleaseState(StrEnum):
    """Where a release is in its life."""

    DEPLOYING = "deploying"
    WATCHING = "watching"
    STABLE = "stable"
    FAILED = "failed"
    ROLLED_BACK = "rolled_back"
    QUARANTINED = "quarantined"


TRANSITIONS: Final[Mapping[ReleaseState, frozenset[ReleaseState]]] = {
    ReleaseState.DEPLOYING: frozenset(
        {ReleaseState.WATCHING, ReleaseState.FAILED, ReleaseState.QUARANTINED}
    ),
    ReleaseState.WATCHING: frozenset(
        {ReleaseState.STABLE, ReleaseState.ROLLED_BACK, ReleaseState.QUARANTINED}
    ),
    ReleaseState.STABLE: frozenset({ReleaseState.ROLLED_BACK, ReleaseState.QUARANTINED}),
    ReleaseState.FAILED: frozenset({ReleaseState.QUARANTINED}),
    ReleaseState.ROLLED_BACK: frozenset({ReleaseState.QUARANTINED}),
    ReleaseState.QUARANTINED: frozenset(),  # for good: what is mended gets a version of its own
}
LIVE = frozenset({ReleaseState.WATCHING, ReleaseState.STABLE})
BAD = frozenset({ReleaseState.ROLLED_BACK, ReleaseState.QUARANTINED})


class IllegalTransition(Exception):
    """A mistake in the program: no caller may move a release so."""


@dataclass(frozen=True, slots=True)
class Release:
    """One deploy of one version on one target. Times in unix seconds; `id` is the journal's, 0 before it is written."""

    target: str
    version: str
    state: ReleaseState
    deployed_at: float  # when the deploy began
    by: str
    commit: str | None = None
    finished_at: float | None = None  # when it was live
    failed_at: float | None = None
    replaced_at: float | None = None  # when the deploy of the next one that went live began
    proven_at: float | None = None  # when the target itself first said that it is this version
    healthy_since: float | None = None  # of an unbroken stretch; None while it was never seen so
    healthy_until: float | None = None  # when it was last seen so; None where nobody keeps looking
    stable_at: float | None = None
    restore_point_at: float | None = None  # when somebody named it one
    compatible_down_to: str | None = None  # the oldest version that can live with its database
    rollback: bool = False  # whether going back put it there
    frozen_at: float | None = None  # since when, for its rollback, no deploy begins on the target
    id: int = 0

    def moved(self, state: ReleaseState) -> Release:
        """Itself in another state. Raises IllegalTransition."""
        if state not in TRANSITIONS[self.state]:
            raise IllegalTransition(f"release {self.id} cannot go from {self.state} to {state}")
        return replace(self, state=state)

    @property
    def serves(self) -> bool:
        """Whether it went live and nothing took its place; also one that is quarantined serves until then."""
        was_live = self.finished_at is not None and self.replaced_at is None
        return was_live and self.state in LIVE | {ReleaseState.QUARANTINED}


def current(releases: Sequence[Release]) -> Release | None:
    """What serves now, of one target's ledger, oldest first."""
    return next((one for one in reversed(releases) if one.serves), None)


def in_flight(releases: Sequence[Release], now: float) -> Release | None:
    """The deploy that has begun and not ended, unless it must have died."""
    begun = unended(releases)
    return None if begun is None or now - begun.deployed_at >= ABANDONED else begun


def unended(releases: Sequence[Release]) -> Release | None:
    """The deploy that nobody said the end of, dead or not."""
    return next((one for one in reversed(releases) if one.state is ReleaseState.DEPLOYING), None)


def bad_versions(releases: Sequence[Release]) -> frozenset[str]:
    """Versions that were gone back from or are quarantined, wherever else they stand in the ledger: not deployed again."""
    return frozenset(one.version for one in releases if one.state in BAD)


def frozen(releases: Sequence[Release]) -> Release | None:
    """The release since whose rollback no deploy begins, until a human lifts that."""
    return next((one for one in reversed(releases) if one.frozen_at is not None), None)


def soaked(release: Release, now: float, soak: float) -> bool:
    """Whether it was proven to be what it says, and seen to be healthy for so long while it served."""
    if release.state not in LIVE or release.proven_at is None or release.healthy_since is None:
        return False
    ends = (now, release.replaced_at, release.healthy_until)
    until = min(end for end in ends if end is not None)
    return until - max(release.proven_at, release.healthy_since) >= soak


def trusted(releases: Sequence[Release], now: float, soak: float) -> tuple[Release, ...]:
    """Everything that may be gone back to, oldest first: restore points, and what was proven and has soaked."""
    bad = bad_versions(releases)
    return tuple(
        one
        for one in releases
        if one.version not in bad
        and one.state in LIVE
        and (one.restore_point_at is not None or soaked(one, now, soak))
    )


def known_good(releases: Sequence[Release], now: float, soak: float = SOAK) -> Release | None:
    """The newest one that may be gone back to. Never what serves now, nor the same version deployed before."""
    serving = current(releases)
    away = None if serving is None else serving.version
    others = [one for one in trusted(releases, now, soak) if one.version != away]
    return others[-1] if others else None


def places(releases: Sequence[Release]) -> Mapping[str, int]:
    """Where each version stood first."""
    first: dict[str, int] = {}
    for place, one in enumerate(releases):
        first.setdefault(one.version, place)
    return first


def schema_allows(releases: Sequence[Release], version: str) -> bool | None:
    """Whether the database can be lived with by that version, after all that came later.

    None when a later release did not say, or named a version that the ledger does not have. Also one that failed may
    have changed the database.
    """
    first = places(releases)
    if version not in first:
        return None
    later = (one for one in releases if first[one.version] > first[version])
    said = {one.compatible_down_to for one in later}
    if not said <= first.keys():
        return None
    return all(first[oldest] <= first[version] for oldest in said if oldest is not None)
