"""What time alone brings about, whoever is looking: frozen scopes that thaw, incidents that nobody hears of any more."""

from __future__ import annotations

from collections import Counter

from prunella.logs import create_logger
from receiver import metrics
from receiver.checks.alert_cleared import AlertCleared
from receiver.checks.base import FiringAlert, Scene
from receiver.decide.drift import forgotten_since
from receiver.decide.incident import MOVES, Incident, State
from receiver.decide.reason import Reason
from receiver.decide.verdict import Outcome
from receiver.journal import Conflict, Move
from receiver.stages.chain import walk_on
from receiver.stages.context import Context, event_of
from receiver.stages.notify import letters
from receiver.stages.trust import TrustKeeper
from receiver.targets import Target

log = create_logger("prunella.receiver.upkeep")
KINDS = ("global", "playbook", "storm", "target")
LOOK_EVERY = 60.0  # for what was forgotten
ASK_AGAIN = 600.0  # about what somebody still knew
GONE_FOR_GOOD = 900.0  # a channel: until then a config that is put right still has its letters
AT_ONCE = 500  # letters
GONE = "the config has no such channel any more"


class Upkeep:
    """Remembers when it looked last; everything else is in the journal."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._trust = TrustKeeper(context)
        self._looked: float | None = None
        self._asked: dict[int, float] = {}
        # channels with letters and without a place in the config
        self._missing: dict[str, float] = {}

    async def once(self) -> None:
        """Whatever is due by time."""
        await thaw(self._context)
        await self._trust.once()
        await walk_on(self._context)
        await self._context.oncall.refresh(
            self._context.journal, self._context.settings().rotations
        )
        now = self._context.tools.clock.monotonic()
        if self._looked is None or now - self._looked >= LOOK_EVERY:
            self._looked = now
            await self.expire()
            await self._bury()

    async def _bury(self) -> None:
        """Letters to a channel that the config has no more would wait for ever, and nobody would know."""
        context, now = self._context, self._context.tools.clock.monotonic()
        lost = (await context.journal.backlog()).keys() - context.settings().channels.keys()
        self._missing = {name: self._missing.get(name, now) for name in sorted(lost)}
        for name, since in self._missing.items():
            if now - since < GONE_FOR_GOOD:
                continue
            while due := await context.journal.postings(name, context.now(), AT_ONCE):
                for posting in due:
                    await context.journal.bury(posting, GONE, context.now())
                metrics.NOTIFICATIONS.labels(name, "gave_up").inc(len(due))
                log.error("messages cannot be delivered", channel=name, count=len(due), error=GONE)

    async def expire(self) -> int:
        """Closes what was not heard of for so long and is gone everywhere; returns how many."""
        context, now = self._context, self._context.now()
        tools = context.tools
        can_ask = tools.alertmanager is not None or tools.prometheus is not None
        since = forgotten_since(now, context.settings().limits.expire_after, can_ask=can_ask)
        found = await context.journal.unheard(since)
        self._asked = {one: at for one, at in self._asked.items() if one in set(found)}
        closed = 0
        for number in found:
            if now - self._asked.get(number, now - ASK_AGAIN) < ASK_AGAIN:
                continue
            self._asked[number] = now
            if not can_ask or await self._gone(number):
                closed += await self._close(number, since)
        return closed

    async def _gone(self, number: int) -> bool:
        """Whether every Alertmanager and Prometheus says so. Nobody's silence is taken for a yes."""
        alerts = tuple(
            FiringAlert(alert.fingerprint, alert.labels, alert.open)
            for alert in await self._context.journal.alerts(number)
        )
        seen = await AlertCleared().sample(Scene(Target(name=""), alerts), self._context.tools)
        return seen.outcome is Outcome.PASS

    async def _close(self, number: int, since: float) -> bool:
        context, now = self._context, self._context.now()
        try:
            await context.journal.command(
                number, lambda incident: expired(incident, context), now, since
            )
        except Conflict as conflict:
            log.info("an incident is not given up", incident=number, reason=str(conflict))
            return False
        log.info("an incident was given up", incident=number)
        return True


def expired(incident: Incident, context: Context) -> Move:
    """The end of what nobody hears of any more. Raises Conflict while it is acted on or looked at."""
    if State.EXPIRED not in MOVES[incident.state]:
        raise Conflict(f"incident {incident.id} is {incident.state}")
    after = incident.moved(State.EXPIRED, Reason.EXPIRED, context.now())
    text = "Given up: nothing was heard of it for long, and nobody who was asked knows it any more."
    told = letters(context, after, "resolved", text)
    event = event_of("expired", after, reason=str(Reason.EXPIRED))
    return Move(after, (event,), told, closes_episodes=True)


async def thaw(context: Context) -> None:
    """Opens the scopes whose time is over, also where nobody asks for them, and shows how many are shut."""
    now = context.now()
    frozen = await context.journal.frozen()
    if any(one.until <= now for one in frozen):
        for scope in await context.journal.thaw(now):
            log.info("a frozen scope is open again", scope=scope)
    shut = Counter(one.scope.partition(":")[0] for one in frozen if one.until > now)
    for kind in (*KINDS, *(shut.keys() - set(KINDS))):
        metrics.FROZEN.labels(kind).set(shut[kind])
