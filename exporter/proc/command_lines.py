"""The command lines of all processes, remembered: most of them stay what they were when the process began.

A process may change its own (`postgres: idle`), mostly right after it was started. So a line is read again while its
process is young, when the process has taken another name, and every few minutes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from exporter.proc.processes import Process, Table

YOUNG = 30.0  # seconds
GOOD_FOR = 300.0


@dataclass(slots=True)
class _Line:
    text: str
    name: str
    until: float  # on the clock of the machine's start


class CommandLines:
    """`read` gives the line of a pid; what is remembered is dropped with its process."""

    def __init__(self, read: Callable[[int], str]) -> None:
        self._read = read
        self._known: dict[tuple[int, float], _Line] = {}

    def of(self, processes: Table, now: float) -> dict[int, str]:
        """Of every process, `now` seconds after the machine's start."""
        known: dict[tuple[int, float], _Line] = {}
        for process in processes.values():
            line = self._known.get(process.key)
            if line is None or line.name != process.name or now >= line.until:
                line = self._look(process, now)
            known[process.key] = line
        self._known = known
        return {pid: known[process.key].text for pid, process in processes.items()}

    def _look(self, process: Process, now: float) -> _Line:
        text = "" if process.kernels else self._read(process.pid)
        young = now - process.started < YOUNG
        # Not all at once: what was started together would be read together for ever.
        spread = process.pid % 60
        return _Line(text, process.name, now if young else now + GOOD_FOR + spread)
