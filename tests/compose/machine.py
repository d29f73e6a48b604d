"""A container in which systemd is the first process: the nearest to a machine with systemd that a test can start."""

from __future__ import annotations

import asyncio
import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from shutil import which
from typing import Any

from tests.compose.engine import docker

IMAGE = os.environ.get("PRUNELLA_SYSTEMD_IMAGE", "")
NAME = "prunella-systemd"
RIGHTS = (
    *("--network=none", "--cap-add=SYS_ADMIN", "--security-opt=seccomp=unconfined"),
    *(
        "--security-opt=apparmor=unconfined",
        "--tmpfs=/run",
        "--tmpfs=/tmp",
        "--env=container=docker",
    ),
    "--volume=/sys/fs/cgroup:/sys/fs/cgroup:rw",
)
READY = (
    "import os, socket, time; time.sleep({grace})\n"
    "socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b'READY=1', os.environ['NOTIFY_SOCKET'])\n"
)


@dataclass
class RealSystemd:
    """Makes units and takes them away again. `folder` is for the programs that ask it."""

    folder: Path
    units: list[str] = field(default_factory=list)

    def begin(self) -> None:
        docker("run", "--detach", f"--name={NAME}", *RIGHTS, IMAGE)
        inside("until [ -S /run/systemd/private ]; do sleep 0.05; done")
        inside("systemctl start dbus.service polkit.service")

    def end(self) -> None:
        docker("rm", "--force", "--volumes", NAME)

    def systemctl(self, user: str) -> str:
        """A program that is systemctl for that user."""
        program = self.folder / f"systemctl-{user}"
        program.write_text(
            f'#!/bin/sh\nexport DOCKER_HOST="{os.environ.get("DOCKER_HOST", "")}"\n'
            f'exec {which("docker")} exec --user {user} {NAME} systemctl "$@"\n'
        )
        program.chmod(0o755)
        return str(program)

    async def define(self, name: str, code: str, **options: Any) -> None:
        self.units.append(name)
        grace = options.get("grace", 0)
        start = READY.format(grace=grace) if grace else ""
        await asyncio.to_thread(write, f"/srv/{name}.py", start + code)
        await asyncio.to_thread(write, f"/etc/systemd/system/{name}", _unit(name, options))
        if options.get("masked"):
            await asyncio.to_thread(inside, f"systemctl mask --runtime {name}")
            # what is in /etc goes before what is in /run
            await asyncio.to_thread(inside, f"rm /etc/systemd/system/{name}")
        await asyncio.to_thread(inside, "systemctl daemon-reload")

    async def start(self, name: str, code: str, **options: Any) -> None:
        await self.define(name, code, **options)
        await asyncio.to_thread(inside, f"systemctl start {name}")

    def forget(self) -> None:
        """What the test has made."""
        for name in self.units:
            inside(
                f"systemctl stop {name}; systemctl reset-failed {name}; systemctl unmask --runtime {name}; "
                f"rm -f /etc/systemd/system/{name} /srv/{name}.py; systemctl daemon-reload"
            )
        self.units.clear()


def inside(command: str) -> None:
    subprocess.run(
        ["docker", "exec", NAME, "sh", "-c", command], check=False, capture_output=True, timeout=60
    )


def write(path: str, text: str) -> None:
    argv = ["docker", "exec", "--interactive", NAME, "sh", "-c", f"cat > {path}"]
    subprocess.run(argv, input=text.encode(), check=True, capture_output=True, timeout=60)


def _unit(name: str, options: dict[str, Any]) -> str:
    lines = [
        *("[Unit]", "DefaultDependencies=no", "StartLimitIntervalSec=30"),
        f"StartLimitBurst={options.get('burst', 5)}",
        *(
            "[Service]",
            f"ExecStart=/usr/bin/env python3 -Sc 'exec(open(\"/srv/{name}.py\").read())'",
        ),
        *("TimeoutStopSec=2", f"Type={'notify' if options.get('grace') else 'simple'}"),
        *(["Restart=on-failure", "RestartSec=100ms"] if options.get("restart") else []),
        *(["ExecReload=/bin/sh -c 'kill -HUP $$MAINPID'"] if options.get("reloads") else []),
    ]
    return "\n".join(lines) + "\n"
