"""How each service is: as the exporter measures and the rules judge, and never later than a page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from receiver.console.services import FRESH, Services
from receiver.stages.context import Context
from receiver.tools import OutsideError
from receiver.web.monitoring.health import Word
from tests.receiver.rig import ToldPrometheus, rig

Samples = tuple[tuple[Mapping[str, str], float], ...]


@dataclass
class Labelled(ToldPrometheus):
    """Answers with labels to what holds the key."""

    samples: dict[str, Samples] = field(default_factory=dict)

    async def labelled(self, expr: str) -> Samples:
        self.asked.append(expr)
        if self.error is not None:
            raise self.error
        return next((said for key, said in self.samples.items() if key in expr), ())


def asking(context: Context, prometheus: Labelled) -> Services:
    return Services(replace(context, tools=replace(context.tools, prometheus=prometheus)))


def alert(service: str, symptom: str, severity: str) -> tuple[Mapping[str, str], float]:
    return {"service": service, "symptom": symptom, "severity": severity}, 1.0


async def test_what_is_down_is_unhealthy_and_what_alerts_is_as_bad_as_its_alert() -> None:
    told = Labelled()
    told.samples = {
        "probe_success": (({"service": "shop"}, 1.0), ({"service": "api"}, 0.0)),
        "pg_up": (({"service": "shop"}, 1.0),),
        "prunella_queue_jobs": (({"service": "jobs"}, 1.0),),
        "ALERTS": (
            alert("shop", "latency", "warning"),
            alert("jobs", "queue", "critical"),
            alert("shop", "meta", "none"),
        ),
    }
    async with rig() as inside:
        known = await asking(inside.context, told).look()
    assert known.services == {
        "api": {"app": Word.UNHEALTHY},
        "jobs": {"queue": Word.UNHEALTHY},
        "shop": {"app": Word.DEGRADED, "db": Word.HEALTHY},
    }


async def test_everybody_has_the_same_answer_for_a_while() -> None:
    told = Labelled()
    async with rig() as inside:
        services = asking(inside.context, told)
        for _ in range(5):
            await services.look()
        once = len(told.asked)
        inside.clock.at += FRESH + 1
        await services.look()
    assert len(told.asked) == 2 * once


async def test_what_was_known_stays_when_prometheus_is_gone_and_says_since_when() -> None:
    told = Labelled(samples={"probe_success": (({"service": "shop"}, 1.0),)})
    async with rig() as inside:
        services = asking(inside.context, told)
        before = await services.look()
        told.error = OutsideError("connection refused")
        inside.clock.at += FRESH + 1
        after = await services.look()
    assert (after.services, after.at) == (before.services, before.at)
    assert "connection refused" in after.why


async def test_without_a_prometheus_nothing_is_claimed() -> None:
    async with rig() as inside:
        context = replace(inside.context, tools=replace(inside.context.tools, prometheus=None))
        known = await Services(context).look()
    assert (known.services, known.at) == ({}, None)
