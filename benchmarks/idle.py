"""What a receiver costs that has nothing to do."""

from __future__ import annotations

import time

from benchmarks.report import at_most, say
from benchmarks.server import receiver

SECONDS = 15.0


def main() -> None:
    """Prints the table."""
    say(f"idle: {SECONDS:g} s without an alert")
    with receiver() as one:
        time.sleep(2)
        process = one.system
        process.cpu_percent()
        time.sleep(SECONDS)
        at_most("CPU", process.cpu_percent(), 1, "%")
        at_most("in memory", one.rss, 90, "MB")


if __name__ == "__main__":
    main()
