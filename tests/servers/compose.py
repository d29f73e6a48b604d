"""`docker compose` over the stand-in engine, as strict as the program: real processes, its words, its exit codes.

By docs.docker.com/reference/cli/docker/compose and by what compose 2.26.1 was seen to do: an unknown flag is exit 16, an
unknown service is exit 1 with "no such service", `ps --quiet` prints ids, `kill` of nothing is exit 0 with "no container
to kill", `up --scale` takes the youngest away, and `up` without `--no-recreate` makes changed containers anew. A warning
about a variable precedes everything, because that is how it is in life.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from tests.servers.docker_engine import Container, StandInEngine, stand_in_engine

SCRIPT = Path(__file__).with_name("docker_cli.py")
WARNING = 'time="2026-11-21T17:43:17Z" level=warning msg="The \\"X\\" variable is not set. Defaulting to a blank string."\n'
FLAGS = {
    "ps": {"--all", "--quiet", "--no-trunc"},
    "restart": {"--no-deps"},
    "up": {"--detach", "--no-deps", "--no-recreate", "--no-build"},
    "kill": set[str](),
}
VALUES = {
    "ps": set[str](),
    "restart": set[str](),
    "up": {"--pull", "--scale"},
    "kill": {"--signal"},
}
STATE = '{"restarts":{{.RestartCount}},"state":{{json .State}}}'
Answer = tuple[str, str, int]  # stdout, stderr, exit code


class Refused(Exception):
    """What the program says before it ends."""

    def __init__(self, said: str, code: int) -> None:
        super().__init__(said)
        self.code = code


@dataclass
class StandInCompose:
    """One project with one file. `access`: what the engine's socket answers who may not open it."""

    engine: StandInEngine
    executable: Path
    file: Path
    project: str = "shop"
    access: str = ""
    services: dict[str, tuple[str, dict[str, Any]]] = field(default_factory=dict)
    ran: list[list[str]] = field(default_factory=list)
    talks: list[asyncio.Future[None]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return self.engine.url

    async def run(self, name: str, code: str, *, replicas: int = 1, **options: Any) -> None:
        self.services[name] = (code, options)
        await self._scale(name, replicas)

    async def stop(self, name: str) -> None:
        await asyncio.gather(*(one.stop() for one in self.of(name)))

    async def become(self, name: str, *, healthy: bool) -> None:
        for one in self.of(name):
            one.healthy = healthy

    def of(self, service: str) -> list[Container]:
        found = [one for one in self.engine.containers if one.labels.get("service") == service]
        return sorted(found, key=lambda one: one.name)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.talks.append(asyncio.ensure_future(self._talk(reader, writer)))

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            order = json.loads(await reader.readline())
            self.ran.append(order["argv"])
            await self.engine.awake.wait()
            # what the engine was told is done by it, also when the program is ended
            out, err, code = await asyncio.shield(asyncio.create_task(self._obey(order)))
            writer.write(json.dumps({"out": out, "err": err, "exit": code}).encode() + b"\n")
            await writer.drain()
        writer.close()

    async def _obey(self, order: dict[str, Any]) -> Answer:
        if self.access:
            return "", f"{self.access}\n", 1
        if order["host"] != self.engine.url:
            return "", f"Cannot connect to the Docker daemon at {order['host']}.\n", 1
        try:
            return await self._run(order["argv"])
        except Refused as refused:
            return "", f"{refused}\n", refused.code

    async def _run(self, argv: list[str]) -> Answer:
        match argv:
            case ["compose", "--project-name", project, "--file", file, verb, *rest]:
                return await self._compose(project, file, verb, rest)
            case ["container", "inspect", "--format", template, *ids] if template == STATE:
                return "".join(_inspected(self._by_id(one)) for one in ids), "", 0
            case ["stats", "--no-stream", "--format", "{{.MemUsage}}", *ids]:
                return "".join(_measured(self._by_id(one)) for one in ids), "", 0
            case _:
                raise Refused(f"unknown command: docker {' '.join(argv)}", 1)

    def _by_id(self, container_id: str) -> Container:
        for one in self.engine.containers:
            if one.id == container_id:
                return one
        raise Refused(f"Error response from daemon: No such container: {container_id}", 1)

    async def _compose(self, project: str, file: str, verb: str, rest: Sequence[str]) -> Answer:
        if file != str(self.file):
            raise Refused(f"open {file}: no such file or directory", 14)
        flags, values, services = _parse(verb, rest)
        (service,) = services
        if service not in self.services:
            return "", f"{WARNING}no such service: {service}\n", 1
        found = self.of(service) if project == self.project else []
        if verb == "ps":
            return "".join(f"{one.id}\n" for one in found), WARNING, 0
        if verb == "restart":
            await asyncio.gather(*(_restart(one) for one in found))
        elif verb == "up":
            await self._up(service, flags, values)
        else:
            return self._kill(found, values["--signal"])
        return "", WARNING + f" Container {project}-{service}-1  Started\n", 0

    def _kill(self, found: list[Container], name: str) -> Answer:
        running = [one.process for one in found if one.process is not None and one.pid]
        for process in running:
            process.send_signal(_number(name))
        return "", WARNING if running else f"{WARNING}no container to kill\n", 0

    async def _up(self, service: str, flags: set[str], values: dict[str, str]) -> None:
        if "--detach" not in flags:
            raise Refused("it would stay in the foreground", 1)
        if "--no-recreate" not in flags:
            for one in self.of(service):
                await self._remove(one)
        scaled, _, wanted = values.get("--scale", f"{service}=").partition("=")
        if scaled != service:
            raise Refused(f"no such service: {scaled}", 1)
        await self._scale(service, int(wanted) if wanted else max(1, len(self.of(service))))

    async def _scale(self, service: str, wanted: int) -> None:
        code, options = self.services[service]
        for one in self.of(service)[wanted:]:
            await self._remove(one)
        for number in range(len(self.of(service)) + 1, wanted + 1):
            name = f"{self.project}-{service}-{number}"
            await self.engine.run(name, code, labels={"service": service}, **options)
        for one in self.of(service):
            if not one.pid:
                await one.start()

    async def _remove(self, container: Container) -> None:
        await container.stop()
        self.engine.containers.remove(container)


def _parse(verb: str, rest: Sequence[str]) -> tuple[set[str], dict[str, str], list[str]]:
    flags, values, services, left = set(), {}, [], list(rest)
    if verb not in FLAGS:
        raise Refused(f"unknown docker command: compose {verb}", 16)
    while left:
        word = left.pop(0)
        if word in VALUES[verb]:
            values[word] = left.pop(0)
        elif word in FLAGS[verb]:
            flags.add(word)
        elif word.startswith("-"):
            raise Refused(f"unknown flag: {word}", 16)
        else:
            services.append(word)
    return flags, values, services


async def _restart(container: Container) -> None:
    async with container.busy:
        await container.stop()
        container.count = 0
        await container.start()


def _number(name: str) -> int:
    if name not in signal.Signals.__members__:
        raise Refused(f"Error response from daemon: Invalid signal: {name}", 1)
    return signal.Signals[name]


def _inspected(container: Container) -> str:
    shown = container.shown()
    return (
        json.dumps(
            {"restarts": shown["RestartCount"], "state": shown["State"]}, separators=(",", ":")
        )
        + "\n"
    )


def _measured(container: Container) -> str:
    if not container.pid:
        return "0B / 0B\n"
    return f"{psutil.Process(container.pid).memory_info().rss / (1 << 20):.4g}MiB / 23.54GiB\n"


@asynccontextmanager
async def stand_in_compose() -> AsyncIterator[StandInCompose]:
    """A project without services; `.executable` is its `docker`."""
    folder = Path(tempfile.mkdtemp(prefix="dc-"))  # short, for the socket's sake
    executable, brain, file = folder / "docker", folder / "brain", folder / "compose.yml"
    executable.write_text(f'#!/bin/sh\nexec {sys.executable} -SIB {SCRIPT} {brain} "$@"\n')
    executable.chmod(0o755)
    file.touch()
    try:
        async with stand_in_engine() as engine:
            compose = StandInCompose(engine, executable, file)
            async with await asyncio.start_unix_server(compose.answer, brain):
                try:
                    yield compose
                finally:
                    engine.awake.set()
                    await asyncio.gather(*compose.talks, return_exceptions=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
