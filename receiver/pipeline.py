"""The story of an incident, one stage a line: intake → plan → guard → act → verify → notify.

Intake runs in the request. Everything after it runs here: whatever is due in the journal is claimed under a lease,
moved by the stage of its state until it has to wait, and given back. A receiver that dies loses nothing but time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from prunella.logs import create_logger
from prunella.service.clock import Clock
from receiver import metrics
from receiver.decide.incident import State
from receiver.decide.maintenance import maintained, open_ones
from receiver.journal import Claim, Fenced, JournalUnavailable
from receiver.stages.act import interrupted, look_first
from receiver.stages.climb import escalated, inconclusive, next_rung, step_failed
from receiver.stages.context import Context
from receiver.stages.gauges import Series, Shifting
from receiver.stages.guard import awaiting, blocked, guard
from receiver.stages.launches import LaunchWatcher
from receiver.stages.plan import hold, plan, watch
from receiver.stages.reconcile import Reconciler
from receiver.stages.releases import ReleaseGauges
from receiver.stages.retention import retain
from receiver.stages.schedules import Scheduler
from receiver.stages.sender import Sender
from receiver.stages.sightings import Sightings
from receiver.stages.upkeep import Upkeep
from receiver.stages.verify import healed_hold, verify
from receiver.tools import Alertmanager

log = create_logger("prunella.receiver.pipeline")

Stage = Callable[[Claim, Context], Awaitable[Claim | None]]

STAGES: Mapping[State, Stage] = {
    State.OPEN: plan,
    State.HOLD: hold,
    State.GATING: guard,
    State.BLOCKED: blocked,
    State.AWAITING_APPROVAL: awaiting,
    State.SHADOW: watch,
    State.RUNNING: interrupted,  # a live run never gives its claim back, so one that is claimed again was cut off
    State.INTERRUPTED: look_first,
    State.CANCELLED: look_first,
    State.STEP_FAILED: step_failed,
    State.VERIFYING: verify,
    State.DECAYING: verify,
    State.HEALED_HOLD: healed_hold,
    State.NEXT_RUNG: next_rung,
    State.INCONCLUSIVE: inconclusive,
    State.ESCALATED: escalated,
    State.ACKNOWLEDGED: watch,
}

LEASE = 15.0
AT_ONCE = 64
IDLE = 1.0
UPKEEP = 5.0
MEASURE, MEASURE_MOST = 1.0, 15.0
MEASURE_SHARE = 50  # of the time, so much as one look takes: what is large is looked at less often
RETAIN = 60.0
SCHEDULES = 1.0
LAUNCHES = 1.0
VERSIONS = 1.0  # each in its own time


class Pipeline:
    """Works off what is due. `wake` is called after an intake or a command, so that nothing waits for a timer."""

    def __init__(self, context: Context, owner: str, lease: float = LEASE) -> None:
        self._context = replace(context, holds=self._holds)
        self._owner = owner
        self._lease = lease
        self._until: dict[int, float] = {}  # of what is held, by the monotonic clock
        self._due = asyncio.Event()
        self._held: dict[int, tuple[Claim, asyncio.Task[None]]] = {}
        self._letters: dict[str, asyncio.Event] = {}
        self._gauges = Shifting((metrics.MAINTENANCE, metrics.OUTBOX_OLDEST))
        self._releases = ReleaseGauges(context)

    def wake(self) -> None:
        """Looks at what is due now, and at what is to be sent."""
        self._due.set()
        for woken in self._letters.values():
            woken.set()

    @property
    def trouble(self) -> str | None:
        """Why nothing can be worked off now, or None: the journal's own words."""
        return self._context.health.trouble

    async def work(self) -> None:
        """Claims and advances, for ever."""
        await self._patiently(self._turn)

    async def _turn(self) -> None:
        clock = self._context.tools.clock
        self._due.clear()
        room = AT_ONCE - len(self._held)
        if not room or not await self._take(room):
            await self._wait(clock)

    async def work_off(self) -> int:
        """Advances everything that is due now and returns how much that was; for who drives time by himself."""
        taken = await self._take(AT_ONCE)
        await asyncio.gather(*(task for _, task in self._held.values()))
        return taken

    async def _take(self, room: int) -> int:
        """Claims what is due and begins with it; a lease counts from before it was asked for."""
        clock = self._context.tools.clock
        until = clock.monotonic() + self._lease
        claims = await self._context.journal.claim(self._owner, clock.now(), self._lease, room)
        for claim in claims:
            self._until[claim.incident.id] = until
            self._start(claim)
        return len(claims)

    def _holds(self, incident: int) -> bool:
        """Whether nobody else can have taken it over: the monotonic clock cannot be set."""
        return self._context.tools.clock.monotonic() < self._until.get(incident, 0.0)

    async def keep_leases(self) -> None:
        """Prolongs what is held; whatever is ours no longer is stopped at once, before it can touch anything."""
        clock = self._context.tools.clock
        while True:
            await clock.sleep(self._lease / 3)
            held, until = dict(self._held), clock.monotonic() + self._lease
            try:
                claims = [claim for claim, _ in held.values()]
                kept = await self._context.journal.renew(claims, clock.now() + self._lease)
                self._until.update(dict.fromkeys(kept & self._held.keys(), until))
            except JournalUnavailable:
                kept = frozenset(filter(self._holds, held))
            for incident, (_, task) in held.items():
                if incident not in kept:
                    task.cancel()

    async def send(self, channel: str) -> None:
        """Delivers one channel's letters, for ever; runs beside the other channels."""
        sender, clock = Sender(self._context, channel), self._context.tools.clock
        woken = self._letters.setdefault(channel, asyncio.Event())

        async def turn() -> None:
            woken.clear()
            if not await sender.deliver_due():
                await _first(woken.wait(), clock.sleep(IDLE))

        await self._patiently(turn)

    async def reconcile(self, alertmanager: Alertmanager, every: float) -> None:
        """Compares with Alertmanager, at once and then for ever."""
        reconciler = Reconciler(self._context, alertmanager)

        async def turn() -> None:
            drift = await reconciler.once()
            if drift is not None and (drift.missed or drift.gone):
                self.wake()
            await reconciler.pause(every)

        await self._patiently(turn)

    async def upkeep(self) -> None:
        """Does what time alone brings about, for ever."""
        await self._every(UPKEEP, Upkeep(self._context).once)

    async def schedule(self) -> None:
        """Begins what is due by its schedule, for ever."""
        await self._every(SCHEDULES, Scheduler(self._context).once)

    async def watch_launches(self) -> None:
        """Takes the checkpoints of young releases when they are due, for ever."""
        await self._every(LAUNCHES, LaunchWatcher(self._context).once)

    async def watch_versions(self) -> None:
        """Looks which versions run, for ever."""
        await self._every(VERSIONS, Sightings(self._context).once)

    async def retain(self) -> None:
        """Takes away what is too old, once an hour, for ever."""
        await self._every(RETAIN, lambda: retain(self._context))

    async def _every(self, seconds: float, once: Callable[[], Awaitable[object]]) -> None:
        """At once and then every so often; what says that it did something may have left something to do."""

        async def turn() -> None:
            if await once():
                self.wake()
            await self._context.tools.clock.sleep(seconds)

        await self._patiently(turn)

    async def measure(self) -> None:
        """Keeps the gauges that only the journal knows."""
        await self._patiently(self._measure)

    async def _measure(self) -> None:
        clock = self._context.tools.clock
        began = clock.monotonic()
        counts = await self._context.journal.counts()
        for state in State:
            metrics.INCIDENTS.labels(str(state)).set(counts.get(str(state), 0))
        await self._show_maintenance()
        await self._releases.show()
        await self._show_oldest_letters()
        took = clock.monotonic() - began
        await clock.sleep(max(MEASURE, min(MEASURE_MOST, took * MEASURE_SHARE)))

    async def _show_oldest_letters(self) -> None:
        backlog = await self._context.journal.backlog()
        oldest: Series = {
            (channel,): backlog[channel].oldest if channel in backlog else 0.0
            for channel in self._context.settings().channels
        }
        self._gauges.show({metrics.OUTBOX_OLDEST: oldest})

    async def _show_maintenance(self) -> None:
        context, now = self._context, self._context.now()
        windows = open_ones(await context.journal.windows(now), now)
        shown = maintained(windows, (one.matchers for one in context.settings().targets.values()))
        self._gauges.show({metrics.MAINTENANCE: {(name,): on for name, on in shown.items()}})

    async def _patiently(self, turn: Callable[[], Awaitable[None]]) -> None:
        """Turn after turn; without a journal one a second, so that work goes on a second after it is back."""
        context = self._context
        while True:
            try:
                await context.health.look_again(context.journal, context.now())
                await turn()
            except JournalUnavailable as error:
                context.health.failed(error)
                await context.tools.clock.sleep(IDLE)

    async def drain(self, timeout: float) -> None:
        """Lets what is under way come to its next durable point; the rest is found again at the next start."""
        tasks = [task for _, task in self._held.values()]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=timeout)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _start(self, claim: Claim) -> None:
        if claim.incident.unprompted:  # no alert says that it is over: it is when it is proven
            claim = replace(claim, firing=True)
        before = self._held.get(claim.incident.id)
        if before is not None:
            # it slept past its own lease: what it still thinks it may do, it may not
            before[1].cancel()
        task = asyncio.create_task(self._advance(claim), name=f"incident-{claim.incident.id}")
        self._held[claim.incident.id] = (claim, task)
        task.add_done_callback(lambda done: self._let_go(claim.incident.id, done))

    def _let_go(self, incident: int, done: asyncio.Task[None]) -> None:
        if incident in self._held and self._held[incident][1] is done:
            del self._held[incident], self._until[incident]
        self.wake()

    async def _advance(self, claim: Claim) -> None:
        current: Claim | None = claim
        try:
            while current is not None:
                current = await STAGES[current.incident.state](current, self._context)
        except Fenced as error:
            log.warning("an incident went on without us", error=str(error))
        except JournalUnavailable as error:
            self._context.health.failed(error)
            log.warning(
                "an incident waits for the journal", incident=claim.incident.id, error=str(error)
            )
        except Exception:
            # supervising: a bug in one stage must not stop the others. The lease
            # runs out and the incident is taken up again; an action under way is then looked at first
            log.exception("a stage failed", incident=claim.incident.id)

    async def _wait(self, clock: Clock) -> None:
        due = await self._context.journal.next_due()
        seconds = IDLE if due is None else min(IDLE, max(0.005, due - clock.now()))
        await _first(self._due.wait(), clock.sleep(seconds))


async def _first(*waits: Awaitable[object]) -> None:
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
