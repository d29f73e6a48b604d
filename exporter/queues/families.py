"""The figures of all queues as metrics; two queues of one name are one, as are those beyond the first few hundred."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from prometheus_client.metrics_core import Metric

from exporter.families import counter, gauge
from exporter.queues.base import Figures, Lag, Recent, State
from exporter.queues.watched import Look
from prunella.cardinality import Bounded

NAMES = 200  # queues of one entry that are told apart
SOURCE = ("system", "service")
LABELS = ("system", "queue", "service")

Key = tuple[str, str, str]
Read = Callable[[Figures], int | bool | None]
# What is said of a queue as a whole; a system that does not know it has no series.
GAUGES: tuple[tuple[str, str, Read], ...] = (
    ("paused", "Whether the queue is paused; its jobs count as waiting.", lambda f: f.paused),
    ("workers", "Workers that are connected to the queue.", lambda f: f.workers),
    ("stalled_jobs", "Jobs that are active with nobody who works on them.", lambda f: f.stalled),
)
COUNTERS: tuple[tuple[str, str, Read], ...] = (
    ("completed_total", "Jobs that were completed, as their system counts.", lambda f: f.completed),
    ("failed_total", "Jobs that failed for good, as their system counts.", lambda f: f.failed),
)


@dataclass(frozen=True, slots=True)
class Seen:
    """One entry and what it says now; no look at all when nobody could be asked."""

    labels: tuple[str, str]
    lag: Lag | None
    look: Look
    discovered: float | None = None


def families(seen: Sequence[Seen]) -> Iterator[Metric]:
    up: dict[tuple[str, str], float] = {}
    for one in seen:
        up[one.labels] = min(up.get(one.labels, 1.0), float(one.look.answered))
    text = "Whether where the queues of this system are kept has answered in time."
    yield gauge("prunella_queue_source_up", text, SOURCE, up.items())
    found = {one.labels: one.discovered for one in seen if one.discovered is not None}
    text = "Unix time at which the queues of this system were last looked for (once a minute)."
    yield gauge("prunella_queue_discovery_timestamp_seconds", text, SOURCE, found.items())
    merged, limits = together(seen)
    yield from _by_state(merged)
    for name, text, figure in GAUGES:
        yield gauge(f"prunella_queue_{name}", text, LABELS, _said(merged, figure))
    for name, text, figure in COUNTERS:
        yield counter(f"prunella_queue_{name}", text, LABELS, _said(merged, figure))
    yield gauge(
        "prunella_queue_lag_threshold_jobs",
        "Waiting jobs at which QueueBacklog fires, where the entry says so itself.",
        (*LABELS, "severity"),
        [((*key, level), getattr(lag, level)) for key, lag in limits.items() for level in ("warning", "critical")],
    )  # fmt: skip


def together(seen: Sequence[Seen]) -> tuple[Mapping[Key, Figures], Mapping[Key, Lag]]:
    """Every queue by its labels, and the limits of those that have some of their own."""
    merged: dict[Key, Figures] = {}
    limits: dict[Key, Lag] = {}
    for one in seen:
        bound = Bounded("prunella_queue_jobs", NAMES)
        for figures in one.look.figures:
            key = (one.labels[0], bound(figures.queue), one.labels[1])
            merged[key] = _sum(merged[key], figures) if key in merged else figures
            if one.lag is not None:
                limits[key] = one.lag
    return merged, limits


def _by_state(merged: Mapping[Key, Figures]) -> Iterator[Metric]:
    columns = (*LABELS, "state")
    jobs = [
        ((*key, s.value), n) for key, figures in merged.items() for s, n in figures.jobs.items()
    ]
    yield gauge("prunella_queue_jobs", "Jobs in this state.", columns, jobs)
    ages = [
        ((*key, s.value), age) for key, figures in merged.items() for s, age in figures.ages.items()
    ]
    text = (
        "How long the oldest job has been in this state; of delayed ones, how long it has been due."
    )
    yield gauge("prunella_queue_oldest_job_age_seconds", text, columns, ages)


def _said(merged: Mapping[Key, Figures], figure: Read) -> list[tuple[Key, float]]:
    return [
        (key, float(v)) for key, figures in merged.items() if (v := figure(figures)) is not None
    ]


def _sum(one: Figures, other: Figures) -> Figures:
    return Figures(
        one.queue,
        jobs={s: one.jobs.get(s, 0) + other.jobs.get(s, 0) for s in _states(one.jobs, other.jobs)},
        ages={s: max(one.ages.get(s, 0.0), other.ages.get(s, 0.0)) for s in _states(one.ages, other.ages)},
        paused=bool(one.paused and other.paused) if one.paused is not None else other.paused,
        workers=_plus(one.workers, other.workers),
        stalled=_plus(one.stalled, other.stalled),
        completed=_plus(one.completed, other.completed),
        failed=_plus(one.failed, other.failed),
        recent=_recent(one.recent, other.recent),
    )  # fmt: skip


def _states(one: Iterable[State], other: Iterable[State]) -> list[State]:
    known = {*one, *other}
    return [state for state in State if state in known]


def _plus(one: int | None, other: int | None) -> int | None:
    return other if one is None else one + (other or 0)


def _recent(one: Recent | None, other: Recent | None) -> Recent | None:
    if one is None or other is None:
        return one or other
    return Recent(one.completed + other.completed, one.failed + other.failed)
