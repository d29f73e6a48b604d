"""Processes under anything else, by programs of the operator's own: an init script, a cluster's tool, a wrapper with sudo.

Their arguments are the config's, whole; the one thing that is ever put in is the number of instances, as an argument of
its own. What they end with is not believed: `status` is asked, and where there is none nothing is claimed.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Annotated, ClassVar

from pydantic import (
    AfterValidator,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
)

from prunella.service.rules import Rule, is_given
from receiver.argv import Argv
from receiver.managers.base import Manager, ManagerError, ProcessState, ProcessStatus, Verb
from receiver.managers.pids import resident_of
from receiver.quoting import last_words
from receiver.tools import MAY_STAY, Finished, OutsideError, Tools

INSTANCES = "{instances}"
_LOOK_TIMEOUT = 10.0
_ORDER_TIMEOUT = 300.0  # the action's own timeout is the one that counts
_PIDS = re.compile(r"\s*[1-9][0-9]{0,6}(?:[ ,]+[1-9][0-9]{0,6})*\s*")


def _check_fixed(argv: tuple[str, ...]) -> tuple[str, ...]:
    if any(INSTANCES in argument for argument in argv):
        raise ValueError(f"{INSTANCES} is for `scale` only")
    return argv


def _check_scale(argv: tuple[str, ...]) -> tuple[str, ...]:
    if argv[1:].count(INSTANCES) != 1 or sum(INSTANCES in argument for argument in argv) != 1:
        raise ValueError(f"must hold {INSTANCES} once, as an argument of its own")
    return argv


FixedArgv = Annotated[Argv, AfterValidator(_check_fixed)]


class Command(Manager):
    """Programs of your own: `restart`, `reload`, `status` and `scale` are lists of arguments, run without a shell.

    `status` ends with 0 when the process is up, and with anything else when it is not. On the first line of its output
    it may name the pids of all instances (`4711 4712`): by those a new start is told from the old process, instances are
    counted and memory is measured. Without `status` nothing is seen, the actions say so, and verification decides.
    `scale` holds `{instances}` as an argument of its own. `reload` must keep on answering; signals are not sent. A program
    that takes longer than the action is ended with what it started; one whose receiver was killed goes on to its end.

    Privileges: the programs run as the receiver's user; where root is needed, write `[sudo, -n, /usr/local/sbin/api-restart]`
    and in sudoers exactly that: `prunella ALL=(root) NOPASSWD: /usr/local/sbin/api-restart ""`.
    """

    verbs: ClassVar[frozenset[Verb]] = frozenset({"restart", "reload", "scale"})
    shows_starting: ClassVar[bool] = False

    restart_argv: Annotated[FixedArgv | None, Field(alias="restart")] = None
    reload_argv: Annotated[FixedArgv | None, Field(alias="reload")] = None
    status_argv: Annotated[FixedArgv | None, Field(alias="status")] = None
    scale_argv: Annotated[
        Annotated[Argv, AfterValidator(_check_scale)] | None, Field(alias="scale")
    ] = None

    @Rule
    def _something(self) -> Iterator[str]:
        words = ("restart", "reload", "status", "scale")
        if not any(is_given(self, f"{word}_argv") for word in words):
            yield f"give at least one of {', '.join(words)}"

    @model_serializer(mode="wrap")
    def _by_key(self, handler: SerializerFunctionWrapHandler) -> dict[str, object]:
        return {name.removesuffix("_argv"): value for name, value in handler(self).items()}

    def _argvs(self) -> dict[str, tuple[str, ...] | None]:
        return {
            "restart": self.restart_argv,
            "reload": self.reload_argv,
            "scale": self.scale_argv,
            "status": self.status_argv,
        }

    @property
    def observable(self) -> bool:
        return self.status_argv is not None

    def programs(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(argv[0] for argv in self._argvs().values() if argv))

    def objection(self, verb: Verb) -> str | None:
        if verb in self.verbs and self._argvs()[verb] is None:
            return f"its manager has no `{verb}`: give it one, or use another action"
        return super().objection(verb)

    async def status(self, tools: Tools) -> ProcessStatus:
        try:
            ended = await self._run(tools, "status", self.status_argv, _LOOK_TIMEOUT)
        except ManagerError as error:
            raise ManagerError(str(error), started=False) from error
        if ended.exit_code is None:
            raise ManagerError(f"`status` had no end in {_LOOK_TIMEOUT:g} s", started=False)
        if ended.exit_code != 0:
            return ProcessStatus(ProcessState.DOWN)
        return ProcessStatus(ProcessState.UP, pids=_pids(ended.output))

    async def restart(self, tools: Tools) -> None:
        await self._order(tools, "restart", self.restart_argv)

    async def reload(self, tools: Tools) -> None:
        await self._order(tools, "reload", self.reload_argv)

    async def zero_downtime(self, tools: Tools) -> bool:
        return True  # what `reload` is for; it is not this manager that could prove it

    async def instances(self, tools: Tools) -> int | None:
        return len((await self.status(tools)).pids) or None if self.observable else None

    async def scale(self, tools: Tools, instances: int) -> None:
        argv = self.scale_argv or ()
        given = tuple(str(instances) if argument == INSTANCES else argument for argument in argv)
        await self._order(tools, "scale", given or None)

    async def resident_bytes(self, tools: Tools) -> int | None:
        pids = (await self.status(tools)).pids if self.observable else ()
        return await asyncio.to_thread(resident_of, pids)

    async def _order(self, tools: Tools, verb: str, argv: tuple[str, ...] | None) -> None:
        ended = await self._run(tools, verb, argv, _ORDER_TIMEOUT)
        said = last_words(ended.output)
        if ended.exit_code is None:
            raise ManagerError(f"`{verb}` was ended after {_ORDER_TIMEOUT:g} s{said}")
        if ended.exit_code != 0:
            raise ManagerError(f"`{verb}` ended with {ended.exit_code}{said}")

    async def _run(
        self, tools: Tools, verb: str, argv: tuple[str, ...] | None, timeout: float
    ) -> Finished:
        if argv is None:
            raise ManagerError(f"this manager has no `{verb}`", started=False)
        program = tools.executables.get(argv[0], argv[0])
        try:
            return await tools.programs.run(
                [program, *argv[1:]], timeout=timeout, env={MAY_STAY: "1"}
            )
        except OutsideError as error:
            cure = f"the first argument of `{verb}` must be a program that we may start"
            name = PurePosixPath(argv[0]).name
            raise ManagerError(f"{name}: {error}; {cure}", started=error.sent) from error


def _pids(output: str) -> tuple[int, ...]:
    first = output.partition("\n")[0]
    return tuple(map(int, re.findall(r"\d+", first))) if _PIDS.fullmatch(first) else ()
