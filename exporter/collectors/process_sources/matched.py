"""Processes that no manager names: those whose command line matches a regular expression, summed."""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping, Sequence
from typing import Annotated, Literal, Self

from pydantic import AfterValidator

from exporter.collectors.process_sources.base import Entry, Machine, Reading
from exporter.threads import in_thread


def _compiles(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from error
    return pattern


class MatchedEntry(Entry):
    manager: Literal["match"] = "match"
    match: Annotated[str, AfterValidator(_compiles)]

    def source(self) -> Hashable:
        return "match"

    @classmethod
    async def read(cls, entries: Sequence[Self], machine: Machine) -> Mapping[str, Reading]:
        lines = await in_thread(lambda: _lines(machine))
        return {entry.name: _matching(re.compile(entry.match), lines) for entry in entries}


def _lines(machine: Machine) -> dict[int, str]:
    return {pid: machine.command_line(pid) for pid in machine.processes}


def _matching(pattern: re.Pattern[str], lines: Mapping[int, str]) -> Reading:
    pids = tuple(pid for pid, line in lines.items() if line and pattern.search(line))
    return Reading(up=bool(pids), roots=pids, family=False)
