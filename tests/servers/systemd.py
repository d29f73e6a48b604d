"""What PID 1 does with services, for `systemctl` of the file beside this: real children, jobs, auto-restart, start limits.

systemd needs to be PID 1 or to have a bus, and a test has neither. Facts by systemctl(1), systemd.service(5) and
systemd.unit(5): which words `show` prints in which state, that `restart` of a dead unit starts it, that a manual start
counts towards `StartLimitBurst=` and fails with Result=start-limit-hit, that RestartSec= is spent as
activating/auto-restart, and that Type=notify is `activating` until the service says READY=1 (here: after `grace`).
Words and exit codes were compared with systemd 252 and polkit 122 in a container.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.servers.process import NotReadyError, until

Answer = tuple[str, str, int]  # stdout, stderr, exit code
SCRIPT = Path(__file__).with_name("systemctl.py")


@dataclass
class Unit:
    """One .service file."""

    code: str
    grace: float = 0.0  # Type=notify, and so long until READY=1
    reloads: bool = False  # ExecReload=kill -HUP $MAINPID
    restart: bool = False  # Restart=on-failure
    restart_sec: float = 0.1
    burst: int = 5  # StartLimitBurst=
    interval: float = 30.0
    stop_timeout: float = 1.0
    masked: bool = False
    memory_max: int = 0  # MemoryMax=

    active: str = "inactive"
    sub: str = "dead"
    result: str = "success"
    job: int = 0
    restarts: int = 0
    started: float = 0.0
    starts: list[float] = field(default_factory=list)
    process: subprocess.Popen[bytes] | None = None
    running_job: asyncio.Task[Answer] | None = None
    watcher: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int:
        return self.process.pid if self.process is not None and self.process.poll() is None else 0

    def may_start(self) -> bool:
        now = time.monotonic()
        self.starts = [start for start in self.starts if start > now - self.interval]
        self.starts.append(now)
        return len(self.starts) <= self.burst

    def enter(self, active: str, sub: str) -> None:
        self.active, self.sub = active, sub

    def facts(self, name: str) -> dict[str, str]:
        return {
            "Id": name,
            "Names": name,
            "ControlGroup": "",  # its processes are in ours
            "MemoryMax": str(self.memory_max or "infinity"),
            "LoadState": "masked" if self.masked else "loaded",
            "ActiveState": self.active,
            "SubState": self.sub,
            "Job": str(self.job or ""),
            "MainPID": str(self.pid),
            "NRestarts": str(self.restarts),
            "Result": self.result,
            "CanReload": "yes" if self.reloads else "no",
            "ExecMainStartTimestampMonotonic": str(int(self.started * 1e6)),
            "ActiveEnterTimestampMonotonic": str(int(self.started * 1e6)),
            "MemoryCurrent": "[not set]",
            "InactiveExitTimestampMonotonic": str(int(self.started * 1e6)),
            "StartLimitBurst": str(self.burst),
            "StartLimitIntervalUSec": f"{self.interval:g}s",
        }


NOT_FOUND = {
    **Unit("").facts(""),
    "LoadState": "not-found",
}


@dataclass
class Systemd:
    """The manager. `access`: what it answers to a client that may not act, which is `stranger`; while it is not `awake` it answers nobody; `delay`: before each answer."""

    executable: Path
    stranger: Path
    units: dict[str, Unit] = field(default_factory=dict)
    access: str = "Interactive authentication required."
    awake: asyncio.Event = field(default_factory=asyncio.Event)
    delay: float = 0.0
    orders: list[dict[str, Any]] = field(default_factory=list)
    talks: list[asyncio.Future[None]] = field(default_factory=list)

    async def define(self, name: str, code: str, **options: Any) -> Unit:
        unit = self.units[name] = Unit(code, **options)
        return unit

    async def start(self, name: str, code: str, **options: Any) -> Unit:
        unit = await self.define(name, code, **options)
        await self._start(unit)
        return unit

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.talks.append(asyncio.ensure_future(self._talk(reader, writer)))

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            order = json.loads(await reader.readline())
            self.orders.append(order)
            await asyncio.sleep(self.delay)
            await self.awake.wait()
            out, err, code = await self._obey(order)
            writer.write(json.dumps({"out": out, "err": err, "exit": code}).encode() + b"\n")
            await writer.drain()
        writer.close()

    async def _obey(self, order: dict[str, Any]) -> Answer:
        verb, *names = order["words"]
        if verb == "show":
            return "\n".join(self._shown(name, order["property"]) for name in names), "", 0
        name = names[0]
        unit = self.units.get(name)
        refusal = self._refusal(unit, order)
        if unit is None or refusal is not None:
            return refusal or ("", "", 5)
        if verb == "kill":
            return self._kill(unit, name, order)
        if verb == "reset-failed":
            unit.starts.clear()
            unit.result = "success"
            return "", "", 0
        if unit.running_job is None or unit.running_job.done():  # else it is merged with that one
            unit.running_job = asyncio.create_task(self._job(unit, name, verb))
        # the order of a client that goes away is carried out all the same
        return await asyncio.shield(unit.running_job)

    def _shown(self, name: str, wanted: str) -> str:
        """A paragraph; of several units there is an empty line between them."""
        unit = self.units.get(name)
        facts = unit.facts(name) if unit else {**NOT_FOUND, "Id": name, "Names": name}
        return "".join(f"{word}={facts[word]}\n" for word in wanted.split(",") if word in facts)

    def _refusal(self, unit: Unit | None, order: dict[str, Any]) -> Answer | None:
        """What is said before a job is made."""
        verb, name = order["words"][:2]
        if order["stranger"]:
            hint = f"See system logs and 'systemctl status {name}' for details."
            said = f"Failed to {verb} {name}: {self.access}\n{hint}\n"
            return "", said, 4 if self.access == "Access denied" else 1
        if unit is None and verb == "kill":
            return "", f"Failed to kill unit {name}: Unit {name} not loaded.\n", 1
        if unit is None:
            return "", f"Failed to {verb} {name}: Unit {name} not found.\n", 5
        if unit.masked:
            return "", f"Failed to {verb} {name}: Unit {name} is masked.\n", 1
        return None

    def _kill(self, unit: Unit, name: str, order: dict[str, Any]) -> Answer:
        if not unit.pid:
            return "", f"Failed to kill unit {name}: No main process to kill\n", 1
        assert unit.process is not None
        unit.process.send_signal(signal.Signals[order.get("signal", "SIGTERM")])
        return "", "", 0

    async def _job(self, unit: Unit, name: str, verb: str) -> Answer:
        if verb == "reload":
            return self._reload(unit, name)
        unit.job = len(self.orders)
        try:
            if verb in {"stop", "restart"}:
                await self._stop(unit)
            if verb in {"start", "restart"}:
                unit.restarts = 0
                await self._start(unit)
        finally:
            unit.job = 0
        if unit.active == "failed":
            return "", _job_failed(name, unit.result), 1
        return "", "", 0

    def _reload(self, unit: Unit, name: str) -> Answer:
        if not unit.reloads:
            why = f"Job type reload is not applicable for unit {name}."
            return "", f"Failed to reload {name}: {why}\n", 3
        if unit.active != "active":
            return "", f"{name} is not active, cannot reload.\n", 1
        assert unit.process is not None
        unit.process.send_signal(signal.SIGHUP)
        return "", "", 0

    async def _stop(self, unit: Unit) -> None:
        if unit.watcher is not None:
            unit.watcher.cancel()
        if unit.pid:
            assert unit.process is not None
            unit.enter("deactivating", "stop-sigterm")
            unit.process.terminate()
            await _ended(unit, unit.stop_timeout)
            unit.process.kill()
            await _ended(unit, 5)
        unit.enter("inactive", "dead")
        await asyncio.sleep(0.05)  # a moment in which it is dead and has a job

    async def _start(self, unit: Unit) -> None:
        if not unit.may_start():
            # an earlier cause is kept, as seen with systemd 252
            unit.result = "start-limit-hit" if unit.result == "success" else unit.result
            unit.enter("failed", "failed")
            return
        unit.result = "success"
        unit.started = time.monotonic()
        try:
            unit.process = _spawn(unit.code)
        except OSError:
            self._failed(unit, "exit-code")  # 203/EXEC
            return
        if unit.grace:
            unit.enter("activating", "start")
            await asyncio.sleep(unit.grace)
        unit.enter("active", "running")
        unit.watcher = asyncio.create_task(self._watch(unit))

    async def _watch(self, unit: Unit) -> None:
        await _ended(unit)
        assert unit.process is not None
        code = unit.process.wait()
        if code == 0:
            unit.enter("inactive", "dead")
            return
        self._failed(unit, "signal" if code < 0 else "exit-code")
        if unit.restart:
            unit.enter("activating", "auto-restart")
            await asyncio.sleep(unit.restart_sec)
            unit.restarts += 1
            await self._start(unit)

    def _failed(self, unit: Unit, result: str) -> None:
        unit.result = result
        unit.enter("failed", "failed")

    async def end(self) -> None:
        for unit in self.units.values():
            unit.restart = False
            if unit.watcher is not None:
                unit.watcher.cancel()
            if unit.process is not None:
                unit.process.kill()
                unit.process.wait()


def _spawn(code: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-Sc", code], start_new_session=True)


async def _ended(unit: Unit, timeout: float = float("inf")) -> None:
    with contextlib.suppress(NotReadyError):
        await until(lambda: not unit.pid, "the process is gone", deadline=timeout, every=0.01)


def _job_failed(name: str, result: str) -> str:
    why = {"exit-code": " because the control process exited with error code"}.get(result, "")
    hint = f'See "systemctl status {name}" and "journalctl -xeu {name}" for details.'
    return f"Job for {name} failed{why}.\n{hint}\n"


@asynccontextmanager
async def systemd() -> AsyncIterator[Systemd]:
    """A systemd without units; `.executable` is its systemctl, `.stranger` that of somebody without rights."""
    folder = Path(tempfile.mkdtemp(prefix="sd-"))  # short, for the socket's sake
    executable, stranger, bus = folder / "systemctl", folder / "stranger", folder / "bus"
    for client in (executable, stranger):
        client.write_text(
            f'#!/bin/sh\nexec {sys.executable} -SIB {SCRIPT} {bus} {client.name} "$@"\n'
        )
        client.chmod(0o755)
    manager = Systemd(executable, stranger)
    manager.awake.set()
    try:
        async with await asyncio.start_unix_server(manager.answer, bus):
            try:
                yield manager
            finally:
                manager.awake.set()
                await asyncio.gather(*manager.talks, return_exceptions=True)
                await manager.end()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
