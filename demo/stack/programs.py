"""Prometheus, Alertmanager, Redis, PostgreSQL and git: found on the PATH or where Debian keeps them, installed where that is ours to do, or asked for."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from demo.stack.places import StackError

POLICY = Path("/usr/sbin/policy-rc.d")  # what Debian's packages ask before they start a service


@dataclass(frozen=True, slots=True)
class Program:
    """A program by the names it goes by, and Debian's package of it."""

    title: str
    names: tuple[str, ...]
    package: str


PROGRAMS = {
    "prometheus": Program("Prometheus", ("prometheus",), "prometheus"),
    "alertmanager": Program(
        "Alertmanager", ("prometheus-alertmanager", "alertmanager"), "prometheus-alertmanager"
    ),
    "redis": Program("Redis", ("redis-server", "valkey-server"), "redis-server"),
    "postgres": Program("PostgreSQL", ("postgres",), "postgresql"),
    "git": Program("git", ("git",), "git"),  # the shop's releases
}


def find() -> dict[str, str]:
    """The absolute path of each that is there."""
    found = {
        part: next(filter(None, map(_where, program.names)), None)
        for part, program in PROGRAMS.items()
    }
    return {part: path for part, path in found.items() if path}


def _where(name: str) -> str | None:
    """Debian keeps PostgreSQL's own programs off the PATH, by version."""
    versions = Path("/usr/lib/postgresql").glob(f"*/bin/{name}")
    newest = max(versions, key=lambda path: float(path.parts[-3]), default=None)
    return shutil.which(name) or (str(newest) if newest is not None else None)


def ensure(say: Callable[[str], None]) -> dict[str, str]:
    """All paths, after installing what is missing on Debian as root. Raises StackError with what to install."""
    found = find()
    missing = [program for part, program in PROGRAMS.items() if part not in found]
    if not missing:
        return found
    if not can_install():
        raise StackError(how_to_install(missing))
    packages = [program.package for program in missing]
    say(f"installing {', '.join(packages)} from Debian's packages (about half a minute, once)")
    _install(packages)
    found = find()
    if len(found) < len(PROGRAMS):
        raise StackError(how_to_install([p for part, p in PROGRAMS.items() if part not in found]))
    return found


def can_install() -> bool:
    """Whether this is a Debian-like system and we are its root."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def how_to_install(missing: list[Program]) -> str:
    """What to type, by system."""
    return (
        f"missing: {', '.join(program.title for program in missing)}\n"
        f"  Debian, Ubuntu: sudo apt-get install {' '.join(program.package for program in missing)}\n"
        "  macOS:          brew install prometheus redis postgresql git; Alertmanager from prometheus.io/download, on the PATH\n"
        "  or the whole stack in containers: docker compose up"
    )


def _install(packages: list[str]) -> None:
    """The packages, without letting them start services that would take our ports."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with _no_services():
        _apt("update", "-qq", env=environment)
        _apt("install", "-y", "-qq", "--no-install-recommends", *packages, env=environment)


def _apt(*arguments: str, env: Mapping[str, str]) -> None:
    done = subprocess.run(
        ["apt-get", *arguments],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        raise StackError(f"apt-get {arguments[0]} failed:\n{done.stdout[-2000:]}")


@contextmanager
def _no_services() -> Iterator[None]:
    if POLICY.exists():
        yield
        return
    POLICY.write_text("#!/bin/sh\nexit 101\n")
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink(missing_ok=True)
