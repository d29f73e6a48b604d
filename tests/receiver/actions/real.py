"""Real parts for actions: the tools of the receiver, and an action in a receiver of its own that can be killed."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil

from prunella.service.clock import SystemClock
from receiver.actions.base import Done
from receiver.consistency import build_action
from receiver.managers.base import Manager, ProcessState
from receiver.outside.http import open_http
from receiver.outside.programs import SystemPrograms
from receiver.outside.survivors import ProcessTable
from receiver.stages.leash import leashed
from receiver.targets import Target
from receiver.tools import Tools
from tests.receiver.actions.effects import an_effect
from tests.receiver.stand_ins import StandInHttp
from tests.servers.process import ServerProcess, start, until

# every value that a label could carry into a place where it would do harm
HOSTILE = {
    "alertname": "$(touch /tmp/prunella-was-here)",
    "name": "all",
    "service": "--help",
    "instances": "99",
    "signal": "SIGKILL",
    "path": "/../../admin",
    "A; reboot #": "\n-oProxyCommand=reboot",
}


def real_tools(**executables: str) -> Tools:
    return Tools(
        clock=SystemClock(),
        http=StandInHttp(),
        programs=SystemPrograms(),
        executables=executables,
    )


async def do(
    name: str,
    target: Target,
    tools: Tools,
    *,
    timeout: float = 60.0,
    action_id: str = "real",
    **options: Any,
) -> Done:
    """What the action says; the alert that it is for carries hostile labels."""
    effect = replace(an_effect(target, timeout=timeout, labels=HOSTILE), action_id=action_id)
    held = leashed(tools, effect.environment(), lambda: True)
    return await build_action(name, options).run(effect, held)


def knows_why(pid: int) -> list[str]:
    """What a process has in its arguments or environment of the action, its alert, or us."""
    process = psutil.Process(pid)
    texts = [*process.cmdline(), *process.environ(), *process.environ().values()]
    ours = ("PRUNELLA_", *(word for pair in HOSTILE.items() for word in pair if " " in word))
    return [text for text in texts if any(word in text for word in ours)]


async def until_up(manager: Manager, tools: Tools, instances: int = 1) -> tuple[int, ...]:
    """The pids once so many are up."""
    pids: tuple[int, ...] = ()

    async def are_up() -> bool:
        nonlocal pids
        status = await manager.status(tools)
        pids = status.pids
        return status.state is ProcessState.UP and len(pids) == instances

    await until(are_up, f"{instances} are up", every=0.2, deadline=60)
    return pids


@dataclass(frozen=True, slots=True)
class Receiver:
    """One action in a process of its own."""

    process: ServerProcess
    action_id: str

    def kill(self) -> None:
        """The receiver alone: what it has started goes on."""
        self.process.popen.kill()
        self.process.popen.wait()


@asynccontextmanager
async def in_another_receiver(
    folder: Path, name: str, target: Target, tools: Tools, **options: Any
) -> AsyncIterator[Receiver]:
    """The same action in a receiver that can be killed in the middle; nothing of it outlives the test."""
    order = {
        "action": name,
        "action_id": f"real-{uuid4().hex}",
        "options": options,
        "target": target.model_dump(mode="json"),
        "executables": dict(tools.executables),
    }
    code = "import sys; from tests.receiver.actions.real import main; main(sys.argv[1])"
    argv = [sys.executable, "-c", code, json.dumps(order)]
    process = start("receiver", argv, folder, cwd=Path(__file__).parents[3])
    receiver = Receiver(process, str(order["action_id"]))
    try:
        yield receiver
    finally:
        receiver.kill()
        await ProcessTable(grace=1).end(receiver.action_id)


def main(text: str) -> None:
    """One action and nothing else."""
    order = json.loads(text)
    target = Target.model_validate(order["target"])
    asyncio.run(_do(order, target, real_tools(**order["executables"])))


async def _do(order: Mapping[str, Any], target: Target, tools: Tools) -> None:
    async with open_http() as http:
        told = {"action_id": order["action_id"], **order["options"]}
        await do(order["action"], target, replace(tools, http=http), **told)
