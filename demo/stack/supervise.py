"""Starts supervisord and takes everything down with it again, however it ends."""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import signal
import subprocess
import sys
import xmlrpc.client
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil
from supervisor.xmlrpc import SupervisorTransport

from demo.stack.places import ROOT, Places

PATIENCE = 20.0


@contextmanager
def supervisord(places: Places, config: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Runs it in a session of its own, so that Ctrl-C reaches us and we decide the order of the end."""
    with (places.logs / "supervisord.out.log").open("ab") as out:
        process = subprocess.Popen(
            [*_tied_to_us(), sys.executable, "-m", "supervisor.supervisord", "-n", "-c", str(config)],
            cwd=ROOT,
            env={**os.environ, **places.environment()},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )  # fmt: skip
    try:
        yield process
    finally:
        _stop(process)


def trouble(places: Places, process: subprocess.Popen[bytes]) -> str:
    """Why waiting is in vain: supervisord has ended, or has given a part up. Empty when there is hope."""
    if process.poll() is not None:
        return "supervisord has ended"
    server = xmlrpc.client.ServerProxy(
        "http://127.0.0.1", transport=SupervisorTransport(serverurl=f"unix://{places.socket}")
    )
    try:
        answer = server.supervisor.getAllProcessInfo()
    except (OSError, http.client.HTTPException, xmlrpc.client.Error):
        return ""  # it is not listening yet
    programs = answer if isinstance(answer, list) else []
    lost = [str(program["name"]) for program in programs if program["statename"] == "FATAL"]
    return f"{', '.join(lost)} does not stay up" if lost else ""


def _tied_to_us() -> Sequence[str]:
    """Should we be killed, Linux tells supervisord to stop, and it stops the others."""
    setpriv = shutil.which("setpriv") if sys.platform == "linux" else None
    return [setpriv, "--pdeathsig", "TERM", "--"] if setpriv else []


def _stop(process: subprocess.Popen[bytes]) -> None:
    family = _family(process.pid)
    process.send_signal(signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(PATIENCE)
    for member in family:
        with contextlib.suppress(psutil.NoSuchProcess):  # psutil knows a reused pid by its start
            member.kill()
    process.kill()
    process.wait()


def _family(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []
