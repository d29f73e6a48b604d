"""Containers of the engine that docker/compose-test uses, for the tales of tests/receiver/managers."""

from __future__ import annotations

import asyncio
import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

PROJECT = "prunella-tales"
IMAGE = os.environ.get("PRUNELLA_BASE_IMAGE", "python:3.12-slim-bookworm")
URL = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
HEALTH = "/run/healthy"
_FRESH = f"import os; os.path.exists('{HEALTH}') and os.remove('{HEALTH}')\n"
_CHECK = (f"--health-cmd=test -e {HEALTH}", "--health-interval=300ms", "--health-retries=8")


def docker(*words: str, timeout: float = 60) -> str:
    done = subprocess.run(
        ["docker", *words], capture_output=True, text=True, check=False, timeout=timeout
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@dataclass
class RealEngine:
    """Makes containers without a network and takes them away again."""

    url: str = URL
    made: list[str] = field(default_factory=list)

    async def run(self, name: str, code: str, **options: Any) -> None:
        argv = ["run", "--detach", "--network=none", f"--name={name}"]
        argv += [f"--stop-timeout={options.get('stop_timeout', 1)}"]
        argv += _CHECK if options.get("checked") else ()
        argv += ["--restart=always"] if options.get("restart") else ()
        argv += [f"--memory={options['memory']}"] if options.get("memory") else ()
        self.made.append(name)
        await asyncio.to_thread(docker, *argv, IMAGE, "python3", "-Sc", _FRESH + code)

    async def stop(self, name: str) -> None:
        await asyncio.to_thread(docker, "stop", name)

    async def become(self, name: str, *, healthy: bool) -> None:
        """What has never been healthy becomes unhealthy by waiting."""
        if healthy:
            await asyncio.to_thread(docker, "exec", name, "touch", HEALTH)

    def end(self) -> None:
        for name in self.made:
            docker("rm", "--force", "--volumes", name)


class RealCompose:
    """A project whose file is written as the tale goes on."""

    def __init__(self, folder: Path, base: str = IMAGE) -> None:
        self.url = URL
        self._base = base
        self.file = folder / "compose.yml"
        self._services: dict[str, dict[str, Any]] = {}
        self.file.write_text("services: {}\n")

    async def run(self, name: str, code: str, *, replicas: int = 1, **options: Any) -> None:
        health = {"test": ["CMD", "test", "-e", HEALTH], "interval": "300ms", "retries": 8}
        self._services[name] = {
            "image": self._base,
            "network_mode": "none",
            "command": ["python3", "-Sc", (_FRESH + code).replace("$", "$$")],
            "stop_grace_period": f"{options.get('stop_timeout', 1)}s",
            "restart": "always" if options.get("restart") else "no",
            **({"healthcheck": health} if options.get("checked") else {}),
        }
        await asyncio.to_thread(self.file.write_text, yaml.safe_dump({"services": self._services}))
        if replicas:
            await self._do("up", "--detach", "--scale", f"{name}={replicas}", name)

    async def stop(self, name: str) -> None:
        await self._do("stop", name)

    async def become(self, name: str, *, healthy: bool) -> None:
        if healthy:
            await self._do("exec", "-T", name, "touch", HEALTH)

    def end(self) -> None:
        docker(*self._project, "down", "--volumes", "--timeout", "0")

    @property
    def _project(self) -> tuple[str, ...]:
        return ("compose", "--project-name", PROJECT, "--file", str(self.file))

    async def _do(self, *words: str) -> None:
        await asyncio.to_thread(docker, *self._project, *words)


class RealImages(RealCompose):
    """The same with two images: v1, which the file names, was built there, and v2 was pushed to a registry."""

    def __init__(self, folder: Path, registry: str) -> None:
        self.image = f"{registry}/team/shop"
        super().__init__(folder, f"{self.image}:v1")

    def build(self) -> None:
        for tag in ("v1", "v2"):
            made = docker("create", "--network=none", IMAGE, "true").strip()
            label = f"LABEL org.opencontainers.image.version={tag}"
            docker("commit", "--change", label, made, f"{self.image}:{tag}")
            docker("rm", made)
        docker("push", "--quiet", f"{self.image}:v2", timeout=300)

    def version(self, tag: str) -> str:
        template = "{{.Id}}" if tag == "v1" else "{{index .RepoDigests 0}}"
        said = docker("image", "inspect", "--format", template, f"{self.image}:{tag}")
        return said.strip().rpartition("@")[2]

    def remove(self) -> None:
        docker("rmi", "--force", f"{self.image}:v1", f"{self.image}:v2")
