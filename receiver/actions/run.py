"""Runs a program of the operator's. Its arguments are the config's, whole: no label ever becomes a part of one."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field

from prunella.service.settings import Duration
from receiver.actions.amx import amx_environment
from receiver.actions.base import Action, ActionFailed, ActionTimedOut, Done, Effect
from receiver.quoting import last_words
from receiver.targets import Target
from receiver.tools import OutsideError, Tools


def _check_argv(argv: tuple[str, ...]) -> tuple[str, ...]:
    program = argv[0]
    if not program or program.startswith("-") or ("/" in program and not program.startswith("/")):
        raise ValueError("must begin with a program: an absolute path, or a bare name")
    if any("\0" in argument for argument in argv):
        raise ValueError("must not hold NUL")
    return argv


class Run(Action):
    """Runs `argv` without a shell; exit code 0 is done. With `amx_env` it gets am-executor's variables, too."""

    from_config_only: ClassVar[bool] = True

    argv: Annotated[tuple[str, ...], Field(min_length=1), AfterValidator(_check_argv)]
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
