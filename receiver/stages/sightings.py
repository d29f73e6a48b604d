"""Looks from outside which version runs on each target that has releases, and tells the ledger: the second source beside CI.

Nothing is remembered but what was seen a moment ago: who starts anew sees it again. Every word is judged in the
transaction that read the ledger, so several receivers may look.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from prunella.logs import create_logger
from receiver import metrics
from receiver.channels.base import Notice
from receiver.decide.going_back import unsettled
from receiver.decide.ledger import NotThat, Word
from receiver.decide.release import BAD, Release, current
from receiver.decide.sighting import (
    Meaning,
    Sight,
    detected,
    disputed,
    is_bad,
    meaning,
    proven,
)
from receiver.stages.context import Context
from receiver.stages.notify import news
from receiver.stages.releases import service_of
from receiver.strategies.base import Strategy, StrategyError
from receiver.targets import Target
from receiver.tools import Tools

log = create_logger("prunella.receiver.sightings")
EVERY = 30.0
SOON, YOUNG = 5.0, 300.0  # what went live so lately is looked at more often until it is proven
HOLD = 20.0  # so long a version has to be seen before it is entered: CI may be about to speak
PATIENCE = 20.0


class Sightings:
    """Remembers when it looked, what nobody has said yet, and what it has shown."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._looked: dict[str, float] = {}
        self._unsaid: dict[str, Sight] = {}
        self._disputed: dict[str, str] = {}
        self._told: set[int] = set()
        self._shown: dict[str, str] = {}  # the service under which each target is shown

    async def once(self) -> int:
        """Looks at whatever is due; how many targets."""
        targets = self._context.settings().targets.values()
        released = {one.name: one for one in targets if one.release is not None}
        self._forget(released)
        ledger = await self._context.journal.serving()
        serving = {one.target: one for one in ledger if one.serves}
        due = [one for name, one in released.items() if self._is_due(name, serving.get(name))]
        await asyncio.gather(*(self._look(one) for one in due))
        return len(due)

    def _is_due(self, target: str, serving: Release | None) -> bool:
        last, now = self._looked.get(target), self._context.tools.clock.monotonic()
        return last is None or now - last >= self._pause(serving)

    def _pause(self, serving: Release | None) -> float:
        if serving is None or serving.proven_at is not None or serving.finished_at is None:
            return EVERY
        return SOON if self._context.now() - serving.finished_at < YOUNG else EVERY

    async def _look(self, target: Target) -> None:
        context = self._context
        assert target.release is not None  # noqa: S101 - who calls has asked
        self._looked[target.name] = context.tools.clock.monotonic()
        sight = await see(target.release, target, context.tools)
        releases = await context.journal.releases(target.name)
        past = await context.journal.rollbacks(target.name)
        settled = unsettled(releases, past) is None
        found = meaning(sight, releases, context.now(), settled=settled)
        first = self._unsaid.pop(target.name, None)
        if found is Meaning.UNSAID:
            await self._hold(target, target.release, sight, first, releases)
        elif found is not Meaning.BUSY:
            await self._prove(target, sight, current(releases))
        await self._tell(target, releases)
        self._show(target, found, sight, releases)

    async def _prove(self, target: Target, sight: Sight, serving: Release | None) -> None:
        if serving is None or serving.proven_at is not None or not sight.runs(serving.version):
            return
        release = await self._say(target, proven(target.name, sight))
        if release is not None:
            log.info("a release is proven", target=target.name, version=release.version)

    async def _hold(
        self,
        target: Target,
        strategy: Strategy,
        sight: Sight,
        first: Sight | None,
        releases: Sequence[Release],
    ) -> None:
        """What nobody told of is entered when it was seen again after a while."""
        if first is None or not sight.runs(first.version or ""):
            self._unsaid[target.name] = sight
        elif sight.at - first.at < HOLD:
            self._unsaid[target.name] = first
        else:
            await self._enter(target, strategy, first, releases)

    async def _enter(
        self, target: Target, strategy: Strategy, first: Sight, releases: Sequence[Release]
    ) -> None:
        try:
            version = strategy.version_of(first.version or "")
        except ValueError as error:
            log.warning("what runs is no version", target=target.name, error=str(error))
            return
        release = await self._say(target, detected(target.name, version, first))
        if release is None or release.id in {one.id for one in releases}:
            return
        metrics.RELEASES_DETECTED.labels(target.name).inc()
        log.warning("a release went live and nobody said so", target=target.name, version=version)
        await self._tell(target, await self._context.journal.releases(target.name))

    async def _say(self, target: Target, word: Word) -> Release | None:
        """None when the ledger has changed since the look: the next one will see."""
        try:
            return await self._context.journal.enter(target.name, word, self._context.now())
        except NotThat:
            return None

    async def _tell(self, target: Target, releases: Sequence[Release]) -> None:
        """Once, that a version serves which must not; whoever deployed it."""
        serving = current(releases)
        if serving is None or serving.state in BAD or not is_bad(serving, releases):
            return
        if serving.id not in self._told:
            self._told.add(serving.id)
            letters = news(self._context, self._notice(target, serving))
            await self._context.journal.record((), letters, self._context.now())

    def _notice(self, target: Target, release: Release) -> Notice:
        context = self._context
        return Notice(
            event="release",
            incident=0,
            episode="",
            step="",
            severity="critical",
            title=f"[bad version] {release.version} serves on {target.name}"[:300],
            text=(
                f"{release.version} was gone back from, or is quarantined, and serves on {target.name} again "
                f"(said by {release.by}). Deploy another one, or go back: prunella rollback {target.name}"
            ),
            at=context.now(),
            dedup_key=f"prunella-{context.journal.name}-release-{release.id}-bad",
            labels={"service": service_of(target), "target": target.name},
            facts={"release": f"{target.name} {release.version}"},
        )

    def _show(
        self, target: Target, found: Meaning, sight: Sight, releases: Sequence[Release]
    ) -> None:
        name, service = target.name, service_of(target)
        self._shown[name] = service
        metrics.RELEASE_READABLE.labels(service, name).set(sight.version is not None)
        metrics.RELEASE_DISPUTED.labels(service, name).set(found is Meaning.DISPUTED)
        was, now = self._disputed.pop(name, ""), ""
        if found is Meaning.DISPUTED:
            now = self._disputed[name] = disputed(sight, releases)
        if now and now != was:
            log.warning("the ledger of releases is disputed", target=name, seen=now)
        if was and not now:
            log.info("the ledger of releases is not disputed any more", target=name)

    def _forget(self, released: Mapping[str, Target]) -> None:
        """What is in the config no more, or under another service."""
        for name, service in list(self._shown.items()):
            if name not in released or service_of(released[name]) != service:
                metrics.RELEASE_READABLE.remove(service, name)
                metrics.RELEASE_DISPUTED.remove(service, name)
                del self._shown[name]
        for memory in (self._looked, self._unsaid, self._disputed):
            for name in memory.keys() - released.keys():
                memory.pop(name)


async def see(release: Strategy, target: Target, tools: Tools, patience: float = PATIENCE) -> Sight:
    """One look at a target, at all its machines."""
    at = tools.clock.now()
    try:
        async with asyncio.timeout(patience):
            reading = await release.running_everywhere(target.process, tools)
            active = {await _active(machine, tools) for machine in release.machines()}
    except TimeoutError:
        return Sight(at, None, detail=f"no answer within {patience:g} s")
    if len(active) > 1:
        said = f"the layouts of its machines differ, and {reading.detail}"
        return Sight(at, None, divided=True, detail=said)
    return Sight(
        at, reading.version, active.pop(), reading.also, reading.divided, detail=reading.detail
    )


async def _active(machine: Strategy, tools: Tools) -> str | None:
    try:
        return await machine.active(tools)
    except StrategyError:
        return None
