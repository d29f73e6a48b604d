"""`python -m demo.stack`, which is `make up`: the whole stack in the foreground until Ctrl-C."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import select
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from demo import deploy
from demo.releases.repository import GitError
from demo.stack import database, health, places, programs, render
from demo.stack.health import NotReadyError
from demo.stack.places import PORTS, Places, StackError
from demo.stack.supervise import supervisord, trouble

SCHEMES = {"redis": "redis", "postgres": "postgresql"}
WHAT = {
    "receiver": "hears alerts, repairs, proves it; with the console: /, /api/v1/incidents, /metrics",
    "preview": "what people are told: incidents as Slack would show them, with buttons",
    "exporter": "watches: /metrics, /api/health",
    "shop": "something to break",
    "prometheus": "measures and judges: /alerts",
    "alertmanager": "hands alerts over",
    "redis": "the shop's cache, rate limits and job queue",
    "postgres": "the shop's orders",
}


def main() -> int:
    """Exit code 0 when told to stop, 1 when it could not run, 2 when the environment asks for the impossible."""
    try:
        where = places.read(os.environ)
        with _alone(where):
            places.refuse_taken(where)
            paths = programs.ensure(say)
            return asyncio.run(_run(where, paths))
    except (StackError, GitError) as error:
        say(f"make up: {error}", sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 0


async def _run(where: Places, paths: dict[str, str]) -> int:
    places.forget(where)  # of a run that was killed
    config = render.prepare(where, paths)
    database.make(where, paths["postgres"])
    say(f"starting the stack; every log is in {where.logs}")
    told = asyncio.create_task(_told_to_stop())
    with supervisord(where, config) as process:
        ready = asyncio.create_task(health.wait(where, lambda: trouble(where, process), say))
        await asyncio.wait({ready, told}, return_when=asyncio.FIRST_COMPLETED)
        if ready.done() and (error := ready.exception()) is not None:
            say(f"make up: {error}\n{_last_words(where, error)}", sys.stderr)
        elif ready.done():
            await _tell_what_serves(where)
            places.record(where)
            say(table(where))
            await _until_told_or_dead(told, process)
        ready.cancel()
        places.forget(where)
        say("stopping")
    say("stopped")
    return 0 if told.done() else 1


async def _tell_what_serves(where: Places) -> None:
    """So that there is something to go back to. Without it the stack works, and only drills of releases do not."""
    try:
        async with deploy.rollout(where) as shop:
            await shop.settle()
    except deploy.FAILED as error:
        say(f"the ledger of releases does not know what serves: {error!r}", sys.stderr)


async def _until_told_or_dead(told: asyncio.Task[None], process: subprocess.Popen[bytes]) -> None:
    while not told.done() and process.poll() is None:
        await asyncio.wait({told}, timeout=0.5)
    if not told.done():
        say("make up: supervisord has ended", sys.stderr)


async def _told_to_stop() -> None:
    """Returns at Ctrl-C, TERM, or when the terminal goes away (unless nohup said that it may)."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    nohup = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    for number in (signal.SIGINT, signal.SIGTERM, *(() if nohup else (signal.SIGHUP,))):
        loop.add_signal_handler(number, stop.set)
    # A session that `make` leads, as over `ssh -t`, sends its HUP to `make` alone, which waits for us.
    watched = not nohup and sys.stdin is not None and sys.stdin.isatty()
    while not stop.is_set() and not (watched and hung_up(sys.stdin.fileno())):
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), 0.5)


def hung_up(terminal: int) -> bool:
    """Whether the other side of the terminal is gone."""
    poll = select.poll()
    poll.register(terminal, 0)
    return bool(poll.poll(0))


@contextmanager
def _alone(where: Places) -> Iterator[None]:
    """Two stacks must not share a folder of state."""
    where.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (where.folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise StackError(
                f"a stack is running already with its state in {where.folder}: stop it, or set "
                "PRUNELLA_STACK to another folder (and the ports to others)"
            ) from error
        yield


def table(where: Places) -> str:
    """Where everything is, and which variable moves it."""
    rows = [
        (part, f"{SCHEMES.get(part, 'http')}://127.0.0.1:{where.ports[part]}", PORTS[part][0], about)
        for part, about in WHAT.items()
    ]  # fmt: skip
    rows = [("", "where", "change the port with", ""), *rows]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = [
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3]])
        for row in rows
    ]
    return "\n".join(
        [
            "",
            *(line.rstrip() for line in lines),
            "",
            f"logs    {where.logs}",
            f"ask it  {_operator(where)} incidents",
            f"see it  {where.url('receiver')}/, with the token in {where.secrets / 'operate_token'}",
            "",
            "Now break it, in another terminal: make drill.  Ctrl-C here stops everything.",
        ]
    )


def _operator(where: Places) -> str:
    """`prunella` as it can be copied into another terminal."""
    program = os.path.relpath(Path(sys.executable).with_name("prunella"))
    words = [program, "--token-file", os.path.relpath(where.secrets / "operate_token")]
    if where.ports["receiver"] != PORTS["receiver"][1]:
        words += ["--url", where.url("receiver")]
    return shlex.join(words)


def _last_words(where: Places, error: BaseException, lines: int = 8) -> str:
    """The end of the logs of the parts that `error` is about."""
    parts = error.parts if isinstance(error, NotReadyError) else ("supervisord",)
    words = []
    for log in (where.logs / f"{part}.log" for part in parts):
        if log.exists():
            words += [f"--- {log}", *log.read_text(errors="replace").splitlines()[-lines:]]
    return "\n".join(words)


def say(text: str, stream: TextIO = sys.stdout) -> None:
    """Prints at once; a terminal that has gone away is no reason to leave the stack running."""
    with contextlib.suppress(OSError, ValueError):
        stream.write(f"{text}\n")
        stream.flush()


if __name__ == "__main__":
    sys.exit(main())
