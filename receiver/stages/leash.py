"""What an action may reach: every program and every request of it carries its name and asks once more for the lease.

Between the permission and the effect a receiver can be paused (a stopped process, a machine that swaps) for so long
that another one takes over. When it wakes it goes on in the middle of a line and does not know; the monotonic clock does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from receiver.actions.told_programs import ToldPrograms
from receiver.journal import Fenced
from receiver.tools import MAX_BODY, MAX_OUTPUT, Finished, Http, Programs, Response, Tools


def _goes_on() -> None:
    """For who is not to be called off."""


def leashed(
    tools: Tools,
    names: Mapping[str, str],
    holds: Callable[[], bool],
    goes_on: Callable[[], None] = _goes_on,
) -> Tools:
    """The tools of one action. They raise Fenced when `holds` says no; by its `names` a child that outlives us is found.

    `goes_on` raises when no further batch is wanted. A program or a request may be a part of one, so they do not ask it.
    """
    return replace(
        tools,
        programs=_Programs(ToldPrograms(tools.programs, names), holds),
        http=_Http(tools.http, holds),
        require_lease=partial(_before_a_batch, holds, goes_on),
    )


@dataclass(frozen=True, slots=True)
class _Programs:
    programs: Programs
    holds: Callable[[], bool]

    async def run(
        self,
        argv: Sequence[str],
        *,
        timeout: float,
        env: Mapping[str, str] | None = None,
        max_output: int = MAX_OUTPUT,
    ) -> Finished:
        _require(self.holds)
        return await self.programs.run(argv, timeout=timeout, env=env, max_output=max_output)


@dataclass(frozen=True, slots=True)
class _Http:
    http: Http
    holds: Callable[[], bool]

    async def request(
        self,
        method: str,
        url: str,
        *,
        timeout: float,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        max_body: int = MAX_BODY,
    ) -> Response:
        _require(self.holds)
        return await self.http.request(
            method, url, timeout=timeout, headers=headers, body=body, max_body=max_body
        )


def _before_a_batch(holds: Callable[[], bool], goes_on: Callable[[], None]) -> None:
    _require(holds)
    goes_on()


def _require(holds: Callable[[], bool]) -> None:
    if not holds():
        raise Fenced("the lease ran out before the effect: another receiver may be at work")
