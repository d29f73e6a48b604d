"""What a storm changes, worked out in memory: everything known of its alerts lies on the desk, and is written later.

One statement for each alert would hold the writers' lock for seconds; so they are read together, judged here one by one
in their order, and written together.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from receiver.decide.episode import (
    AlertRecord,
    Kind,
    Observation,
    Status,
    Step,
    episode_name,
    observe,
)
from receiver.decide.incident import Incident
from receiver.decide.plan import Draft, highest
from receiver.journal import Event, Seen
from receiver.journal.postgres.returns import Healed
from receiver.journal.postgres.rows import plain
from receiver.journal.returns import again, reopened_event


@dataclass(slots=True)
class OpenIncident:
    """One that is open, or will be: `id` 0 and `first` set, what opened it."""

    id: int
    severity: str
    draft: Draft
    first: Observation | None = None
    opened_at: float = 0.0
    graver: bool = False
    back: Incident | None = None  # as it is opened again


@dataclass(slots=True)
class Episode:
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


@dataclass(slots=True)
class Alert:
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
    healed: dict[str, Healed] = field(default_factory=dict)  # by key, what may be opened again
    episodes: list[Episode] = field(default_factory=list)
    opened: list[OpenIncident] = field(default_factory=list)
    nudged: set[int] = field(default_factory=set)
    told: list[tuple[float, Observation | OpenIncident]] = field(default_factory=list)

    def take(self, seen: Seen, now: float) -> Step:
        """The one change that this observation makes."""
        observation = seen.observation
        alert = self.alerts[plain(observation.alert)]
        step = observe(alert.record, observation, now)
        if step.opens:
            self.told.append((now, observation))
            self._open(alert, seen, step, now)
        elif step.closes:
            self.told.append((now, observation))
            self._close(alert, observation.ends_at or now, now)
        else:
            self._refresh(alert, observation, step, now)
        return step

    def events(self) -> Iterable[tuple[float, Event]]:
        """What is to be told, once the new incidents have their numbers."""
        for at, what in self.told:
            yield at, _received(what) if isinstance(what, Observation) else _opened(what)

    def _open(self, alert: Alert, seen: Seen, step: Step, now: float) -> None:
        observation = seen.observation
        incident = None
        if seen.draft is not None:
            incident = self._incident(seen.draft, observation, now)
        starts_at = observation.starts_at if step.starts_at is None else step.starts_at
        alert.open = Episode(0, starts_at, now, incident, 1, first=observation, opened_at=now)
        alert.stale_since, alert.changed = None, True
        self.episodes.append(alert.open)

    def _incident(self, draft: Draft, seen: Observation, now: float) -> OpenIncident:
        incident = self.incidents.get(draft.key)
        if incident is None:
            incident = self._again(draft, seen, now) or OpenIncident(
                0, draft.severity, draft, seen, now
            )
            self.incidents[draft.key] = incident
            self.opened.append(incident)
            self.told.append((now, incident))
            return incident
        graver = highest(incident.severity, draft.severity)
        incident.graver |= graver != incident.severity
        incident.severity = graver
        self.nudged.add(incident.id)
        return incident

    def _again(self, draft: Draft, seen: Observation, now: float) -> OpenIncident | None:
        healed = self.healed.get(draft.key)
        if healed is None or plain(seen.alert) not in healed.alerts:
            return None
        back = again(healed.incident, draft, seen, now)
        if back is None:
            return None
        back = replace(back, severity=highest(back.severity, draft.severity))
        return OpenIncident(back.id, back.severity, draft, seen, now, back=back)

    def _close(self, alert: Alert, ended: float, now: float) -> None:
        episode = alert.open
        assert episode is not None  # noqa: S101 - observe() closes only what is open
        episode.closed_at = now
        self._touch(episode)
        if episode.incident_id is not None:
            self.nudged.add(episode.incident_id)
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

    def _touch(self, episode: Episode) -> None:
        if not episode.changed and episode.id:
            self.episodes.append(episode)
        episode.changed = True


def episode_of(seen: Observation) -> str:
    """The public name of the episode that it begins."""
    return plain(episode_name(seen.fingerprint, seen.starts_at))


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


def _opened(incident: OpenIncident) -> Event:
    draft, seen = incident.draft, incident.first
    assert seen is not None  # noqa: S101 - only a new one is told of
    if incident.back is not None:
        return reopened_event(incident.back, seen)
    data = {
        "incident": incident.id,
        "ep": episode_of(seen),
        "playbook": draft.playbook,
        "targets": list(draft.targets),
        "severity": draft.severity,
        "alertname": seen.labels.get("alertname", ""),
    }
    return Event("opened", data)
