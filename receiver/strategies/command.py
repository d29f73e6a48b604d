"""Releases of anything else, by programs of the operators' own: a deploy tool that knows how to go back.

Their arguments are the config's, whole; what is put in is the version and the machine's name, each as an argument of its
own. That they end with 0 is asked and not believed: what serves has to say so itself.
"""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import Iterator, Sequence
from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
)

from prunella.service.rules import Rule, is_given
from receiver.argv import Argv
from receiver.quoting import last_words
from receiver.strategies.base import Strategy, StrategyError, require_name
from receiver.tools import MAY_STAY, OutsideError, Tools
from receiver.version_proof import VersionProof

VERSION, HOST = "{version}", "{host}"
_TIMEOUT = 1800.0  # the action's own timeout is the one that counts
_HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@-]{0,252}")


def _as_list(value: object) -> object:
    """One argv is a list of one."""
    one = isinstance(value, Sequence) and not isinstance(value, str) and value
    return [value] if one and isinstance(value[0], str) else value  # type: ignore[index]  # mypy loses what `one` says


def _check_steps(steps: tuple[tuple[str, ...], ...]) -> tuple[tuple[str, ...], ...]:
    for argument in (argument for argv in steps for argument in argv):
        for name in (VERSION, HOST):
            if name in argument and name != argument:
                raise ValueError(f"{name} must be an argument of its own")
    if any(argv[0] in {VERSION, HOST} for argv in steps):
        raise ValueError("must begin with a program")
    return steps


def _check_host(text: str) -> str:
    if not _HOST.fullmatch(text):
        raise ValueError("must be the name or address of one machine: no option, no pattern")
    return text


Steps = Annotated[
    tuple[Argv, ...], Field(min_length=1), BeforeValidator(_as_list), AfterValidator(_check_steps)
]
Host = Annotated[str, AfterValidator(_check_host)]


class Command(Strategy):
    """Programs of your own, without a shell: `activate` makes a version the one that serves, `preflight` looks whether it
    could and changes nothing, `restore` puts back the version that served before (without it, `activate` does).

    Each is one list of arguments, or a list of such lists that run one after the other until one does not end with 0.
    `{version}` stands for the version, `{host}` for the machine where `hosts` names some, both as arguments of their own;
    in `version` (`url` or `command`) `{host}` may stand, too. The machines are done one by one, the first of them first.
    A program may be run again after an interruption, so doing it twice has to be doing it once. `starts: true` says that
    `activate` also restarts the app; otherwise the process manager is asked to reload it. The programs get
    `PRUNELLA_RELEASE`, the version. What they did is not believed: `version` has to prove it.

    Privileges: the programs run as the receiver's user; where root is needed, write `[sudo, -n, /usr/local/sbin/switch-api,
    "{version}"]` and in sudoers `prunella ALL=(root) NOPASSWD: /usr/local/sbin/switch-api ^[A-Za-z0-9._-]+$` (sudo 1.9.10; with an
    older one the program has to look at its argument itself, because `*` in sudoers is also a second argument).
    """

    activate_steps: Annotated[Steps, Field(alias="activate")]
    preflight_steps: Annotated[Steps | None, Field(alias="preflight")] = None
    restore_steps: Annotated[Steps | None, Field(alias="restore")] = None
    hosts: tuple[Host, ...] = ()
    starts_it: Annotated[bool, Field(alias="starts")] = False

    @Rule
    def _activates_what_was_chosen(self) -> Iterator[str]:
        for word in (VERSION, HOST) if is_given(self, "hosts") else (VERSION,):
            if not any(word in argv for argv in self.activate_steps):
                yield f"`activate` must hold {word} as an argument of its own"

    @Rule
    def _proves_each_host(self) -> Iterator[str]:
        if is_given(self, "hosts") and not _asks_each(self.version):
            yield f"`version` must hold {HOST}: otherwise it proves one machine only"

    @Rule
    def _hosts_are_named(self) -> Iterator[str]:
        names = ("preflight_steps", "activate_steps", "restore_steps")
        known = (getattr(self, name, None) or () for name in names)
        if not is_given(self, "hosts") and any(HOST in argv for steps in known for argv in steps):
            yield f"{HOST} stands for one of `hosts`, and there are none"

    @Rule
    def _hosts_are_several(self) -> Iterator[str]:
        if len(set(self.hosts)) != len(self.hosts):
            yield "`hosts` names a machine twice"

    @model_serializer(mode="wrap")
    def _by_key(self, handler: SerializerFunctionWrapHandler) -> dict[str, object]:
        own = handler(self).items()
        return {name.removesuffix("_steps").removesuffix("_it"): value for name, value in own}

    @property
    def starts(self) -> bool:  # type: ignore[override]  # of others the class says it, here the operator
        """Whether `activate` also starts the new version."""
        return self.starts_it

    def programs(self) -> tuple[str, ...]:
        """Those that it starts, by their names under `executables:`."""
        return tuple(dict.fromkeys((*(argv[0] for argv in self._all_steps()), *super().programs())))

    def machines(self) -> tuple[Self, ...]:
        return tuple(self._only(host) for host in self.hosts) or (self,)

    @property
    def machine(self) -> str:
        return self.hosts[0] if len(self.hosts) == 1 else ""

    async def active(self, tools: Tools) -> str | None:
        return None  # there is no layout to look at, only what serves

    async def preflight(self, version: str, tools: Tools) -> str:
        require_name(version)
        await asyncio.to_thread(self._require_programs, tools)
        if self.preflight_steps is None:
            return "no `preflight` is configured: nothing was looked at but that the programs are there"
        try:
            await self._do("preflight", self.preflight_steps, version, tools)
        except StrategyError as error:
            raise StrategyError(str(error), started=False) from error
        return f"`preflight` of {version} ended well"

    async def activate(self, version: str, tools: Tools) -> None:
        await self._do("activate", self.activate_steps, version, tools)

    async def restore(self, version: str, tools: Tools) -> None:
        if self.restore_steps is None:
            await self._do("activate", self.activate_steps, version, tools)
        else:
            await self._do("restore", self.restore_steps, version, tools)

    async def _do(self, what: str, steps: Sequence[Argv], version: str, tools: Tools) -> None:
        require_name(version)
        env = {"PRUNELLA_RELEASE": version, **({MAY_STAY: "1"} if self.starts_it else {})}
        argvs = list(_filled(steps, version, self.hosts))
        for number, (name, *arguments) in enumerate(argvs, start=1):
            called = f"`{what}`" if len(argvs) == 1 else f"`{what}` {number} of {len(argvs)}"
            tools.require_lease()
            program = tools.executables.get(name, name)
            try:
                ended = await tools.programs.run([program, *arguments], timeout=_TIMEOUT, env=env)
            except OutsideError as error:
                raise StrategyError(
                    f"{called}: {error}", started=number > 1 or error.sent
                ) from error
            if ended.exit_code is None:
                raise StrategyError(f"{called} was ended after {_TIMEOUT:g} s")
            if ended.exit_code != 0:
                raise StrategyError(
                    f"{called} ended with {ended.exit_code}{last_words(ended.output)}"
                )

    def _require_programs(self, tools: Tools) -> None:
        for name in dict.fromkeys(argv[0] for argv in self._all_steps()):
            program = tools.executables.get(name, name)
            if shutil.which(program) is None:
                raise StrategyError(f"there is no program {program}", started=False)

    def _all_steps(self) -> Iterator[Argv]:
        for steps in (self.preflight_steps, self.activate_steps, self.restore_steps):
            yield from steps or ()

    def _only(self, host: str) -> Self:
        command = self.version.command
        proof = self.version.model_copy(
            update={
                "url": self.version.url and self.version.url.replace(HOST, host),
                "command": command and tuple(host if one == HOST else one for one in command),
            }
        )
        return self.model_copy(update={"hosts": (host,), "version": proof})


def _asks_each(proof: VersionProof) -> bool:
    return HOST in (proof.url or "") or HOST in (proof.command or ())


def _filled(steps: Sequence[Argv], version: str, hosts: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Every program for every machine: all of them for one before the next."""
    for host in hosts or ("",):
        for argv in steps:
            yield tuple({VERSION: version, HOST: host}.get(one, one) for one in argv)
