"""What is seen of a target's version from outside, held against its ledger: what it proves, what it adds, and what cannot
be so.

What runs is believed over what was said, but not at first sight, and not alone where the layout says otherwise: a version
endpoint is written by people, and an old one that still answers is no new deploy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from receiver.decide.ledger import Deploy, Entry, Note, NotThat, Word, finished
from receiver.decide.release import Release, bad_versions, current, in_flight

DETECTOR = "detector"


@dataclass(frozen=True, slots=True)
class Sight:
    """One look. `version` is what every proof says runs, None where none can be named; `also` are other words for it;
    `divided`: not one version runs. `active` is what the layout points at, None where that cannot be seen."""

    at: float
    version: str | None
    active: str | None = None
    also: frozenset[str] = frozenset()
    divided: bool = False
    detail: str = ""

    def runs(self, version: str) -> bool:
        """Whether it is that version and no other."""
        return self.version is not None and version in {self.version, *self.also}


class Meaning(StrEnum):
    """What a look says of the ledger."""

    UNREADABLE = "unreadable"  # nothing
    BUSY = "busy"  # a deploy or a rollback is under way: whatever is seen is on its way
    AS_SAID = "as_said"
    UNSAID = "unsaid"  # it went live, and nobody said so
    DISPUTED = "disputed"  # what runs, where the layout points, and the ledger cannot all be right


def meaning(sight: Sight, releases: Sequence[Release], now: float, *, settled: bool) -> Meaning:
    """`settled`: no rollback is under way, or was left without an end."""
    if in_flight(releases, now) is not None or not settled:
        return Meaning.BUSY
    serving = current(releases)
    said = None if serving is None else serving.version
    if sight.divided:
        return Meaning.DISPUTED
    if sight.version is None:
        elsewhere = said is not None and sight.active not in {None, said}
        return Meaning.DISPUTED if elsewhere else Meaning.UNREADABLE
    if said is not None and sight.runs(said):
        follows = sight.active is None or sight.runs(sight.active)
        return Meaning.AS_SAID if follows else Meaning.DISPUTED
    return Meaning.UNSAID if _went_live(sight, releases) else Meaning.DISPUTED


def _went_live(sight: Sight, releases: Sequence[Release]) -> bool:
    """Where no layout confirms it, only what was never there is believed, and what must not be there."""
    if sight.active is not None:
        return sight.runs(sight.active)
    known = {one.version for one in releases if one.finished_at is not None}
    before = any(map(sight.runs, known))
    return not before or any(map(sight.runs, bad_versions(releases)))


def disputed(sight: Sight, releases: Sequence[Release]) -> str:
    """The contradiction, for people."""
    serving = current(releases)
    said = "knows no release that serves" if serving is None else f"says {serving.version}"
    points = "" if sight.active is None else f", the layout points at {sight.active}"
    return f"the ledger {said}{points}, and {sight.detail}"


def proven(target: str, sight: Sight) -> Word:
    """What the ledger says serves was seen to serve: once is enough, because what is running does not become another."""

    def entry(releases: Sequence[Release]) -> Entry:
        serving = current(releases)
        if serving is None or not sight.runs(serving.version) or _told_since(releases, sight.at):
            raise NotThat("replaced", f"something else was said of {target} meanwhile")
        if serving.proven_at is not None:
            return Entry(serving)
        seen = _proven(serving, sight.at)
        return Entry(seen, (), (Note("release_proven", seen, DETECTOR),))

    return entry


def detected(target: str, version: str, first: Sight) -> Word:
    """It went live and nobody said so: a deploy that began and ended when it was first seen. Bad or not, it is true."""

    def entry(releases: Sequence[Release]) -> Entry:
        flying, serving = in_flight(releases, first.at), current(releases)
        if flying is not None or _told_since(releases, first.at):
            raise NotThat("replaced", f"something else was said of {target} meanwhile")
        if serving is not None and serving.version == version:
            return Entry(serving)
        made = finished(Deploy(target, version, DETECTOR, first.at))(releases)
        live = _proven(made.release, first.at)
        notes = [
            replace(one, release=live) if one.release is made.release else one for one in made.notes
        ]
        return Entry(live, made.others, tuple(notes))

    return entry


def _proven(release: Release, at: float) -> Release:
    return replace(release, proven_at=max(at, release.finished_at or at))


def _told_since(releases: Sequence[Release], at: float) -> bool:
    """Whether anybody said anything after that look: then it is older than the ledger."""
    moments = (
        moment
        for one in releases
        for moment in (one.deployed_at, one.finished_at, one.failed_at)
        if moment is not None
    )
    return any(moment > at for moment in moments)


def is_bad(release: Release, releases: Sequence[Release]) -> bool:
    """Whether that version was gone back from, or quarantined, before or since."""
    return release.version in bad_versions(releases)
