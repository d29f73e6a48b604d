"""Processes under PM2, by its own command line.

`pm2` starts a daemon of its own when it finds none; that daemon would be our child, know no process, and hide the real
one. So the daemon's socket is tried first, the way the command line itself does; but not before a wrapper of the
operators' own (`exec sudo -u deploy pm2 "$@"`), which speaks for a home that we neither know nor may look into. The list
that PM2 prints holds the whole environment of every process, secrets too: only the facts of `_Instance` leave the parser.
"""

from __future__ import annotations

import asyncio
import json
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import AfterValidator

from receiver.managers.base import Manager, ManagerError, ProcessState, ProcessStatus, Verb
from receiver.managers.pids import not_catching
from receiver.managers.replicas import as_one
from receiver.tools import Finished, OutsideError, Tools

_ORDER_TIMEOUT = 120.0  # an instance may take its whole kill_timeout and listen_timeout
# its lock over all reloads ends by itself after 30 s, also when the one that took it was killed
_LOCK, _LOCK_POLL = 32.0, 2.0
_MAX_LIST = 16 << 20
_LIST_BEGINS = re.compile(r"^\[\s*[{\]]", re.MULTILINE)  # `[PM2] …` and `>>>> …` may come before it
_NOT_A_NAME = re.compile(r"^(?:-.*|all|\d+|/.*|.*\.(?:json|ya?ml|config\.[cm]?js))$|[\x00-\x1f]")
_UNKNOWN = re.compile(r"not found|Unknown process name")
_RELOADING = re.compile(r"Reload already in progress, please try again")
_LEAVING = "_old_"  # how the id of an instance begins that a reload is about to end
_PLACES = ("pm_cwd", "pm_exec_path")  # the folder and the script, as it will start them again
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


@dataclass(frozen=True, slots=True)
class _Instance:
    """What is taken from one entry of PM2's list."""

    status: ProcessStatus
    cluster: bool
    leaving: bool
    resident: int
    started_from: tuple[str, ...] = ()


class Pm2(Manager):
    """An app of PM2 with all its instances. `name` is the app's; `home` is its PM2_HOME, by default ~/.pm2 of the user
    who runs the receiver.

    A reload has no gap only in cluster mode, and only for an app that finishes its requests on SIGINT; in fork mode it is
    a restart. `scale` gives PM2 the number of instances; in fork mode each of them has to find a port of its own.

    Privileges: PM2 obeys whoever may write to the sockets in its home, so the receiver runs as the owner of `home`, or
    `executables: {pm2: …}` names a wrapper with the two lines `#!/bin/sh` and
    `exec sudo -n -H -u deploy /usr/bin/pm2 "$@"`, which needs in sudoers
    `prunella ALL=(deploy) NOPASSWD: /usr/bin/pm2 jlist, /usr/bin/pm2 restart api, /usr/bin/pm2 reload api`
    and, where they are used, `/usr/bin/pm2 scale api [1-9]` and `/usr/bin/pm2 sendSignal SIGUSR2 api`.
    """

    executable: ClassVar[str | None] = "pm2"
    patience: ClassVar[float] = 15.0  # for its list
    poll: ClassVar[float] = 1.0  # each look starts a node process
    verbs: ClassVar[frozenset[Verb]] = frozenset({"restart", "reload", "scale", "signal"})
    reload_replaces: ClassVar[bool] = True
    gap: ClassVar[str] = "PM2 reloads without one only in cluster mode"

    name: Annotated[str, AfterValidator(_check_name)]
    home: Annotated[Path, AfterValidator(_check_home)] = Path("~/.pm2")

    async def status(self, tools: Tools) -> ProcessStatus:
        return as_one([one.status for one in await self._listed(tools)])

    async def started_from(self, tools: Tools) -> tuple[str, ...]:
        seen = (place for one in await self._listed(tools) for place in one.started_from)
        return tuple(dict.fromkeys(seen))

    async def restart(self, tools: Tools) -> None:
        await self._order(tools, "restart", self.name)

    async def reload(self, tools: Tools) -> None:
        await self._order(tools, "reload", self.name)

    async def zero_downtime(self, tools: Tools) -> bool:
        listed = await self._listed(tools)
        return bool(listed) and all(one.cluster for one in listed)

    async def instances(self, tools: Tools) -> int | None:
        return sum(not one.leaving for one in await self._listed(tools))

    async def scale(self, tools: Tools, instances: int) -> None:
        if instances < 1:  # to PM2 that means to delete the app
            raise ManagerError("an app has at least one instance", started=False)
        await self._order(tools, "scale", self.name, str(instances))

    async def signal(self, tools: Tools, name: str) -> None:
        pids = (await self.status(tools)).pids
        ending = await asyncio.to_thread(not_catching, pids, name)
        if ending:
            raise ManagerError(
                f"pid {ending[0]} does not handle {name}: it would end", started=False
            )
        await self._order(tools, "sendSignal", name, self.name)

    async def resident_bytes(self, tools: Tools) -> int | None:
        # PM2's own figures: it may see what we may not
        sizes = [one.resident for one in await self._listed(tools)]
        return sum(sizes) if sizes and all(sizes) else None

    async def _listed(self, tools: Tools) -> list[_Instance]:
        try:
            listed = await self._pm2(tools, "jlist", timeout=self.patience)
        except ManagerError as error:
            raise ManagerError(str(error), started=False) from error
        if listed.exit_code is None:
            raise ManagerError(
                self._hung(f"`pm2 jlist` had no end in {self.patience:g} s"), started=False
            )
        if listed.exit_code != 0:
            raise ManagerError("`pm2 jlist` did not end well", started=False)
        return list(_instances(listed.output, self.name))

    async def _order(self, tools: Tools, verb: str, *arguments: str) -> None:
        ended = await self._pm2(tools, verb, *arguments, timeout=_ORDER_TIMEOUT)
        patience = tools.clock.monotonic() + _LOCK
        while _is_locked(ended) and tools.clock.monotonic() < patience:
            await tools.clock.sleep(_LOCK_POLL)
            ended = await self._pm2(tools, verb, *arguments, timeout=_ORDER_TIMEOUT)
        if ended.exit_code is None:
            raise ManagerError(self._hung(f"`pm2 {verb}` took longer than {_ORDER_TIMEOUT:g} s"))
        if ended.exit_code == 0:
            return
        if _UNKNOWN.search(ended.output):
            raise ManagerError(f"`pm2 {verb}`: knows no {self.name}", started=False)
        if _is_locked(ended):
            why = "PM2 is reloading an app already, or was ended while it did"
            raise ManagerError(f"`pm2 {verb}`: {why}, for {_LOCK:g} s", started=False)
        raise ManagerError(f"`pm2 {verb}`: exit code {ended.exit_code}")

    def _hung(self, what: str) -> str:
        home = self.home.expanduser()
        return f"{what}: does the PM2 daemon hang? Its pid is in {home / 'pm2.pid'}; without it `pm2 resurrect` starts what was saved"

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


