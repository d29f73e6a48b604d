"""What deliveries change, worked out in memory: everything known of their alerts lies on the desk, and is written later.

One statement for each alert would hold the writers' lock for seconds; so they are read together, judged here one by one
in their order, and written together. The same for both engines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from msgspec import Struct

from receiver.decide.episode import (
    AlertRecord,
    Kind,
    Observation,
    Status,
    Step,
    by_now,
    episode_name,
    observe,
)
from receiver.decide.incident import Incident, State
from receiver.decide.plan import Draft, highest
from receiver.decide.values import changed
from receiver.journal import QUIET, Event, Letter, Move, Reception, Seen
from receiver.journal.returns import Healed, again, reopened_event
from receiver.journal.spelling import compact
from receiver.journal.texts import Texts


class OpenIncident(Struct, gc=False):
    """One that is open, or will be: `id` 0 and `first` set, what opened it."""

    id: int
    severity: str
    draft: Draft
    first: Observation | None = None
    opened_at: float = 0.0
    graver: bool = False
    back: Incident | None = None  # as it is opened again
    reception: Reception = QUIET
    move: Move | None = None  # what it begins with, once it has a number

    @property
    def new(self) -> bool:
        """Whether this very chunk opens it, and not for the second time."""
        return self.first is not None and self.back is None


class Episode(Struct, gc=False):
    """One that was open, or will be written: `id` 0 and `first` set. `seen` counts what this batch adds."""

    id: int
    starts_at: float
    last_seen: float
    incident: OpenIncident | int | None
    seen: int = 0
    closed_at: float | None = None
    first: Observation | None = None
    opened_at: float = 0.0
    changed: bool = False

    @property
    def incident_id(self) -> int | None:
        """Its number, 0 as long as it has none."""
        return self.incident.id if isinstance(self.incident, OpenIncident) else self.incident


class Alert(Struct, gc=False):
    """What is remembered of one alert."""

    open: Episode | None = None
    last_ended: float | None = None
    stale_since: float | None = None
    changed: bool = False

    @property
    def record(self) -> AlertRecord:
        """As the rules of episodes read it."""
        since = self.open.starts_at if self.open is not None else None
        return AlertRecord(since, self.last_ended, self.stale_since)


@dataclass(slots=True)
class Desk:
    """Alerts by name and open incidents by key; what `take` changes is collected beside them."""

    alerts: dict[str, Alert]
    incidents: dict[str, OpenIncident]
    spelled: Callable[[str], str] = str  # text as the engine can hold it
    healed: dict[str, Healed] = field(default_factory=dict)  # by key, what may be opened again
    episodes: list[Episode] = field(default_factory=list)
    opened: list[OpenIncident] = field(default_factory=list)
    touched: list[OpenIncident | int] = field(default_factory=list)  # what has to be looked at
    told: list[tuple[float, Observation | OpenIncident]] = field(default_factory=list)
    texts: Texts = field(default_factory=Texts)  # of new alerts, as they are stored
    # by identity: drafts live as long as the desk
    _plans: dict[int, str] = field(default_factory=dict)

    @property
    def new(self) -> list[OpenIncident]:
        """The incidents that are opened here for the first time."""
        return [one for one in self.opened if one.new]

    @property
    def nudged(self) -> list[int]:
        """The incidents that have to be looked at; complete once the new ones have their numbers."""
        return sorted({one if isinstance(one, int) else one.id for one in self.touched})

    @property
    def due(self) -> bool:
        """Whether anything is to be done for any of these incidents now."""
        if self.touched or any(one.back is not None for one in self.opened):
            return True
        return any(one.move is not None and one.move.due is None for one in self.opened)

    def take(self, seen: Seen, now: float, reception: Reception) -> Step:
        """The one change that this observation makes."""
        observation = seen.observation
        alert = self.alerts[self.spelled(observation.alert)]
        step = observe(alert.record, observation, now)
        if step.opens:
            self.told.append((now, observation))
            self._open(alert, seen, step, now, reception)
        elif step.closes:
            self.told.append((now, observation))
            self._close(alert, by_now(observation.ends_at or now, now), now)
        else:
            self._refresh(alert, observation, step, now)
        return step

    def begin(self, numbers: Iterable[int]) -> None:
        """Numbers the new incidents and asks how each begins."""
        for one, number in zip(self.new, numbers, strict=True):
            one.id, one.graver = number, False
            one.move = one.reception.opens(self._born(one))

    def events(self) -> Iterator[tuple[float, Event]]:
        """What is to be told, once the new incidents have begun."""
        for at, what in self.told:
            if isinstance(what, Observation):
                yield at, _received(what)
                continue
            yield at, self._opened(what)
            for event in what.move.events if what.move is not None else ():
                yield at, event

    def letters(self) -> Iterator[tuple[int, Letter]]:
        """Whom the beginnings are told, with the incident."""
        for one in self.opened:
            for letter in one.move.letters if one.move is not None else ():
                yield one.id, letter

    def plan_text(self, one: OpenIncident) -> str:
        """The plan as it is stored: many incidents have the same."""
        plan = one.draft.plan
        known = self._plans.get(id(plan))
        if known is None:
            known = self._plans[id(plan)] = compact(dict(plan))
        return known

    def texts_of(self, episode: Episode) -> tuple[str, str]:
        """The same for an episode; annotations that its incident was opened with are kept there alone."""
        seen, incident = episode.first, episode.incident
        assert seen is not None  # noqa: S101 - a new one is opened by an observation
        labels, annotations = self.texts.of(seen)
        opener = isinstance(incident, OpenIncident) and incident.new and incident.first is seen
        return labels, "" if opener else annotations

    def _open(self, alert: Alert, seen: Seen, step: Step, now: float, reception: Reception) -> None:
        observation = seen.observation
        incident = None
        if seen.draft is not None:
            incident = self._incident(seen.draft, observation, now, reception)
        starts_at = observation.starts_at if step.starts_at is None else step.starts_at
        alert.open = Episode(0, starts_at, now, incident, 1, first=observation, opened_at=now)
        alert.stale_since, alert.changed = None, True
        self.episodes.append(alert.open)

    def _incident(
        self, draft: Draft, seen: Observation, now: float, reception: Reception
    ) -> OpenIncident:
        incident = self.incidents.get(draft.key)
        if incident is None:
            incident = self._again(draft, seen, now) or OpenIncident(
                0, draft.severity, draft, seen, now, reception=reception
            )
            self.incidents[draft.key] = incident
            self.opened.append(incident)
            self.told.append((now, incident))
            return incident
        graver = highest(incident.severity, draft.severity)
        incident.graver |= graver != incident.severity
        incident.severity = graver
        self.touched.append(incident)
        return incident

    def _again(self, draft: Draft, seen: Observation, now: float) -> OpenIncident | None:
        healed = self.healed.get(draft.key)
        if healed is None or self.spelled(seen.alert) not in healed.alerts:
            return None
        back = again(healed.incident, draft, seen, now)
        if back is None:
            return None
        back = changed(back, severity=highest(back.severity, draft.severity))
        return OpenIncident(back.id, back.severity, draft, seen, now, back=back)

    def _born(self, one: OpenIncident) -> Incident:
        draft, seen = one.draft, one.first
        assert seen is not None  # noqa: S101 - a new one is opened by an observation
        return Incident(
            id=one.id,
            key=draft.key,
            playbook=draft.playbook,
            state=State.OPEN,
            reason=draft.reason,
            severity=one.severity,
            title=draft.title,
            targets=draft.targets,
            episode=self.spelled(episode_name(seen.fingerprint, seen.starts_at)),
            opened_at=one.opened_at,
            labels=seen.labels,
            annotations=seen.annotations,
            plan=draft.plan,
        )

    def _opened(self, incident: OpenIncident) -> Event:
        draft, seen = incident.draft, incident.first
        assert seen is not None  # noqa: S101 - only a new one is told of
        if incident.back is not None:
            return reopened_event(incident.back, seen)
        assert incident.move is not None  # noqa: S101 - nothing is told before it has begun
        data = {
            "incident": incident.id,
            "ep": incident.move.incident.episode,
            "playbook": draft.playbook,
            "targets": list(draft.targets),
            "severity": draft.severity,
            "alertname": seen.labels.get("alertname", ""),
        }
        return Event("opened", data)

    def _close(self, alert: Alert, ended: float, now: float) -> None:
        episode = alert.open
        assert episode is not None  # noqa: S101 - observe() closes only what is open
        episode.closed_at = now
        self._touch(episode)
        if episode.incident is not None:
            self.touched.append(episode.incident)
        alert.open, alert.last_ended, alert.changed = None, ended, True

    def _refresh(self, alert: Alert, seen: Observation, step: Step, now: float) -> None:
        episode = alert.open
        if episode is not None and seen.status is Status.FIRING:
            episode.last_seen, episode.seen = now, episode.seen + 1
            episode.starts_at = episode.starts_at if step.starts_at is None else step.starts_at
            self._touch(episode)
        elif step.kind is Kind.STALE and seen.status is Status.FIRING:
            alert.changed |= alert.stale_since is None
            alert.stale_since = now if alert.stale_since is None else alert.stale_since
        elif episode is None and seen.status is Status.RESOLVED:
            # whoever said the stale firing has taken it back: it does not vouch for the next one
            alert.changed |= alert.stale_since is not None
            alert.stale_since = None
            ended = seen.starts_at if seen.ends_at is None else seen.ends_at
            _overtook(alert, by_now(ended, now))

    def _touch(self, episode: Episode) -> None:
        if not episode.changed and episode.id:
            self.episodes.append(episode)
        episode.changed = True


def _overtook(alert: Alert, ended: float) -> None:
    """An end that came before its beginning: the beginning, when it comes at last, is of something over."""
    if alert.last_ended is None or ended > alert.last_ended:
        alert.last_ended, alert.changed = ended, True


def _received(seen: Observation) -> Event:
    return Event(
        "received",
        {
            "fp": seen.fingerprint,
            "status": str(seen.status),
            "starts": seen.starts_at,
            "ends": seen.ends_at,
            "source": seen.source,
        },
    )
