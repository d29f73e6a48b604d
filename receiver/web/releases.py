"""Releases over the API: what CI says of a deploy, what an operator names a restore point, and the ledger itself."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, TypedDict

from aiohttp import web
from pydantic import AfterValidator

from prunella.service.answers import Refused
from prunella.service.application import CLIENT
from prunella.service.described import describes
from prunella.service.settings import Settings
from receiver.decide.ledger import (
    Deploy,
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
    LONGEST_WRITTEN,
    SOAK,
    Release,
    bad_versions,
    trusted,
    version_name,
)
from receiver.decide.watching import Launch
from receiver.stages.context import Context
from receiver.stages.releases import service_of, watched_in
from receiver.strategies.base import Strategy
from receiver.unknown import unknown
from receiver.web.bodies import read_object, validated
from receiver.web.launches import LastSeen, last_of
from receiver.web.paging import limit_of
from receiver.web.shapes import rfc3339

LISTED = 100


def _commit(text: str) -> str:
    if re.fullmatch(r"[0-9a-fA-F]{4,64}", text) is None:
        raise ValueError("a commit is 4 to 64 hexadecimal digits")
    return text.lower()


def _written(text: str) -> str:
    """What may be a version; which words are, the target says."""
    if not 1 <= len(text) <= LONGEST_WRITTEN:
        raise ValueError("a version is 1 to 200 printable characters")
    return text


Version = Annotated[str, AfterValidator(_written)]


class ReleaseShown(TypedDict):
    """One deploy."""

    id: int
    target: str
    service: str
    version: str
    commit: str | None
    state: str
    deployed_at: str | None
    finished_at: str | None
    replaced_at: str | None
    proven_at: str | None
    stable_at: str | None
    compatible_down_to: str | None
    known_good: bool
    quarantined: bool
    rollback: bool
    frozen_at: str | None
    serves: bool
    phase: int | None
    by: str


class ReleaseRow(ReleaseShown, LastSeen):
    """One deploy, and what its launch watch has seen."""


class ReleaseBody(Settings):
    """What CI, or an operator, says of a version."""

    target: str
    version: Version
    state: Literal["started", "finished", "failed", "quarantined"]
    commit: Annotated[str, AfterValidator(_commit)] | None = None
    compatible_down_to: Version | None = None


class RestorePointBody(Settings):
    """What may be gone back to; without a version what serves now."""

    target: str
    version: Version | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    """The ids of what may be gone back to, and the versions, by target, that are never deployed again."""

    good: frozenset[int]
    bad: frozenset[tuple[str, str]]


WORDS = {"started": started, "finished": finished, "failed": failed, "quarantined": quarantined}


class Releases:
    """The routes `/api/v1/releases` and `/api/v1/restore-points`."""

    def __init__(self, context: Context) -> None:
        self._context = context

    @describes(
        {200: list[ReleaseRow]},
        refuses=(400, 404, 422),
        query={"target": str, "version": str, "limit": int},
    )
    async def list(self, request: web.Request) -> web.Response:
        """Newest first; `?target=&version=&limit=`."""
        query = request.query
        limit = limit_of(query, LISTED)
        target = query.get("target")
        found = await self._context.journal.releases(target)
        if target is not None and not found:
            self._known(target, 404)
        known = self._judged(found)
        wanted = query.get("version")
        if wanted is not None:
            wanted = self._version(target, wanted)
        named = [one for one in reversed(found) if wanted in {None, one.version}]
        watches = {one.release.id: one for one in await self._context.journal.launches(target)}
        listed = [self._row(one, known, watches.get(one.id)) for one in named[:limit]]
        return web.json_response(listed)

    @describes({200: ReleaseShown}, refuses=(404, 409), takes=ReleaseBody)
    async def say(self, request: web.Request) -> web.Response:
        """started, finished, failed or quarantined; the same again changes nothing."""
        body = validated(ReleaseBody, await read_object(request))
        now, by = self._context.now(), request[CLIENT] or "operator"
        self._known(body.target, 422)
        version = self._version(body.target, body.version)
        oldest = body.compatible_down_to and self._version(body.target, body.compatible_down_to)
        deploy = Deploy(body.target, version, by, now, body.commit, oldest)
        return await self._enter(body.target, WORDS[body.state](deploy), now)

    @describes({200: ReleaseShown}, refuses=(404, 409), takes=RestorePointBody)
    async def mark(self, request: web.Request) -> web.Response:
        """Names a restore point."""
        body = validated(RestorePointBody, await read_object(request))
        now, by = self._context.now(), request[CLIENT] or "operator"
        self._known(body.target, 422)
        version = body.version and self._version(body.target, body.version)
        return await self._enter(body.target, restore_point(body.target, version, by, now), now)

    async def _enter(self, target: str, word: Word, now: float) -> web.Response:
        try:
            release = await self._context.journal.enter(target, word, now)
        except NotThat as refusal:
            status = 404 if isinstance(refusal, NoSuchRelease) else 409
            raise Refused(status, refusal.reason, str(refusal)) from refusal
        known = self._judged(await self._context.journal.releases(target))
        return web.json_response(self._shown(release, known))

    def _facet(self, target: str | None) -> Strategy | None:
        found = self._context.settings().targets.get(target or "")
        return None if found is None else found.release

    def _service(self, target: str) -> str:
        """The label of its series, also of a target that the config names no longer."""
        found = self._context.settings().targets.get(target)
        return target if found is None else service_of(found)

    def _version(self, target: str | None, text: str) -> str:
        """The ledger's word for it: each strategy has its own versions."""
        facet = self._facet(target)
        try:
            return version_name(text) if facet is None else facet.version_of(text)
        except ValueError as wrong:
            raise Refused(422, "wrong_shape", f"the body.version: {wrong}") from wrong

    def _known(self, target: str, status: int) -> None:
        """A name that was mistyped must not pass for one of which nothing bad is known."""
        targets = self._context.settings().targets
        if target not in targets:
            raise Refused(status, "unknown_target", unknown("target", target, targets))

    def _judged(self, releases: Sequence[Release]) -> Judged:
        """What the ledgers say of their releases, target by target."""
        ledgers: dict[str, list[Release]] = {}
        for one in releases:
            ledgers.setdefault(one.target, []).append(one)
        good: set[int] = set()
        for target, each in ledgers.items():
            facet = self._facet(target)
            soak = SOAK if facet is None else facet.soak
            good |= {one.id for one in trusted(each, self._context.now(), soak)}
        bad = {(name, version) for name, each in ledgers.items() for version in bad_versions(each)}
        return Judged(frozenset(good), frozenset(bad))

    def _row(self, release: Release, known: Judged, launch: Launch | None) -> ReleaseRow:
        return {**self._shown(release, known), **last_of(launch)}

    def _shown(self, release: Release, known: Judged) -> ReleaseShown:
        return {
            "id": release.id,
            "target": release.target,
            "service": self._service(release.target),
            "version": release.version,
            "commit": release.commit,
            "state": str(release.state),
            "deployed_at": rfc3339(release.deployed_at),
            "finished_at": rfc3339(release.finished_at),
            "replaced_at": rfc3339(release.replaced_at),
            "proven_at": rfc3339(release.proven_at),
            "stable_at": rfc3339(release.stable_at),
            "compatible_down_to": release.compatible_down_to,
            "known_good": release.id in known.good,
            "quarantined": (release.target, release.version) in known.bad,
            "rollback": release.rollback,
            "frozen_at": rfc3339(release.frozen_at),
            "serves": release.serves,
            "phase": watched_in(
                release, self._context.settings().launch_watch, self._context.now()
            ),
            "by": release.by,
        }
