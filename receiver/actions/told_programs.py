"""Programs that are told why they run: every one of an action by which, that of a rollback also to which release."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from receiver.tools import MAX_OUTPUT, Finished, Programs


@dataclass(frozen=True, slots=True)
class ToldPrograms:
    """Each gets `names` into its environment, as far as it is not given others of the same names."""

    programs: Programs
    names: Mapping[str, str]

    async def run(
        self,
        argv: Sequence[str],
        *,
        timeout: float,
        env: Mapping[str, str] | None = None,
        max_output: int = MAX_OUTPUT,
    ) -> Finished:
        told = {**self.names, **(env or {})}
        return await self.programs.run(argv, timeout=timeout, env=told, max_output=max_output)
