"""The drills: what is broken, which bundled alerts may notice it, and how long the whole may take.

Most turn a switch of the shop, which a restart turns back. The others deploy a bad release, which no restart mends.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

DOWN = (
    *("EndpointConsecutiveFailures", "EndpointDown", "SeveralEndpointsDown", "AllEndpointsDown"),
    "ProcessDown",
)


@dataclass(frozen=True, slots=True)
class Drill:
    """`deadline` is in seconds from the break to the resolve; about twice of what it takes."""

    name: str
    about: str
    alerts: tuple[str, ...]
    deadline: float
    fault: Mapping[str, object] = field(default_factory=dict)
    release: str = ""  # what is deployed, instead of a fault
    approved: bool = False  # whether the drill plays the human who is asked
    needs: str = field(default='probe_success{service="shop"}')  # must be above 0 before it begins
    workers: int = 0  # that run when it begins; 0 leaves them as they are
    service: str = "shop"  # whose alert it is, which is the name of what is repaired as well


LATENCY = ("HighLatencyP95", "HighLatencyP99", "AverageLatencyCritical")
_TRAFFIC = 'service:http_requests:rate1m{service="shop"}'
# half a minute of figures, from which it is told that the shop was well before
_JUDGED = 'count_over_time(service:http_requests:rate1m{service="shop"}[35s]) > 15'

DRILLS = {
    drill.name: drill
    for drill in (
        Drill(
            name="errors",
            about="every purchase fails while the health check is green",
            fault={"kind": "errors"},
            alerts=("HighErrorRate",),
            deadline=180,
            needs=_TRAFFIC,
        ),
        Drill(
            name="hang",
            about="the process is there and answers nobody",
            fault={"kind": "hang"},
            alerts=DOWN,
            deadline=120,
        ),
        Drill(
            name="crash",
            about="the process ends",
            fault={"kind": "crash"},
            alerts=DOWN,
            deadline=120,
        ),
        Drill(
            name="latency",
            about="every purchase takes eight seconds longer",
            fault={"kind": "latency", "seconds": 8},
            alerts=LATENCY,
            deadline=360,
            needs=_TRAFFIC,
        ),
        Drill(
            name="leak",
            about="memory grows to its limit",
            fault={"kind": "leak", "megabytes": 230},
            alerts=("ProcessMemoryHigh",),
            deadline=240,
            needs='prunella_process_memory_limit_bytes{name="shop"}',
        ),
        Drill(
            name="garbage",
            about="memory grows, and nobody collects what is not used any more",
            fault={"kind": "garbage", "megabytes": 230},
            alerts=("ProcessMemoryHigh",),
            deadline=240,
            needs='prunella_process_memory_limit_bytes{name="shop"}',
        ),
        Drill(
            name="cache",
            about="the cache holds what this release cannot read",
            fault={"kind": "poison"},
            alerts=("CacheErrorRateHigh",),
            deadline=180,
            needs=_TRAFFIC,
        ),
        Drill(
            name="ratelimit",
            about="a counter of the rate limiter has lost its end, and everybody is rejected",
            fault={"kind": "ratelimit"},
            alerts=("RateLimiterRejecting",),
            deadline=240,
            needs=_TRAFFIC,
        ),
        Drill(
            name="pool",
            about="a report has forgotten a transaction on each of many connections",
            fault={"kind": "pool"},
            alerts=("DatabasePoolSaturated",),
            deadline=180,
            needs='pg_up{service="db"}',
            service="db",
        ),
        Drill(
            name="stuck",
            about="workers died in the middle of their jobs",
            fault={"kind": "stuck"},
            alerts=("QueueStalled",),
            deadline=180,
            needs='prunella_queue_source_up{service="jobs"}',
            service="jobs",
        ),
        Drill(
            name="lag",
            about="more letters come in than one worker can send",
            fault={"kind": "lag"},
            alerts=("QueueBacklog",),
            deadline=300,
            needs='prunella_queue_source_up{service="jobs"}',
            workers=1,
            service="jobs",
        ),
        Drill(
            name="release",
            about="a release whose every purchase fails",
            release="1.2.0-errors",
            alerts=("HighErrorRate",),
            deadline=300,
            needs=_JUDGED,
        ),
        Drill(
            name="release-crash",
            about="a release that cannot start",
            release="1.2.0-crash",
            alerts=DOWN,
            deadline=300,
            needs=_JUDGED,
        ),
        Drill(
            name="release-slow",
            about="a release that takes twelve seconds longer",
            release="1.2.0-slow",
            alerts=LATENCY,
            deadline=420,
            needs=_JUDGED,
        ),
        Drill(
            name="release-schema",
            about="a release that fails and has changed the database: a human is asked, and says yes",
            release="2.0.0-schema",
            alerts=("HighErrorRate",),
            deadline=300,
            needs=_JUDGED,
            approved=True,
        ),
    )
}
