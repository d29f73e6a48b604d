"""Runs a program of the operator's. Its arguments are the config's, whole: no label ever becomes a part of one."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import ClassVar

from prunella.service.settings import Duration
from receiver.actions.amx import amx_environment
from receiver.actions.base import Action, ActionFailed, ActionTimedOut, Done, Effect
from receiver.argv import Argv
from receiver.quoting import last_words
from receiver.targets import Target
from receiver.tools import OutsideError, Tools


class Run(Action):
    """Runs `argv` without a shell; exit code 0 is done. With `amx_env` it gets am-executor's variables, too."""

    from_config_only: ClassVar[bool] = True

    argv: Argv
    timeout: Duration | None = None
    amx_env: bool = False

    async def run(self, effect: Effect, tools: Tools) -> Done:
        limit = min(effect.timeout, self.timeout or effect.timeout)
        env = amx_environment(effect) if self.amx_env else {}
        program, *arguments = self.argv
        began = tools.clock.monotonic()
        try:
            ended = await tools.programs.run(
                [tools.executables.get(program, program), *arguments],
                timeout=limit,
                env={**env, **effect.environment()},
            )
        except OutsideError as error:
            raise ActionFailed(str(error), started=error.sent, unknown=error.sent) from error
        took = tools.clock.monotonic() - began
        said = last_words(ended.output)
        if ended.exit_code is None:
            raise ActionTimedOut(f"{self._short()} was ended after {limit:g} s{said}")
        if ended.exit_code != 0:
            raise ActionFailed(
                f"{self._short()} ended with {ended.exit_code} in {took:.1f} s{said}"
            )
        return Done(f"{self._short()} ended with 0 in {took:.1f} s{said}")

    def executables(self, target: Target) -> tuple[str, ...]:
        return (self.argv[0],)

    def _short(self) -> str:
        return PurePosixPath(self.argv[0]).name
