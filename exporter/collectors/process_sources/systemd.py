"""Services under systemd, by one `systemctl show` for all of them: it is on every such machine and needs no rights.

systemd says which process is the main one, how often it was restarted and what limits its memory; which processes belong
to the service the kernel's control group says, because some of them leave their parents.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
from collections.abc import Hashable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field

from exporter.collectors.process_sources.base import (
    DOWN,
    MOST,
    Entry,
    Machine,
    Reading,
    SourceError,
)
from exporter.proc.files import content
from exporter.proc.limits import CGROUPS
from exporter.threads import in_thread
from prunella.service.rules import Rule

_PROPERTIES = (
    "Id", "Names", "LoadState", "ActiveState", "SubState", "MainPID", "NRestarts", "ControlGroup",
    "MemoryMax",
)  # fmt: skip
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9:_.\\-]*(@[A-Za-z0-9:_.\\-]+)?\.service")
_UP = {"active", "reloading", "refreshing"}


_OTHER_KINDS = re.compile(
    r"\.(target|slice|scope|socket|mount|automount|swap|device|timer|path|snapshot)(\.service)?$"
)


def _unit(text: str) -> str:
    name = text if not text or text.endswith(".service") else f"{text}.service"
    named = _NAME.fullmatch(name) and len(name) <= 255 and not _OTHER_KINDS.search(name)
    if name and not named:
        raise ValueError("must be the name of one service (`api.service`, `worker@2.service`)")
    return name


class SystemdEntry(Entry):
    """`unit` is the service's name, if it is not the entry's; with `user: true` one of the exporter's own user manager."""

    manager: Literal["systemd"]
    unit: Annotated[str, AfterValidator(_unit)] = ""
    user: bool = False
    systemctl: str = Field(default="systemctl", min_length=1)

    @Rule
    def named(self) -> Iterator[str]:
        try:
            _ = self.service_unit
        except ValueError as error:
            yield f"name: {error}, or say `unit`"

    def source(self) -> Hashable:
        return "systemd", self.user, self.systemctl

    @property
    def service_unit(self) -> str:
        return _unit(self.unit or self.name)

    @classmethod
    async def read(cls, entries: Sequence[Self], machine: Machine) -> Mapping[str, Reading]:
        known = _by_name(await _show(entries))
        return await in_thread(
            lambda: {one.name: _reading(known.get(one.service_unit)) for one in entries}
        )


async def _show(entries: Sequence[SystemdEntry]) -> str:
    """What systemctl says of all of them, a paragraph each."""
    first = entries[0]
    home = {"XDG_RUNTIME_DIR": f"/run/user/{os.geteuid()}"} if first.user else {}
    argv = [
        *(["--user"] if first.user else []), "--no-pager", "--no-ask-password", "show",
        f"--property={','.join(_PROPERTIES)}", *dict.fromkeys(one.service_unit for one in entries),
    ]  # fmt: skip
    try:
        process = await asyncio.create_subprocess_exec(
            first.systemctl, *argv,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", **home},
        )  # fmt: skip
    except OSError as error:
        raise SourceError(f"systemd: {first.systemctl}: {error.strerror}") from error
    try:
        said, why = await process.communicate()
    finally:
        # A scrape that is over leaves no program behind that waits for systemd.
        with contextlib.suppress(ProcessLookupError):
            process.kill()
            await process.wait()
    text = said.decode(errors="replace")
    if process.returncode or "LoadState=" not in text:
        lines = why.decode(errors="replace").strip().splitlines() or ["no reason given"]
        raise SourceError(f"systemd: {lines[-1][:200]}")
    return text


def _by_name(text: str) -> Mapping[str, Mapping[str, str]]:
    """Each unit's facts under every name that it has: an alias is shown as what it stands for."""
    known: dict[str, Mapping[str, str]] = {}
    for paragraph in text.split("\n\n"):
        facts = dict(line.split("=", 1) for line in paragraph.splitlines() if "=" in line)
        for name in {facts.get("Id", ""), *facts.get("Names", "").split()}:
            known[name] = facts
    return known


def _reading(facts: Mapping[str, str] | None) -> Reading:
    if facts is None or facts.get("LoadState") == "not-found":
        return DOWN
    together = tuple(processes_of(facts.get("ControlGroup", "")))
    limit = _number(facts, "MemoryMax")
    return Reading(
        up=facts.get("ActiveState") in _UP,
        # 0 = none, or one in another PID namespace
        roots=tuple(filter(None, together or (_number(facts, "MainPID"),))),
        family=not together,
        restarts=_number(facts, "NRestarts"),
        # "no limit" is the largest number there is, where systemd does not say it in words
        memory_limit=limit if 0 < limit <= MOST else None,
    )


def processes_of(group: str, cgroups: Path = CGROUPS) -> Iterator[int]:
    """The processes of the control group and of those below it; version 2, both, or version 1 as systemd mounts it."""
    if not group.strip("/"):
        return
    for root in (cgroups, cgroups / "unified", cgroups / "systemd"):
        folder = root / group.lstrip("/")
        if (folder / "cgroup.procs").exists():
            for file in folder.rglob("cgroup.procs"):
                with contextlib.suppress(OSError):  # gone in this moment
                    yield from map(int, content(file).split())
            return


def _number(facts: Mapping[str, str], name: str) -> int:
    text = facts.get(name, "")
    return int(text) if text.isascii() and text.isdigit() else 0
