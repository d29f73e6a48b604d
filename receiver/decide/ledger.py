"""What may be said of a release, and what becomes of a target's ledger then. Pure: an entry is worked out in the
transaction that read the ledger, so that two who speak at once cannot both be right.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from receiver.decide.reason import Reason
from receiver.decide.release import (
    BAD,
    Release,
    ReleaseState,
    bad_versions,
    current,
    frozen,
    in_flight,
    unended,
)

DEPLOY_FROZEN = "deploy_frozen"


class NotThat(Exception):
    """It may not be said of this ledger now; `reason` is for programs, the text for people."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


class NoSuchRelease(NotThat):
    """The ledger does not have it."""


@dataclass(frozen=True, slots=True)
class Deploy:
    """A version on a target, as whoever deploys it says it."""

    target: str
    version: str
    by: str
    at: float
    commit: str | None = None
    compatible_down_to: str | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """An audit row: its word, the release as it is then, who said it, and what it took the place of."""

    ev: str
    release: Release
    by: str
    replaces: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """What is to be written: the release that was spoken of, and others that it changes. An `id` of 0 is new.

    Without notes nothing is changed.
    """

    release: Release
    others: tuple[Release, ...] = ()
    notes: tuple[Note, ...] = ()


Word = Callable[[Sequence[Release]], Entry]


def started(deploy: Deploy) -> Word:
    """A deploy begins. The same version again is the same deploy; another one has to wait for its end."""

    def entry(releases: Sequence[Release]) -> Entry:
        _not_quarantined(releases, deploy.version)
        _not_frozen(releases, deploy.target)
        flying = in_flight(releases, deploy.at)
        if flying is not None and flying.version == deploy.version:
            return Entry(flying)
        if flying is not None:
            raise _busy(flying)
        begun = _new(deploy, ReleaseState.DEPLOYING)
        dead = _given_up(releases, deploy.at)
        notes = (*_failures(dead, deploy.by), Note("release_started", begun, deploy.by))
        return Entry(begun, dead, notes)

    return entry


def finished(deploy: Deploy) -> Word:
    """It is live. Whoever says only this and never `started` is believed; what served until now is replaced."""

    def entry(releases: Sequence[Release]) -> Entry:
        begun, dead = _ending(releases, deploy)
        serving = current(releases)
        if begun is None and serving is not None and serving.version == deploy.version:
            return _said_again(serving, deploy)
        begun = begun or _new(deploy, ReleaseState.DEPLOYING)
        live = replace(_told(begun, deploy).moved(ReleaseState.WATCHING), finished_at=deploy.at)
        before = () if serving is None else (replace(serving, replaced_at=live.deployed_at),)
        replaces = None if serving is None else serving.version
        said = Note("release_finished", live, deploy.by, replaces)
        return Entry(live, (*before, *dead), (*_failures(dead, deploy.by), said))

    return entry


def failed(deploy: Deploy) -> Word:
    """It did not go live: what served before still does."""

    def entry(releases: Sequence[Release]) -> Entry:
        begun, dead = _ending(releases, deploy)
        last = next((one for one in reversed(releases) if one.version == deploy.version), None)
        if begun is None and last is not None and last.state is ReleaseState.FAILED:
            return Entry(last)  # said twice
        if begun is None and last is not None and last.serves:
            raise NotThat(
                "already_finished",
                f"{deploy.version} on {deploy.target} is live and no deploy of it is under way: "
                "if it must never come back, say quarantined",
            )
        begun = begun or _new(deploy, ReleaseState.DEPLOYING)
        over = replace(_told(begun, deploy).moved(ReleaseState.FAILED), failed_at=deploy.at)
        return Entry(over, dead, _failures((*dead, over), deploy.by))

    return entry


def quarantined(deploy: Deploy) -> Word:
    """This version is not deployed again and not gone back to, for good; whether it is known or not."""

    def entry(releases: Sequence[Release]) -> Entry:
        known = [one for one in releases if one.version == deploy.version]
        shut = next((one for one in known if one.state is ReleaseState.QUARANTINED), None)
        last = known[-1] if known else _new(deploy, ReleaseState.FAILED)
        if shut is not None:
            return Entry(shut)
        bad = last.moved(ReleaseState.QUARANTINED)
        return Entry(bad, (), (Note("release_quarantined", bad, deploy.by),))

    return entry


