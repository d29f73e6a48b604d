"""The launch watch: each checkpoint once, whoever looks, made up for once if missed; and what follows from it.

What is due is seen from the journal, measured without a claim, and written by whoever comes first: the turn that writes
a checkpoint writes what it says of the release, its audit rows and its letters in the same transaction.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from prunella.logs import create_logger
from receiver.decide.launch import LaunchWatch, Moment, due
from receiver.decide.regression import Baseline, Seen, judge
from receiver.decide.release import SOAK, Release
from receiver.decide.watching import (
    Checkpoint,
    Launch,
    Outcome,
    before,
    checked,
    first_baseline,
    over,
    settled,
    stretch_before,
    survived,
)
from receiver.journal.launches import Step, Turn
from receiver.stages.context import Context
from receiver.stages.launch_news import ended_step, named, told, went_live
from receiver.stages.measure import measure, measure_stretch
from receiver.stages.releases import service_of
from receiver.targets import Target

log = create_logger("prunella.receiver.launches")
ASK_AGAIN = 15.0  # for a baseline that could not be asked for
AT_ONCE = 8  # watches that ask Prometheus, so that a slow answer for one is not waited for by all


class LaunchWatcher:
    """Remembers only when it may ask for a baseline again; everything else is in the journal."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._not_before: dict[int, float] = {}
        self._room = asyncio.Semaphore(AT_ONCE)

    async def once(self) -> int:
        """Takes whatever is due, one step of each watch; how many."""
        watches = await self._context.journal.watches()
        open_ = {one.release.id for one in watches}
        self._not_before = {key: at for key, at in self._not_before.items() if key in open_}
        turns = [self._in_turn(one) for one in watches]
        done = await asyncio.gather(*turns, return_exceptions=True)
        for one in done:
            if isinstance(one, BaseException):
                raise one
        return sum(one is True for one in done)

    async def _in_turn(self, launch: Launch) -> bool:
        async with self._room:
            return await self._attend(launch)

    async def _attend(self, launch: Launch) -> bool:
        context = self._context
        target = context.settings().targets.get(launch.release.target)
        outcome = over(launch.release)
        if outcome is not None:
            return await self._advance(launch, _end(context, outcome))
        if target is None:
            return False  # it is in no config that we know: nobody says what its service is
        if launch.baseline is None and await self._baseline(launch, target):
            return True
        watch = context.settings().launch_watch
        moment = _due(launch, watch, context.now())
        if launch.begun is None or moment is None:
            return False
        at = context.now()
        seen = await measure(context, watch, service_of(target))
        return await self._advance(launch, _check(context, moment, seen, at))

    async def _baseline(self, launch: Launch, target: Target) -> bool:
        """Looks for what it is to be compared with; True when something was written."""
        context, release, clock = self._context, launch.release, self._context.tools.clock
        if clock.monotonic() < self._not_before.get(release.id, 0.0):
            return False
        watch = context.settings().launch_watch
        earlier = before(await context.journal.releases(release.target), release)
        stretch = stretch_before(release, earlier, watch)
        seen = None
        if stretch is not None:
            seen = await measure_stretch(context, watch, service_of(target), *stretch)
        if seen is not None and seen.problem:
            self._not_before[release.id] = clock.monotonic() + ASK_AGAIN
            if launch.begun is not None:
                return False
            log.warning("no baseline can be had yet", release=release.id, error=seen.problem)
            return await self._advance(launch, _begin(context, None))
        previous = None if earlier is None else await context.journal.launch(earlier.id)
        found = first_baseline(seen, previous, watch, release.deployed_at)
        return await self._advance(launch, _begin(context, found))

    async def _advance(self, launch: Launch, turn: Turn) -> bool:
        context = self._context
        after = await context.journal.advance(launch.release.id, turn, context.now())
        if after is None:
            return False
        _say(launch, after)
        return True


def _due(launch: Launch, watch: LaunchWatch, now: float) -> Moment | None:
    release, last = launch.release, launch.last
    live = release.deployed_at if release.finished_at is None else release.finished_at
    return due(
        watch.phases,
        release.deployed_at,
        first=live + watch.window,
        taken=None if last is None else last.due,
        now=now,
    )


def _begin(context: Context, baseline: Baseline | None) -> Turn:
    """The watch begins; its baseline may come later."""

    def turn(launch: Launch, ledger: Sequence[Release]) -> Step | None:
        if launch.baseline is not None or launch.ended_at is not None:
            return None
        if launch.begun is not None and baseline is None:
            return None
        begun = context.now() if launch.begun is None else launch.begun
        rows = [] if launch.begun is not None else [("launch_begun", named(launch))]
        if baseline is not None:
            figures = {name: one.value for name, one in baseline.items()}
            sources = sorted({str(one.source) for one in baseline.values()})
            found = {**named(launch), "baseline": figures, "source": ", ".join(sources)}
            rows.append(("launch_baseline", found))
        letters = went_live(context, launch, ledger) if launch.begun is None else ()
        return Step(replace(launch, begun=begun, baseline=baseline), tuple(rows), letters)

    return turn


def _check(context: Context, moment: Moment, seen: Seen, at: float) -> Turn:
    """A checkpoint, with what it means; the last of all ends the watch."""
    settings = context.settings()
    watch = settings.launch_watch

    def turn(launch: Launch, ledger: Sequence[Release]) -> Step | None:
        done = launch.last is not None and launch.last.due >= moment.due
        if done or launch.ended_at is not None or over(launch.release) is not None:
            return None
        judgement = judge(seen, launch.baseline or {}, watch, at)
        one = Checkpoint(
            moment.due, at, moment.phase, judgement.finding, judgement.signals, seen.traffic.value
        )
        baseline = launch.baseline
        if baseline is not None:  # one that could not be asked for yet is not made up for by this
            baseline = {**judgement.gained, **baseline}
        after = replace(
            launch,
            release=checked(launch.release, judgement, at),
            baseline=baseline,
            checkpoints=(*launch.checkpoints, one),
        )
        step = told(context, launch, after)
        return _last(context, step, at) if moment.last else step

    return turn


def _last(context: Context, step: Step, at: float) -> Step:
    """All phases are over: stable, or a human has to know that nobody knows."""
    launch = step.launch
    why = survived(launch, soak_of(context, launch.release))
    if why is not None:
        return ended_step(context, step, Outcome.UNPROVEN, why)
    settled_ = replace(launch, release=settled(launch.release, at))
    return ended_step(context, replace(step, launch=settled_), Outcome.STABLE)


def _end(context: Context, outcome: Outcome) -> Turn:
    """Something else ended the watch."""

    def turn(launch: Launch, ledger: Sequence[Release]) -> Step | None:
        if launch.begun is None or launch.ended_at is not None or over(launch.release) is None:
            return None
        return ended_step(context, Step(launch), outcome)

    return turn


def soak_of(context: Context, release: Release) -> float:
    """How long a release of this target has to be seen well."""
    target = context.settings().targets.get(release.target)
    return SOAK if target is None or target.release is None else target.release.soak


def _say(was: Launch, now: Launch) -> None:
    release = now.release
    if now.last is not None and (was.last is None or was.last.due != now.last.due):
        log.info(
            "a release was looked at",
            target=release.target,
            version=release.version,
            phase=now.last.phase,
            finding=str(now.last.finding),
        )
    if now.outcome is not None:
        log.info(
            "a launch watch ended",
            target=release.target,
            version=release.version,
            outcome=str(now.outcome),
        )
