"""Services of a compose project by `docker compose`: only it knows what one more replica of a service has to look like.

Nothing is ever pulled, built or made anew with other settings: the file may have changed since it was last applied, and
a repair is no deployment.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from prunella.service.settings import LocalPath
from receiver.managers.base import ManagerError, ProcessState, ProcessStatus, Verb
from receiver.managers.compose_cli import (
    FROM_HERE,
    LOOK_TIMEOUT,
    ComposeCli,
    ProjectName,
    ServiceName,
)
from receiver.managers.container_engine import ContainerEngine
from receiver.managers.container_state import container_status
from receiver.managers.replicas import as_one
from receiver.tools import Tools

_AS_IT_IS = ("--detach", "--no-deps", "--no-recreate", *FROM_HERE)
_FACTS = '{"restarts":{{.RestartCount}},"state":{{json .State}}}'
_SIZE = re.compile(r"^([0-9.]+)(B|KiB|MiB|GiB|TiB)", re.MULTILINE)
_UNITS = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}


class Compose(ContainerEngine):
    """A service of a compose project with all its replicas: `project` is the name it was started with (`docker compose
    ls` shows it), `file` its compose file. `url` is the engine's socket, or the address of a filtering proxy.

    A restart is `docker compose restart --no-deps`; where the service has no container it is started by `up`. Scaling adds
    replicas as the file describes them and takes the youngest away; the others are left as they are. Images are never
    pulled or built. With a health check, up means healthy. A reload is a restart, because an engine knows nothing gentler.

    `override` is a second compose file that counts whenever something is started, if it is there: where the image of the
    version that was chosen last is pinned. Beside `release: {strategy: compose}` of the same service it is that one's.

    The receiver's environment does not reach compose: variables of the file belong into the `.env` beside it.

    Privileges: the file readable, and the Docker socket as for `docker`. Through a proxy compose needs more than that
    manager: it lists and, to scale, makes and removes containers.
    """

    executable: ClassVar[str | None] = "docker"
    poll: ClassVar[float] = 1.0  # a look is two programs
    verbs: ClassVar[frozenset[Verb]] = frozenset({"restart", "reload", "scale", "signal"})

    project: ProjectName
    file: LocalPath
    service: ServiceName
    override: LocalPath | None = None

    @property
    def _cli(self) -> ComposeCli:
        return ComposeCli(self.project, (self.file,), self.service, self.url)

    async def status(self, tools: Tools) -> ProcessStatus:
        ids = await self._cli.ids(tools)
        if ids is None:
            return ProcessStatus(ProcessState.MISSING)
        if not ids:  # a service without a container can be started
            return ProcessStatus(ProcessState.DOWN)
        return as_one(await self._replicas(tools, ids))

    async def restart(self, tools: Tools) -> None:
        if await self._ours_to_touch(tools):
            await self._cli.order(tools, "restart", "--no-deps", self.service)
        else:
            await self._up(tools)

    async def instances(self, tools: Tools) -> int | None:
        ids = await self._cli.ids(tools)
        if ids is None:
            raise ManagerError(self._cli.unknown(), started=False)
        return len(ids)

    async def scale(self, tools: Tools, instances: int) -> None:
        await self._ours_to_touch(tools)
        wanted = f"{self.service}={instances}"
        await self._up(tools, "--scale", wanted)

    async def signal(self, tools: Tools, name: str) -> None:
        ids = await self._ours_to_touch(tools)
        states = [facts.get("state") or {} for facts in await self._cli.inspect(tools, _FACTS, ids)]
        if not any(state.get("Status") == "running" for state in states):
            raise ManagerError(f"{self.service} is not running", started=False)
        await self._cli.order(tools, "kill", "--signal", name, self.service)

    async def resident_bytes(self, tools: Tools) -> int | None:
        ids = await self._cli.ids(tools)
        if not ids:
            return None
        ended = await self._cli.docker(
            tools, "stats", "--no-stream", "--format", "{{.MemUsage}}", *ids, timeout=LOOK_TIMEOUT
        )
        sizes = _SIZE.findall(ended.output) if ended.exit_code == 0 else []
        total = int(sum(float(number) * _UNITS[unit] for number, unit in sizes))
        return total if len(sizes) == len(ids) and total else None

    async def _up(self, tools: Tools, *arguments: str) -> None:
        """Whatever is started is of the version that was chosen last."""
        chosen = () if self.override is None or not self.override.exists() else (self.override,)
        cli = replace(self._cli, files=(self.file, *chosen))
        await cli.order(tools, "up", *_AS_IT_IS, *arguments, self.service)

    async def _ours_to_touch(self, tools: Tools) -> list[str]:
        """The containers, for an order. Raises ManagerError when there is no such service, or when it holds us."""
        ids = await self._cli.ids(tools)
        if ids is None:
            raise ManagerError(self._cli.unknown(), started=False)
        looked = await self._replicas(tools, ids)
        ours = tools.ourselves.intersection(pid for one in looked for pid in one.pids)
        if ours or self.surroundings.own_id() in ids:
            raise ManagerError(f"{self.service} holds the receiver itself", started=False)
        return ids

    async def _replicas(self, tools: Tools, ids: list[str]) -> list[ProcessStatus]:
        here = self.shares_our_pids
        return [_replica(facts, here) for facts in await self._cli.inspect(tools, _FACTS, ids)]


def _replica(facts: Mapping[str, Any], here: bool) -> ProcessStatus:
    state = facts.get("state") or {}
    return container_status(
        state.get("Status"),
        (state.get("Health") or {}).get("Status"),
        state.get("StartedAt"),
        state.get("Pid") if here else None,
        facts.get("restarts"),
    )
