"""From the answer of a webhook to the beginning of the action that it causes: a program that writes down when it began."""

from __future__ import annotations

import asyncio
import stat
import time
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory

from benchmarks.deliveries import distinct
from benchmarks.load import Pace, connect, load
from benchmarks.loop import run
from benchmarks.report import at_most, say
from benchmarks.server import Receiver, receiver

TIMES = 20
PATIENCE = 3000  # looks, ten milliseconds apart
BEGAN = '#!/bin/sh\ndate +%s.%N >> "{}"\n'


def main() -> None:
    """Prints the table."""
    for name, rate, p50, p99 in (("idle", 0.0, 50.0, 250.0), ("under load", 200.0, 5000.0, 5000.0)):
        say(f"reaction: {TIMES} alerts, one after the other, {name}")
        took = measure(rate)
        cuts = quantiles(took, n=100)
        at_most(f"answer to action, {name}, p50", cuts[49] * 1000, p50, "ms")
        at_most(f"answer to action, {name}, p99", cuts[98] * 1000, p99, "ms")


def measure(rate: float) -> list[float]:
    """Seconds of each; `rate` webhooks of ten alerts a second beside them."""
    with TemporaryDirectory() as name, receiver(**_config(_program(Path(name)))) as one:
        return run(_each(one, rate, Path(name)))


def _config(program: Path) -> dict[str, object]:
    action = {"action": "run", "argv": [str(program)]}
    services = [f"cause-{number}" for number in range(TIMES)]
    return {
        "mode": "auto",
        "limits": {"global": "1000/1h", "disruptive_at_once": 1000, "storm": "10000000/5m"},
        "targets": {name: {"matchers": [f'service="{name}"']} for name in services},
        "playbooks": [
            {
                "name": "note",
                "matchers": ['service=~"cause-.*"'],
                "mode": "auto",
                "ladder": [action],
            }
        ],
    }


async def _each(one: Receiver, rate: float, folder: Path) -> list[float]:
    busy = None
    if rate:
        pace = Pace(connections=8, seconds=TIMES * 0.5, rate=rate)
        busy = asyncio.create_task(load(one.port, distinct("/alerts", 10), pace))
    took = [await _one(one, number, folder) for number in range(TIMES)]
    if busy is not None:
        await busy
    return took


async def _one(one: Receiver, number: int, folder: Path) -> float:
    request = distinct("/alerts", 1, service=f"cause-{number}")(10**8 + number)
    connection = await connect(one.port)
    assert await connection.ask(request), "it was refused"
    answered = time.time()
    connection.close()
    for _ in range(PATIENCE):
        began = _begun(folder, number)
        if began is not None:
            return max(0.0, began - answered)
        await asyncio.sleep(0.01)
    raise TimeoutError("no action began")


def _begun(folder: Path, number: int) -> float | None:
    file = folder / "began"
    lines = file.read_text().splitlines() if file.exists() else []
    return float(lines[number]) if len(lines) > number else None


def _program(folder: Path) -> Path:
    """What the action runs."""
    script = folder / "note"
    script.write_text(BEGAN.format(folder / "began"))
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return script


if __name__ == "__main__":
    main()
