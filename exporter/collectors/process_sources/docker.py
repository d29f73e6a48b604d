"""Containers of a Docker Engine, by name.

Where the engine's processes are in our own /proc, they are read there like any others; the container's id in their control
group tells that they are the ones. Seen from another PID namespace or machine the engine's own statistics stand in.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Hashable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator

from exporter.collectors.process_sources.base import DOWN, Entry, Figures, Machine, Reading
from exporter.collectors.process_sources.engine import Engine, engine_url, find_engine

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")
_ID = re.compile(r"[0-9a-f]{64}")  # anything shorter might be a part of another's control group


def _container(text: str) -> str:
    if text and not _NAME.fullmatch(text):
        raise ValueError("must be the exact name of one container")
    return text


class DockerEntry(Entry):
    """`container` is its exact name, if it is not the entry's; `url` the engine's socket, or a filtering proxy before it.

    Needs `GET /version`, `/containers/NAME/json` and, for containers whose processes cannot be seen, `/containers/NAME/stats`.
    """

    manager: Literal["docker"]
    container: Annotated[str, AfterValidator(_container)] = ""
    url: Annotated[str, AfterValidator(engine_url)] = "unix:///var/run/docker.sock"

    def source(self) -> Hashable:
        return "docker", self.url

    @classmethod
    async def read(cls, entries: Sequence[Self], machine: Machine) -> Mapping[str, Reading]:
        engine = await find_engine(entries[0].url)
        found = await asyncio.gather(
            *(_look(engine, one.container or one.name, machine) for one in entries)
        )
        return {one.name: reading for one, reading in zip(entries, found, strict=True)}


async def _look(engine: Engine, name: str, machine: Machine) -> Reading:
    found = await engine.look(f"/containers/{name}/json") if _NAME.fullmatch(name) else None
    if found is None or found["Name"] != f"/{name}":
        return DOWN  # the engine would also take the beginning of an id
    state = found["State"]
    up, pid = state["Status"] == "running", int(state.get("Pid") or 0)
    limit = int((found.get("HostConfig") or {}).get("Memory") or 0) or None
    seen = bool(pid and _ID.fullmatch(found["Id"])) and machine.within(pid, found["Id"])
    stats = None
    if up and not seen:
        stats = await engine.look(f"/containers/{name}/stats?stream=false&one-shot=true")
    return Reading(
        up=up,
        roots=(pid,) if seen else (),
        restarts=int(found.get("RestartCount") or 0),
        memory_limit=limit,
        figures=_figures(stats, state.get("StartedAt")) if stats is not None else None,
    )


def _figures(stats: Mapping[str, Any], started: object) -> Figures:
    """Memory without what the kernel keeps of files; cgroup 2 and cgroup 1 call it differently."""
    memory = (stats.get("memory_stats") or {}).get("stats") or {}
    resident = memory.get("anon", memory.get("total_rss"))
    used = ((stats.get("cpu_stats") or {}).get("cpu_usage") or {}).get("total_usage")
    return Figures(
        resident=int(resident) if isinstance(resident, int) else None,
        cpu=used / 1e9 if isinstance(used, int) else None,
        started=_seconds(started),
    )


def _seconds(text: object) -> float | None:
    try:
        return datetime.fromisoformat(str(text)).timestamp()
    except ValueError:
        return None