def _is_locked(ended: Finished) -> bool:
    return ended.exit_code not in (0, None) and _RELOADING.search(ended.output) is not None


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
    except PermissionError as error:
        cure = "run the receiver as its owner, or name a wrapper with sudo under `executables: {pm2: …}`"
        raise ManagerError(f"may not speak to PM2 in {home}: {cure}", started=False) from error
    except OSError as error:  # also when the time is up
        why = error.strerror or "no answer"
        cure = "`pm2 resurrect`, run by the owner of that home, starts it with what was saved"
        raise ManagerError(f"no PM2 daemon runs in {home}: {why}; {cure}", started=False) from error
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


def _instances(output: str, name: str) -> Iterator[_Instance]:
    """Every instance of the app; what else the list says is dropped here."""
    begin = _LIST_BEGINS.search(output)
    try:
        listed, _ = json.JSONDecoder().raw_decode(output, begin.start() if begin else 0)
        entries = [entry for entry in listed if entry["name"] == name]
        for entry in entries:
            yield _instance(entry, entry["pm2_env"])
    except (ValueError, KeyError, TypeError, RecursionError):
        # not `from error`: its text and the list it points into hold other apps' environments
        raise ManagerError("`pm2 jlist` printed no list of processes", started=False) from None


def _instance(entry: Mapping[str, object], details: Mapping[str, object]) -> _Instance:
    word, pid = str(details["status"]), entry["pid"]
    state = _STATES.get(word, ProcessState.DOWN)
    if word == "stopped" and pid:  # ended by itself: what is to stay down has no pid any more
        state = ProcessState.STARTING
    since, restarts = details.get("pm_uptime"), details.get("restart_time")
    measured = entry.get("monit")
    resident = measured.get("memory") if isinstance(measured, Mapping) else None
    up = state is ProcessState.UP
    status = ProcessStatus(
        state=state,
        started_at=since / 1000 if up and isinstance(since, int | float) else None,
        pids=(pid,) if isinstance(pid, int) and pid > 0 else (),
        restarts=restarts if isinstance(restarts, int) else 0,
    )
    return _Instance(
        status,
        cluster=details.get("exec_mode") == "cluster_mode",
        leaving=str(details.get("pm_id")).startswith(_LEAVING),
        resident=resident if isinstance(resident, int) else 0,
        started_from=tuple(
            place for key in _PLACES if isinstance(place := details.get(key), str) and place
        ),
    )
