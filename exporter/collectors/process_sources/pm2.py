"""Apps under PM2, asked at its daemon's own socket.

`pm2 jlist` shows the same list, but starts Node.js for every look and, when there is no daemon, starts one: an exporter
changes nothing. The list holds each app's whole environment with its secrets; only the few figures below leave here.
"""

from __future__ import annotations

import asyncio
import json
import os
import struct
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field

from exporter.collectors.process_sources.base import (
    DOWN,
    Entry,
    Machine,
    Reading,
    SourceError,
    absolute,
)

MAX_ANSWER = 64 << 20  # the daemon sends every app's environment


def _default_home() -> Path:
    return Path(os.environ.get("PM2_HOME") or "~/.pm2")


class Pm2Entry(Entry):
    """`home` is the PM2_HOME of the daemon that runs the app."""

    manager: Literal["pm2"]
    home: Path = Field(default_factory=_default_home)

    def source(self) -> Hashable:
        return "pm2", absolute(self.home)

    @classmethod
    async def read(cls, entries: Sequence[Self], machine: Machine) -> Mapping[str, Reading]:
        apps = await _apps(absolute(entries[0].home))
        return {entry.name: _reading(entry.name, apps) for entry in entries}


async def _apps(home: Path) -> list[Any]:
    try:
        reader, writer = await asyncio.open_unix_connection(home / "rpc.sock")
    except OSError as error:
        raise SourceError(f"no PM2 daemon in {home}: {error.strerror}") from error
    try:
        writer.write(_message({"type": "call", "method": "getMonitorData", "args": [{}]}))
        answer = await _answer(reader)
    except (OSError, EOFError, ValueError, RecursionError) as error:
        raise SourceError(f"the PM2 daemon in {home} gave no list of apps") from error
    finally:
        writer.transport.abort()
    match answer:
        case {"args": [[*apps], *_]}:
            return apps
        case _:
            raise SourceError(f"the PM2 daemon in {home} gave no list of apps")


def _message(call: Mapping[str, object]) -> bytes:
    """PM2 speaks AMP: version and number of parts in one byte, then each part with its length."""
    parts = (b"j:" + json.dumps(call).encode(), b"s:prunella")
    return bytes([1 << 4 | len(parts)]) + b"".join(struct.pack(">I", len(p)) + p for p in parts)


async def _answer(reader: asyncio.StreamReader) -> Any:
    """The first part of the first message."""
    await reader.readexactly(1)
    (length,) = struct.unpack(">I", await reader.readexactly(4))
    if length > MAX_ANSWER:
        raise ValueError("the answer is too long")
    part = await reader.readexactly(length)
    return json.loads(part.removeprefix(b"j:"))


def _reading(name: str, apps: Sequence[Any]) -> Reading:
    mine = [app for app in apps if app["name"] == name]
    if not mine:
        return DOWN
    states = [app["pm2_env"] for app in mine]
    limit = sum(int(state.get("max_memory_restart") or 0) for state in states)
    return Reading(
        up=all(state["status"] == "online" for state in states),
        roots=tuple(app["pid"] for app in mine if app["pid"]),
        restarts=sum(int(state.get("restart_time") or 0) for state in states),
        memory_limit=limit or None,
    )
