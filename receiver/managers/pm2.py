"""Processes under PM2, by its own command line.

`pm2` starts a daemon of its own when it finds none; that daemon would be our child, know no process, and hide the real
one. So the daemon's socket is tried first, the way the command line itself does; but not before a wrapper of the
operators' own (`exec sudo -u deploy pm2 "$@"`), which speaks for a home that we neither know nor may look into. The list
that PM2 prints holds the whole environment of every process, secrets too: only the five facts below leave the parser.
"""

from __future__ import annotations

import asyncio
import json
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import AfterValidator

from receiver.managers.base import Manager, ManagerError, ProcessState, ProcessStatus
from receiver.tools import Finished, OutsideError, Tools

_LIST_TIMEOUT = 15.0
_RESTART_TIMEOUT = 120.0  # an instance may take its whole kill_timeout and listen_timeout
_MAX_LIST = 16 << 20
_LIST_BEGINS = re.compile(r"^\[\s*[{\]]", re.MULTILINE)  # `[PM2] …` and `>>>> …` may come before it
_NOT_A_NAME = re.compile(r"^(?:-.*|all|\d+|/.*|.*\.(?:json|ya?ml|config\.[cm]?js))$|[\x00-\x1f]")
_PM2S_OWN = re.compile(rb"\b(?:node|nodejs|bun)\b")
_STATES = {
    "online": ProcessState.UP,
    "launching": ProcessState.STARTING,
    "waiting restart": ProcessState.STARTING,
    "stopping": ProcessState.STARTING,
}


def _check_name(text: str) -> str:
    if not text.strip() or _NOT_A_NAME.search(text):
        raise ValueError("must be the name of one PM2 app: no id, no `all`, no file, no option")
    return text


def _check_home(path: Path) -> Path:
    if not path.expanduser().is_absolute():
        raise ValueError("must be an absolute path, or begin with ~")
    return path


class Pm2(Manager):
    """An app of PM2 with all its instances; `home` is its PM2_HOME, by default ~/.pm2."""

    executable: ClassVar[str | None] = "pm2"
    poll: ClassVar[float] = 1.0  # each look starts a node process

    name: Annotated[str, AfterValidator(_check_name)]
    home: Annotated[Path, AfterValidator(_check_home)] = Path("~/.pm2")

    async def status(self, tools: Tools) -> ProcessStatus:
        try:
            listed = await self._pm2(tools, "jlist", timeout=_LIST_TIMEOUT)
        except ManagerError as error:
            raise ManagerError(str(error), started=False) from error
        if listed.exit_code != 0:
            raise ManagerError("`pm2 jlist` did not end well", started=False)
        return _status(list(_instances(listed.output, self.name)))

    async def restart(self, tools: Tools) -> None:
        ended = await self._pm2(tools, "restart", self.name, timeout=_RESTART_TIMEOUT)
        if ended.exit_code is None:
            raise ManagerError(f"`pm2 restart` took longer than {_RESTART_TIMEOUT:g} s")
        if ended.exit_code != 0:
            unknown = "not found" in ended.output
            why = f"knows no {self.name}" if unknown else f"exit code {ended.exit_code}"
            raise ManagerError(f"`pm2 restart`: {why}", started=not unknown)

    async def _pm2(self, tools: Tools, *arguments: str, timeout: float) -> Finished:
        home = self.home.expanduser()
        program = tools.executables.get("pm2", "pm2")
        if not await asyncio.to_thread(_is_wrapper, program):
            await _require_daemon(home)
        try:
            return await tools.programs.run(
                [program, *arguments],
                timeout=timeout,
                env={"PM2_HOME": str(home)},
                max_output=_MAX_LIST,
            )
        except OutsideError as error:
            raise ManagerError(str(error), started=error.sent) from error


def _is_wrapper(program: str) -> bool:
    """Whether it is a script for another interpreter than PM2's own."""
    try:
        with Path(shutil.which(program) or program).open("rb") as file:
            first = file.readline(256)
    except OSError:
        return False  # who starts it will say so
    return first.startswith(b"#!") and not _PM2S_OWN.search(first)


async def _require_daemon(home: Path) -> None:
    """Raises ManagerError unless a PM2 daemon listens in that home."""
    try:
        async with asyncio.timeout(2):
            _, writer = await asyncio.open_unix_connection(home / "rpc.sock")
    except OSError as error:  # also when the time is up
        why = error.strerror or "no answer"
        raise ManagerError(f"no PM2 daemon runs in {home}: {why}", started=False) from error
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


def _instances(output: str, name: str) -> Iterator[ProcessStatus]:
    """Every instance of the app; what else the list says is dropped here."""
    begin = _LIST_BEGINS.search(output)
    try:
        listed, _ = json.JSONDecoder().raw_decode(output, begin.start() if begin else 0)
        entries = [entry for entry in listed if entry["name"] == name]
        for entry in entries:
            yield _instance(entry["pid"], entry["pm2_env"])
    except (ValueError, KeyError, TypeError, RecursionError):
        # not `from error`: its text and the list it points into hold other apps' environments
        raise ManagerError("`pm2 jlist` printed no list of processes", started=False) from None


def _instance(pid: object, details: Mapping[str, object]) -> ProcessStatus:
    state = _STATES.get(str(details["status"]), ProcessState.DOWN)
    since, restarts = details.get("pm_uptime"), details.get("restart_time")
    up = state is ProcessState.UP
    return ProcessStatus(
        state=state,
        started_at=since / 1000 if up and isinstance(since, int | float) else None,
        pids=(pid,) if isinstance(pid, int) and pid > 0 else (),
        restarts=restarts if isinstance(restarts, int) else 0,
    )


def _status(instances: list[ProcessStatus]) -> ProcessStatus:
    """All instances as one: down if any is, and only as young as the oldest."""
    if not instances:
        return ProcessStatus(ProcessState.MISSING)
    states = {instance.state for instance in instances}
    worst = next(
        s for s in (ProcessState.DOWN, ProcessState.STARTING, ProcessState.UP) if s in states
    )
    starts = [instance.started_at for instance in instances if instance.started_at is not None]
    return ProcessStatus(
        state=worst,
        started_at=min(starts) if worst is ProcessState.UP and starts else None,
        pids=tuple(pid for instance in instances for pid in instance.pids),
        restarts=sum(instance.restarts for instance in instances),
    )
