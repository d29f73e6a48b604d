"""Containers by the Engine API: what `docker restart` does, with the health check waited for and without the program.

Whoever may talk to the engine without a filter is root on its machine; that is why a receiver that lives in a container
refuses the plain socket, and why everything here needs five paths of the API and no more.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Coroutine, Mapping
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator

from receiver.managers.base import ManagerError, ProcessState, ProcessStatus, Verb
from receiver.managers.container_engine import ContainerEngine
from receiver.managers.container_state import container_status
from receiver.managers.docker_engine import LOOK_TIMEOUT, Engine, open_engine
from receiver.tools import Tools

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")
_ORDER_TIMEOUT = 120.0  # a container may take its whole stop timeout
_RESCUE = 12.0  # the engine kills what has not stopped after 10 s, unless told otherwise


def _check_container(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError("must be the exact name of one container")
    return text


class Docker(ContainerEngine):
    """A container of a Docker Engine, by its exact name. `url` is the engine's socket, or the http(s) address of a
    filtering proxy before it.

    A container with a health check is up when it is `healthy`, `starting` is waited for, and `unhealthy` is down. A
    restart gives it its own stop timeout; a reload is a restart, because an engine knows nothing gentler. A signal goes
    to its first process.

    Privileges: on the machine, the receiver's user in the group `docker`, which is as good as root. In a container never
    the socket (it is refused unless `unfiltered_socket: true`), but a proxy that lets through `GET /version`,
    `GET /containers/NAME/json` and `/stats`, `POST /containers/NAME/restart` and `/kill`: docs/examples/docker-socket-proxy.yml.
    """

    verbs: ClassVar[frozenset[Verb]] = frozenset({"restart", "reload", "signal"})

    container: Annotated[str, AfterValidator(_check_container)]

    async def status(self, tools: Tools) -> ProcessStatus:
        async with open_engine(self.url) as engine:
            found = await self._find(engine)
        return ProcessStatus(ProcessState.MISSING) if found is None else self._status(found)

    async def restart(self, tools: Tools) -> None:
        async with open_engine(self.url) as engine:
            await self._require_touchable(engine, tools)
            tools.require_lease()
            await _to_its_end(engine.order(f"/containers/{self.container}/restart", _ORDER_TIMEOUT))

    async def signal(self, tools: Tools, name: str) -> None:
        async with open_engine(self.url) as engine:
            await self._require_touchable(engine, tools)
            tools.require_lease()
            await engine.order(f"/containers/{self.container}/kill?signal={name}", LOOK_TIMEOUT)

    async def resident_bytes(self, tools: Tools) -> int | None:
        async with open_engine(self.url) as engine:
            await self._require_touchable(engine, tools)
            path = f"/containers/{self.container}/stats?stream=false&one-shot=true"
            return _resident(await engine.look(path))

    async def _find(self, engine: Engine) -> Mapping[str, Any] | None:
        """The container of exactly that name: the engine would also take the beginning of an id."""
        found = await engine.look(f"/containers/{self.container}/json")
        if found is None:
            return None
        if not isinstance(found, Mapping) or not {"Id", "Name", "State"} <= found.keys():
            raise ManagerError("the Docker Engine gives no container's state", started=False)
        return found if found["Name"] == f"/{self.container}" else None

    async def _require_touchable(self, engine: Engine, tools: Tools) -> None:
        """Raises ManagerError when it is not there, or holds us."""
        found = await self._find(engine)
        if found is None:
            raise ManagerError(f"there is no container {self.container}", started=False)
        ours = tools.ourselves.intersection(self._status(found).pids)
        if ours or found["Id"] == self.surroundings.own_id():
            raise ManagerError(f"{self.container} holds the receiver itself", started=False)

    def _status(self, found: Mapping[str, Any]) -> ProcessStatus:
        state = found["State"]
        return container_status(
            state.get("Status"),
            (state.get("Health") or {}).get("Status"),
            state.get("StartedAt"),
            state.get("Pid") if self.shares_our_pids else None,
            found.get("RestartCount"),
        )


async def _to_its_end(order: Coroutine[Any, Any, None]) -> None:
    """When we are cancelled the order is heard out for a while: some engines break off a restart between stop and start
    when who asked for it hangs up."""
    task = asyncio.ensure_future(order)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task}, timeout=_RESCUE)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        raise


def _resident(answer: object) -> int | None:
    """Without what the kernel keeps of files; cgroup 2 and cgroup 1 call it differently."""
    memory = answer.get("memory_stats") if isinstance(answer, Mapping) else None
    stats = (memory or {}).get("stats") or {}
    seen = stats.get("anon", stats.get("total_rss"))
    return seen if isinstance(seen, int) and seen > 0 else None
