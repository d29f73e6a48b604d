"""Processes that no manager names: those whose command line matches a regular expression, summed."""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping, Sequence
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field

from exporter.collectors.process_sources.base import Entry, Machine, Reading
from exporter.threads import in_thread


def _compiles(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from error
    return pattern


class MatchedEntry(Entry):
    """With `by: command` the processes are shown by their commands as well, at most `groups` of them."""

    manager: Literal["match"] = "match"
    match: Annotated[str, AfterValidator(_compiles)]
    by: Literal["command"] | None = None
    groups: int = Field(default=200, ge=1, le=5000)

    def source(self) -> Hashable:
        return "match"

    @classmethod
    async def read(cls, entries: Sequence[Self], machine: Machine) -> Mapping[str, Reading]:
        return await in_thread(lambda: {one.name: _reading(one, machine) for one in entries})


def _reading(entry: MatchedEntry, machine: Machine) -> Reading:
    found = re.compile(entry.match).search
    pids = tuple(pid for pid, line in machine.command_lines.items() if line and found(line))
    split = entry.groups if entry.by == "command" else 0
    return Reading(up=bool(pids), roots=pids, family=False, split=split)