def restore_point(target: str, version: str | None, by: str, at: float) -> Word:
    """What serves now, or the last deploy of a version that went live, may be gone back to."""

    def entry(releases: Sequence[Release]) -> Entry:
        flying = in_flight(releases, at)
        if version is None and flying is not None:
            raise _busy(flying)
        found = current(releases) if version is None else _last_live(releases, version)
        if found is None:
            what = f"{version} was never live" if version else "no release is known to serve"
            raise NoSuchRelease("not_found", f"{what} on {target}: say `release finished` first")
        if any(one.state in BAD for one in releases if one.version == found.version):
            raise NotThat(
                str(ReleaseState.QUARANTINED),
                f"{found.version} on {target} was gone back from or is quarantined: give what is mended a new version",
            )
        if found.restore_point_at is not None:
            return Entry(found)
        named = replace(found, restore_point_at=at)
        return Entry(named, (), (Note("restore_point", named, by),))

    return entry


def unfrozen(target: str, by: str) -> Word:
    """A human has looked: deploys may begin again."""

    def entry(releases: Sequence[Release]) -> Entry:
        shut = [replace(one, frozen_at=None) for one in releases if one.frozen_at is not None]
        if not shut:
            raise NoSuchRelease("not_found", f"deploys of {target} are not frozen")
        return Entry(shut[-1], tuple(shut[:-1]), (Note("deploys_unfrozen", shut[-1], by),))

    return entry


def _new(deploy: Deploy, state: ReleaseState) -> Release:
    return Release(
        target=deploy.target,
        version=deploy.version,
        state=state,
        deployed_at=deploy.at,
        by=deploy.by,
        commit=deploy.commit,
        compatible_down_to=deploy.compatible_down_to,
    )


def _told(release: Release, deploy: Deploy) -> Release:
    """With what only the end of a deploy told."""
    return replace(
        release,
        commit=deploy.commit or release.commit,
        compatible_down_to=deploy.compatible_down_to or release.compatible_down_to,
    )


def _said_again(serving: Release, deploy: Deploy) -> Entry:
    """Twice, or of what was seen to serve before anybody spoke: what only CI knows is kept."""
    told = _told(serving, deploy)
    notes = () if told == serving else (Note("release_finished", told, deploy.by),)
    return Entry(told, (), notes)


def _ending(
    releases: Sequence[Release], deploy: Deploy
) -> tuple[Release | None, tuple[Release, ...]]:
    """The deploy that an end is said of, however long ago it began, and one that died meanwhile."""
    begun = unended(releases)
    if begun is None or begun.version == deploy.version:
        return begun, ()
    if in_flight(releases, deploy.at) is not None:
        raise _busy(begun)
    return None, _given_up(releases, deploy.at)


def _given_up(releases: Sequence[Release], at: float) -> tuple[Release, ...]:
    dead = unended(releases)
    return () if dead is None else (replace(dead.moved(ReleaseState.FAILED), failed_at=at),)


def _failures(releases: Sequence[Release], by: str) -> tuple[Note, ...]:
    return tuple(Note("release_failed", one, by) for one in releases)


def _last_live(releases: Sequence[Release], version: str) -> Release | None:
    known = (one for one in reversed(releases) if one.version == version)
    return next((one for one in known if one.finished_at is not None), None)


def _not_quarantined(releases: Sequence[Release], version: str) -> None:
    if version in bad_versions(releases):
        raise NotThat(
            str(ReleaseState.QUARANTINED),
            f"{version} was gone back from or is quarantined, and is not deployed again: "
            "give what is mended a new version",
        )


def _not_frozen(releases: Sequence[Release], target: str) -> None:
    shut = frozen(releases)
    if shut is not None:
        raise NotThat(
            DEPLOY_FROZEN,
            f"deploys of {target} are frozen since {shut.version} was gone back from, or could not be: "
            f"when a human has looked, say `prunella release unfreeze {target}`",
        )


def _busy(flying: Release) -> NotThat:
    return NotThat(
        str(Reason.DEPLOY_IN_FLIGHT),
        f"the deploy of {flying.version} on {flying.target} has begun and not ended: "
        f"say `release finished` or `release failed {flying.target} {flying.version}` first",
    )
