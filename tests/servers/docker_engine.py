"""A Docker Engine's API over a unix socket with real processes for containers, as strict as the engine itself.

By the Engine API reference of 1.41 to 1.44 and by what Docker 20.10.24 was seen to answer: paths without a version but
`/version` and `/_ping` are refused (they are deprecated), versions out of range get the engine's own words, a name may
be the beginning of an id, and a parameter that is not documented is an error here. The tales of
tests/receiver/managers/docker_tales.py run against this and, in tests/compose, against a real engine.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
from aiohttp import web

from tests.servers.process import NotReadyError, until

NEVER = "0001-01-01T00:00:00Z"
PARAMETERS = {
    "json": {"size"},
    "stats": {"stream", "one-shot"},
    "restart": {"t"},
    "kill": {"signal"},
}


@dataclass
class Container:
    """One container; `healthy` is what its health check finds, None until it has looked."""

    name: str
    code: str
    checked: bool = False
    restart: bool = False  # restart: always
    stop_timeout: float = 1.0
    labels: Mapping[str, str] = field(default_factory=dict)
    memory: int = 0  # --memory

    id: str = field(default_factory=lambda: secrets.token_hex(32))
    status: str = "created"
    healthy: bool | None = None
    count: int = 0
    exit_code: int = 0
    started_at: str = NEVER
    process: subprocess.Popen[bytes] | None = None
    watcher: asyncio.Task[None] | None = None
    busy: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def pid(self) -> int:
        return self.process.pid if self.process is not None and self.process.poll() is None else 0

    def shown(self) -> dict[str, Any]:
        words = {None: "starting", True: "healthy", False: "unhealthy"}
        health = {"Health": {"Status": words[self.healthy], "Log": []}} if self.checked else {}
        running = self.status in {"running", "restarting"}
        state = {
            "Status": self.status,
            "Running": running,
            "Pid": self.pid,
            "ExitCode": self.exit_code,
        }
        return {
            "Id": self.id,
            "Name": f"/{self.name}",
            "RestartCount": self.count,
            "State": {**state, "StartedAt": self.started_at, **health},
            "Config": {"Env": ["TOKEN=c4nary"], "Labels": dict(self.labels)},
            "HostConfig": {"Memory": self.memory},
        }

    async def start(self) -> None:
        self.process = _spawn(self.code)  # a few ms; in a thread it could be lost
        self.healthy = None
        self.started_at = datetime.now(UTC).isoformat().replace("+00:00", "123Z")
        self.status = "running"
        self.watcher = asyncio.create_task(self._watch())

    async def stop(self) -> None:
        if self.watcher is not None:
            self.watcher.cancel()
        if self.process is not None and self.pid:
            self.process.terminate()
            await self._gone(self.stop_timeout)
            self.process.kill()
            await self._gone(5)
        self.status = "exited"

    async def _watch(self) -> None:
        await self._gone(float("inf"))
        assert self.process is not None
        self.exit_code = self.process.wait()
        self.status = "restarting" if self.restart else "exited"
        if self.restart:
            await asyncio.sleep(0.1)
            self.count += 1
            await self.start()

    async def _gone(self, timeout: float) -> None:
        with contextlib.suppress(NotReadyError):
            await until(lambda: not self.pid, "the process is gone", deadline=timeout, every=0.01)


@dataclass
class StandInEngine:
    """`forbidden`: what a filter before it refuses, by the last word of the path; not `awake`: it answers nobody."""

    url: str
    oldest: str = "1.12"
    newest: str = "1.41"
    forbidden: set[str] = field(default_factory=set)
    delay: float = 0.0
    awake: asyncio.Event = field(default_factory=asyncio.Event)
    containers: list[Container] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    async def run(self, name: str, code: str, **options: Any) -> Container:
        container = Container(name, code, **options)
        self.containers.append(container)
        await container.start()
        return container

    async def stop(self, name: str) -> None:
        await self.named(name).stop()

    async def become(self, name: str, *, healthy: bool) -> None:
        self.named(name).healthy = healthy

    def named(self, name: str) -> Container:
        return next(one for one in self.containers if name in {one.name, one.id})

    def found(self, name: str) -> Container | None:
        """By name or by the beginning of the id, as the engine finds it."""
        exact = [one for one in self.containers if name in {one.name, one.id}]
        return next(
            iter(exact or [one for one in self.containers if one.id.startswith(name)]), None
        )

    async def end(self) -> None:
        for container in self.containers:
            if container.watcher is not None:
                container.watcher.cancel()
            if container.process is not None:
                container.process.kill()
                container.process.wait()

    # -- the API

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(f"{request.method} {request.path_qs}")
        await asyncio.sleep(self.delay)
        await self.awake.wait()
        word = request.path.rpartition("/")[2]
        if word in self.forbidden:
            return web.Response(status=403, text="<html><body><h1>403 Forbidden</h1></body></html>")
        if request.path == "/version":
            return web.json_response({"ApiVersion": self.newest, "MinAPIVersion": self.oldest})
        container = self.found(request.match_info.get("name", ""))
        refusal = self._refusal(request, word)
        if refusal is not None or container is None:
            return refusal or _error(404, f"No such container: {request.match_info['name']}")
        if request.method == "GET":
            return web.json_response(_looked(container, word))
        # what was begun is done, also when who asked for it hangs up: "restarting is an atomic operation"
        return await asyncio.shield(asyncio.create_task(_ordered(container, word, request.query)))

    def _refusal(self, request: web.Request, word: str) -> web.Response | None:
        if refusal := self._version_refusal(request):
            return _error(400, refusal)
        if word not in PARAMETERS:
            return _error(404, "page not found")
        if not set(request.query) <= PARAMETERS[word]:
            return _error(400, f"unknown parameters: {request.query_string}")
        if (request.method == "GET") != (word in {"json", "stats"}):
            return _error(405, "method not allowed")
        return None

    def _version_refusal(self, request: web.Request) -> str | None:
        asked = request.match_info.get("version")
        if asked is None:
            return "a path without a version is deprecated"
        if _numbers(asked) > _numbers(self.newest):
            return (
                f"client version {asked} is too new. Maximum supported API version is {self.newest}"
            )
        if _numbers(asked) < _numbers(self.oldest):
            return f"client version {asked} is too old. Minimum supported API version is {self.oldest}, please upgrade your client to a newer version"
        return None


def _looked(container: Container, word: str) -> dict[str, Any]:
    if word == "json":
        return container.shown()
    if not container.pid:
        return {"memory_stats": {}}
    process = psutil.Process(container.pid)
    rss, spent = process.memory_info().rss, process.cpu_times()
    return {
        "memory_stats": {"usage": 2 * rss, "stats": {"total_rss": rss, "total_cache": rss}},
        "cpu_stats": {"cpu_usage": {"total_usage": int(1e9 * (spent.user + spent.system))}},
    }


async def _ordered(container: Container, word: str, query: Mapping[str, str]) -> web.Response:
    if word == "restart":
        async with container.busy:
            await container.stop()
            container.count = 0
            await container.start()
        return web.Response(status=204)
    name = query.get("signal", "SIGKILL")
    if name not in signal.Signals.__members__:
        return _error(400, f"Invalid signal: {name}")
    if container.process is None or not container.pid:
        said = f"Container {container.id} is not running"
        return _error(409, f"Cannot kill container: {container.name}: {said}")
    container.process.send_signal(signal.Signals[name])
    return web.Response(status=204)


def _error(status: int, message: str) -> web.Response:
    return web.json_response({"message": message}, status=status)


def _numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]


def _spawn(code: str) -> subprocess.Popen[bytes]:
    """A first process does not get the signals that it does not handle."""
    script = 'trap \'\' TERM HUP USR1 USR2; echo; exec "$0" -Sc "$1" >&2'
    argv = ["sh", "-c", script, sys.executable, code]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, start_new_session=True)
    assert process.stdout is not None
    with process.stdout as said:
        said.readline()
    return process


@asynccontextmanager
async def stand_in_engine() -> AsyncIterator[StandInEngine]:
    """An engine without containers."""
    folder = Path(tempfile.mkdtemp(prefix="de-"))  # short, for the socket's sake
    engine = StandInEngine(f"unix://{folder}/docker.sock")
    engine.awake.set()
    app = web.Application()
    app.router.add_route("*", "/v{version:[0-9.]+}/containers/{name}/{word}", engine.answer)
    app.router.add_route("*", "/{rest:.*}", engine.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.UnixSite(runner, str(folder / "docker.sock")).start()
        yield engine
    finally:
        engine.awake.set()
        await runner.cleanup()
        await engine.end()
        shutil.rmtree(folder, ignore_errors=True)
