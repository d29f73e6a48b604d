from __future__ import annotations

from typing import Any

from exporter.queues.base import Figures, Lag, Recent, State
from exporter.queues.families import Seen, families, together
from exporter.queues.watched import Look
from tests.exporter.reading import samples, value

JOBS = "prunella_queue_jobs"


def figures(queue: str = "email", waiting: int = 1, **more: Any) -> Figures:
    return Figures(queue, {State.WAITING: waiting}, {State.WAITING: 2.0}, **more)


def seen(*queues: Figures, lag: Lag | None = None, system: str = "rq") -> Seen:
    return Seen((system, "shop"), lag, Look(queues))


def test_a_queue_of_two_servers_is_one() -> None:
    one = figures(paused=True, workers=2, stalled=1, completed=10, failed=1, recent=Recent(4, 1))
    other = figures(paused=False, workers=3, stalled=0, completed=5, recent=Recent(1, 1))
    found = list(families([seen(one), seen(other)]))
    assert value(found, JOBS, queue="email", state="waiting") == 2
    assert value(found, "prunella_queue_oldest_job_age_seconds", state="waiting") == 2
    assert value(found, "prunella_queue_workers") == 5
    assert value(found, "prunella_queue_paused") == 0  # somebody may work on it
    assert value(found, "prunella_queue_completed_total") == 15
    assert value(found, "prunella_queue_failed_total") == 1
    merged, _ = together([seen(one), seen(other)])
    assert [f.recent for f in merged.values()] == [Recent(5, 2)]


def test_the_same_name_of_two_systems_is_two_queues() -> None:
    found = list(families([seen(figures()), seen(figures(), system="celery")]))
    assert len(samples(found, JOBS)) == 2


def test_more_queues_than_can_be_told_apart_are_one() -> None:
    many = [figures(f"q{number:03}") for number in range(250)]
    found = list(families([seen(*many)]))
    assert len(samples(found, JOBS)) == 201
    assert value(found, JOBS, queue="other") == 50


def test_what_a_system_does_not_know_is_no_series() -> None:
    found = list(families([seen(figures())]))
    for name in ("paused", "workers", "stalled_jobs", "completed_total", "failed_total"):
        assert samples(found, f"prunella_queue_{name}") == []


def test_limits_of_its_own_are_told_and_others_are_not() -> None:
    found = list(families([seen(figures(), lag=Lag(warning=2, critical=4)), seen(figures("b"))]))
    name = "prunella_queue_lag_threshold_jobs"
    assert value(found, name, queue="email", severity="warning") == 2
    assert value(found, name, queue="email", severity="critical") == 4
    assert len(samples(found, name)) == 2


def test_one_silent_entry_of_two_is_down() -> None:
    silent = Seen(("rq", "shop"), None, Look(answered=False))
    found = list(families([seen(figures()), silent]))
    assert value(found, "prunella_queue_source_up", system="rq") == 0
    assert value(found, JOBS, queue="email") == 1
