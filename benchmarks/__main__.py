"""`make bench`: every scenario, or those that are named: `python -m benchmarks storm`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping

from benchmarks import (
    backtest,
    backups,
    console,
    databases,
    fan_out,
    flush,
    hung,
    idle,
    large,
    machine,
    metrics,
    middleware,
    probe,
    queues,
    reaction,
    storm,
    webhooks,
)
from benchmarks.report import say

SCENARIOS: Mapping[str, Callable[[], None]] = {
    "idle": idle.main,
    "webhooks": webhooks.main,
    "reaction": reaction.main,
    "large": large.main,
    "storm": storm.main,
    "flush": flush.main,
    "fan_out": fan_out.main,
    "queues": queues.main,
    "hung": hung.main,
    "redis": databases.of_redis,
    "postgres": databases.of_postgres,
    "host": machine.host,
    "processes": machine.processes,
    "probe": probe.main,
    "backups": backups.main,
    "backtest": backtest.main,
    "console": console.main,
    "metrics": metrics.main,
    "middleware": middleware.main,
}


def main(names: list[str]) -> int:
    """Runs them in their order."""
    unknown = sorted(set(names) - SCENARIOS.keys())
    if unknown:
        say(f"there is no {', '.join(unknown)}; there are {', '.join(SCENARIOS)}")
        return 2
    for name in names or SCENARIOS:
        SCENARIOS[name]()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
