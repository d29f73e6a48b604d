"""Services of a compose project by `docker compose`: only it knows what one more replica of a service has to look like.

Nothing is ever pulled, built or made anew with other settings: the file may have changed since it was last applied, and
a repair is no deployment. Of what `docker container inspect` could say only the state is asked for: the rest includes
the environment.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator

from prunella.redaction import printable, redact
from prunella.service.settings import LocalPath
from receiver.managers.base import ManagerError, ProcessState, ProcessStatus, Verb
from receiver.managers.container_engine import ContainerEngine
from receiver.managers.container_state import container_status
from receiver.managers.replicas import as_one
from receiver.tools import Finished, OutsideError, Tools

_LOOK_TIMEOUT = 20.0
_ORDER_TIMEOUT = 120.0
_PROJECT = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_SERVICE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,62}")
_ID = re.compile(r"^[0-9a-f]{64}$", re.MULTILINE)
_AS_IT_IS = ("--detach", "--no-deps", "--no-recreate", "--no-build", "--pull", "never")
_FACTS = '{"restarts":{{.RestartCount}},"state":{{json .State}}}'
_NOT_BEGUN = re.compile(
    r"(?i)permission denied|cannot connect to the docker daemon|no such service|^open \S+: no such file|unknown (?:shorthand )?flag"
    r"|is not a docker command|^yaml: |invalid signal",
    re.MULTILINE,
)
_NO_PLUGIN = re.compile(r"unknown (?:shorthand )?flag: .*-p|is not a docker command")
_SIZE = re.compile(r"^([0-9.]+)(B|KiB|MiB|GiB|TiB)", re.MULTILINE)
_UNITS = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}


def _check_project(text: str) -> str:
    if not _PROJECT.fullmatch(text):
        raise ValueError("must be the name of a compose project: a-z, 0-9, _ and -")
    return text


def _check_service(text: str) -> str:
    if not _SERVICE.fullmatch(text):
        raise ValueError("must be the name of one service of the compose file")
    return text


class Compose(ContainerEngine):
    """A service of a compose project with all its replicas: `project` is the name it was started with (`docker compose
    ls` shows it), `file` its compose file. `url` is the engine's socket, or the address of a filtering proxy.

    A restart is `docker compose restart --no-deps`; where the service has no container it is started by `up`. Scaling adds
    replicas as the file describes them and takes the youngest away; the others are left as they are. Images are never
    pulled or built. With a health check, up means healthy. A reload is a restart, because an engine knows nothing gentler.

    The receiver's environment does not reach compose: variables of the file belong into the `.env` beside it.

    Privileges: the file readable, and the Docker socket as for `docker`. Through a proxy compose needs more than that
    manager: it lists and, to scale, makes and removes containers.
    """

    executable: ClassVar[str | None] = "docker"
    poll: ClassVar[float] = 1.0  # a look is two programs
    verbs: ClassVar[frozenset[Verb]] = frozenset({"restart", "reload", "scale", "signal"})

    project: Annotated[str, AfterValidator(_check_project)]
    file: LocalPath
    service: Annotated[str, AfterValidator(_check_service)]

    async def status(self, tools: Tools) -> ProcessStatus:
        ids = await self._ids(tools)
        if ids is None:
            return ProcessStatus(ProcessState.MISSING)
        if not ids:  # a service without a container can be started
            return ProcessStatus(ProcessState.DOWN)
        return as_one(await self._replicas(tools, ids))

    async def restart(self, tools: Tools) -> None:
        if await self._ours_to_touch(tools):
            await self._order(tools, "restart", "--no-deps", self.service)
        else:
            await self._order(tools, "up", *_AS_IT_IS, self.service)

    async def instances(self, tools: Tools) -> int | None:
        ids = await self._ids(tools)
        if ids is None:
            raise ManagerError(self._unknown(), started=False)
        return len(ids)

    async def scale(self, tools: Tools, instances: int) -> None:
        await self._ours_to_touch(tools)
        wanted = f"{self.service}={instances}"
        await self._order(tools, "up", *_AS_IT_IS, "--scale", wanted, self.service)

    async def signal(self, tools: Tools, name: str) -> None:
        ids = await self._ours_to_touch(tools)
        states = [facts.get("state") or {} for facts in await self._inspect(tools, ids)]
        if not any(state.get("Status") == "running" for state in states):
            raise ManagerError(f"{self.service} is not running", started=False)
        await self._order(tools, "kill", "--signal", name, self.service)

    async def resident_bytes(self, tools: Tools) -> int | None:
        ids = await self._ids(tools)
        if not ids:
            return None
        ended = await self._docker(
            tools, "stats", "--no-stream", "--format", "{{.MemUsage}}", *ids, timeout=_LOOK_TIMEOUT
        )
        sizes = _SIZE.findall(ended.output) if ended.exit_code == 0 else []
        total = int(sum(float(number) * _UNITS[unit] for number, unit in sizes))
        return total if len(sizes) == len(ids) and total else None

    async def _ours_to_touch(self, tools: Tools) -> list[str]:
        """The containers, for an order. Raises ManagerError when there is no such service, or when it holds us."""
        ids = await self._ids(tools)
        if ids is None:
            raise ManagerError(self._unknown(), started=False)
        looked = await self._replicas(tools, ids)
        ours = tools.ourselves.intersection(pid for one in looked for pid in one.pids)
        if ours or self.surroundings.own_id() in ids:
            raise ManagerError(f"{self.service} holds the receiver itself", started=False)
        return ids

    async def _ids(self, tools: Tools) -> list[str] | None:
        """Its containers, also those that are down; None when the file knows no such service."""
        ended = await self._compose(
            tools, "ps", "--all", "--quiet", "--no-trunc", self.service, timeout=_LOOK_TIMEOUT
        )
        if ended.exit_code == 0:
            return _ID.findall(ended.output)
        if "no such service" in ended.output:
            return None
        raise ManagerError(f"`docker compose ps`: {self._cure(ended)}", started=False)

    async def _replicas(self, tools: Tools, ids: list[str]) -> list[ProcessStatus]:
        here = self.shares_our_pids
        return [_replica(facts, here) for facts in await self._inspect(tools, ids)]

    async def _inspect(self, tools: Tools, ids: list[str]) -> list[Mapping[str, Any]]:
        if not ids:
            return []
        ended = await self._docker(
            tools, "container", "inspect", "--format", _FACTS, *ids, timeout=_LOOK_TIMEOUT
        )
        if ended.exit_code != 0:
            raise ManagerError(f"`docker inspect`: {self._cure(ended)}", started=False)
        found = list(_facts(ended.output))
        if len(found) != len(ids):
            raise ManagerError("`docker inspect` did not print what was asked for", started=False)
        return found

    async def _order(self, tools: Tools, verb: str, *arguments: str) -> None:
        ended = await self._compose(tools, verb, *arguments, timeout=_ORDER_TIMEOUT)
        if ended.exit_code is None:
            raise ManagerError(f"`docker compose {verb}` took longer than {_ORDER_TIMEOUT:g} s")
        if ended.exit_code != 0:
            began = _NOT_BEGUN.search(ended.output) is None
            raise ManagerError(f"`docker compose {verb}`: {self._cure(ended)}", started=began)

    async def _compose(self, tools: Tools, *words: str, timeout: float) -> Finished:
        project = ("--project-name", self.project, "--file", str(self.file))
        return await self._docker(tools, "compose", *project, *words, timeout=timeout)

    async def _docker(self, tools: Tools, *words: str, timeout: float) -> Finished:
        program = tools.executables.get("docker", "docker")
        host = self.url.replace("http://", "tcp://", 1)
        try:
            return await tools.programs.run(
                [program, *words], timeout=timeout, env={"DOCKER_HOST": host}, max_output=1 << 20
            )
        except OutsideError as error:
            raise ManagerError(str(error), started=error.sent) from error

    def _cure(self, ended: Finished) -> str:
        if ended.exit_code is None:
            return f"no answer within {_LOOK_TIMEOUT:g} s"
        output = ended.output
        if "permission denied" in output and "socket" in output:
            return (
                f"no permission to open {self.url}: let the receiver's user into the group `docker` (which is as good as "
                "root on this machine), or give the http:// address of a filtering proxy"
            )
        if _NO_PLUGIN.search(output):
            return "`docker` has no compose plugin: install docker-compose-plugin (docker-compose of Debian 13)"
        lines = [line.strip() for line in output.splitlines() if line.strip()]
        return printable(redact(lines[-1]))[:200] if lines else f"exit code {ended.exit_code}"

    def _unknown(self) -> str:
        return f"{self.file} of the project {self.project} has no service {self.service}"


def _facts(output: str) -> Iterator[Mapping[str, Any]]:
    """Nothing of the output is quoted in an error: what is no answer of ours may be somebody's environment."""
    for line in output.splitlines():
        if line.startswith('{"restarts":'):
            try:
                yield json.loads(line)
            except (ValueError, RecursionError):
                raise ManagerError("`docker inspect` printed no JSON", started=False) from None


def _replica(facts: Mapping[str, Any], here: bool) -> ProcessStatus:
    state = facts.get("state") or {}
    return container_status(
        state.get("Status"),
        (state.get("Health") or {}).get("Status"),
        state.get("StartedAt"),
        state.get("Pid") if here else None,
        facts.get("restarts"),
    )
