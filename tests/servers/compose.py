"""`docker compose` over the stand-in engine, as strict as the program: real processes, its words, its exit codes.

By docs.docker.com/reference/cli/docker/compose and by what compose 2.26.1 was seen to do: an unknown flag is exit 16, an
unknown service is exit 1 with "no such service", `ps --quiet` prints ids, `kill` of nothing is exit 0 with "no container
to kill", `up --scale` takes the youngest away, `up` without it goes back to the file's number, and without
`--no-recreate` it makes containers of another image anew, one by one: the successor is made under a name of its own, the
old one is stopped and taken away, the successor gets its name and is started; who kills the program in between finds
that half. An image that is not there is an error before anything is stopped. A warning about a variable precedes everything, because that is how it is in life.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tests.servers.compose_images import (
    BUILT,
    IMAGE,
    SHOWN,
    Image,
    Refused,
    image_named,
    line,
    measured,
    pinned,
    shown_image,
)
from tests.servers.docker_engine import Container, StandInEngine, stand_in_engine

SCRIPT = Path(__file__).with_name("docker_cli.py")
WARNING = 'time="2026-11-21T17:43:17Z" level=warning msg="The \\"X\\" variable is not set. Defaulting to a blank string."\n'
FLAGS = {
    "ps": {"--all", "--quiet", "--no-trunc"},
    "restart": {"--no-deps"},
    "up": {"--detach", "--no-deps", "--no-recreate", "--no-build"},
    "kill": set[str](),
    "config": {"--images"},
}
VALUES = {
    "ps": set[str](),
    "restart": set[str](),
    "up": {"--pull", "--scale"},
    "kill": {"--signal"},
    "config": set[str](),
}
Answer = tuple[str, str, int]  # stdout, stderr, exit code


@dataclass
class StandInCompose:
    """One project with one file, and any number of others that only pin images. `pause` is waited for between two
    containers that `up` makes anew. `access`: what the engine's socket answers who may not open it."""

    engine: StandInEngine
    executable: Path
    file: Path
    project: str = "shop"
    access: str = ""
    services: dict[str, tuple[str, dict[str, Any]]] = field(default_factory=dict)
    images: list[Image] = field(default_factory=lambda: [Image(BUILT, ("shop:latest",))])
    pause: asyncio.Event = field(default_factory=asyncio.Event)
    made_anew: asyncio.Event = field(default_factory=asyncio.Event)
    ran: list[list[str]] = field(default_factory=list)
    talks: list[asyncio.Future[None]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return self.engine.url

    async def run(self, name: str, code: str, *, replicas: int = 1, **options: Any) -> None:
        self.services[name] = (code, options)
        await self._scale(name, replicas, options.get("image", "shop:latest"))

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
            order["wanted"] = lambda: not reader.at_eof()
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
            return await self._run(order["argv"], order["wanted"])
        except Refused as refused:
            return "", f"{refused}\n", refused.code

    async def _run(self, argv: list[str], wanted: Callable[[], bool]) -> Answer:
        match argv:
            case ["compose", "--project-name", project, "--file", file, "--file", other, *rest]:
                return await self._compose(project, (file, other), rest, wanted)
            case ["compose", "--project-name", project, "--file", file, *rest]:
                return await self._compose(project, (file,), rest, wanted)
            case ["container", "inspect", "--format", template, *ids] if template in SHOWN:
                return "".join(SHOWN[template](self._by_id(one)) for one in ids), "", 0
            case ["container", "rm", *ids]:
                return self._forget([self._by_id(one) for one in ids])
            case ["image", "inspect", "--format", template, name] if template == IMAGE:
                return line(shown_image(image_named(self.images, name))), "", 0
            case ["stats", "--no-stream", "--format", "{{.MemUsage}}", *ids]:
                return "".join(measured(self._by_id(one)) for one in ids), "", 0
            case _:
                raise Refused(f"unknown command: docker {' '.join(argv)}", 1)

    def _by_id(self, container_id: str) -> Container:
        for one in self.engine.containers:
            if one.id == container_id:
                return one
        raise Refused(f"Error response from daemon: No such container: {container_id}", 1)

    def _forget(self, found: Sequence[Container]) -> Answer:
        for one in found:
            if one.pid:
                raise Refused(
                    "Error response from daemon: You cannot remove a running container", 1
                )
            self.engine.containers.remove(one)
        return "", "", 0

    async def _compose(
        self, project: str, files: Sequence[str], rest: Sequence[str], wanted: Callable[[], bool]
    ) -> Answer:
        verb, *words = rest
        if files[0] != str(self.file):
            raise Refused(f"open {files[0]}: no such file or directory", 14)
        flags, values, services = _parse(verb, words)
        (service,) = services
        if service not in self.services:
            return "", f"{WARNING}no such service: {service}\n", 1
        image = pinned(files[1:], service) or self.services[service][1].get("image", "shop:latest")
        found = self.of(service) if project == self.project else []
        if verb == "ps":
            return "".join(f"{one.id}\n" for one in found), WARNING, 0
        if verb == "config":
            return f"{image}\n", WARNING, 0
        if verb == "restart":
            await asyncio.gather(*(_restart(one) for one in found))
        elif verb == "up":
            await self._up(service, flags, values, image, wanted)
        else:
            return self._kill(found, values["--signal"])
        return "", WARNING + f" Container {project}-{service}-1  Started\n", 0

    def _kill(self, found: list[Container], name: str) -> Answer:
        running = [one.process for one in found if one.process is not None and one.pid]
        for process in running:
            process.send_signal(_number(name))
        return "", WARNING if running else f"{WARNING}no container to kill\n", 0

    async def _up(
        self,
        service: str,
        flags: set[str],
        values: dict[str, str],
        image: str,
        wanted: Callable[[], bool],
    ) -> None:
        if "--detach" not in flags:
            raise Refused("it would stay in the foreground", 1)
        image_named(self.images, image)
        scaled, _, number = values.get("--scale", f"{service}=").partition("=")
        if scaled != service:
            raise Refused(f"no such service: {scaled}", 1)
        await self._scale(service, int(number or 1), image)
        changed = [one for one in self.of(service) if one.labels["from"] != image]
        for one in changed if "--no-recreate" not in flags else ():
            async for _ in self.replaced(one, image):
                if not wanted():
                    return
            self.made_anew.set()
            await self.pause.wait()

    async def replaced(self, old: Container, image: str) -> AsyncIterator[None]:
        """Step by step."""
        name = f"{old.id[:12]}_{old.name}"
        if any(one.name == name for one in self.engine.containers):
            raise Refused(f'Error response from daemon: Conflict. The container name "{name}"', 1)
        labels = {**old.labels, "from": image, "image": image_named(self.images, image).id}
        new = replace(old, name=name, labels=labels, id=secrets.token_hex(32), status="created")
        new.process, new.watcher, new.busy = None, None, asyncio.Lock()
        self.engine.containers.append(new)
        yield
        await old.stop()
        yield
        self.engine.containers.remove(old)
        yield
        new.name = old.name
        yield
        await new.start()

    async def _scale(self, service: str, wanted: int, image: str) -> None:
        code, options = self.services[service]
        for one in self.of(service)[wanted:]:
            await self._remove(one)
        taken = {one.name.rpartition("_")[2] for one in self.of(service)}
        for number in range(1, wanted + 1):
            name = f"{self.project}-{service}-{number}"
            labels = {
                "service": service,
                "from": image,
                "image": image_named(self.images, image).id,
            }
            if name not in taken:
                more = {key: value for key, value in options.items() if key != "image"}
                await self.engine.run(name, code, labels=labels, **more)
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
            compose.pause.set()
            async with await asyncio.start_unix_server(compose.answer, brain):
                try:
                    yield compose
                finally:
                    engine.awake.set()
                    compose.pause.set()
                    await asyncio.gather(*compose.talks, return_exceptions=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
