"""What a release strategy is: it knows how one version becomes the one that serves, and touches nothing before it may.

Who calls it writes the ledger, reloads the process, proves the version and puts the old one back; a strategy only moves
what is on the disk (or in the override file), so that doing it again, from wherever a killed receiver left it, ends in
the same place.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, ClassVar, Self

from pydantic import Field

from prunella.service.rules import Rule, is_given
from prunella.service.settings import Duration, Settings
from receiver.decide.diff import Comparison
from receiver.decide.matchers import Matchers
from receiver.decide.release import LONGEST, SOAK, version_name
from receiver.managers.base import Manager, ManagerError
from receiver.tools import Tools
from receiver.version_proof import Reading, VersionProof, agreed, read_cwd

HOUR = 3600.0


class StrategyError(Exception):
    """It cannot be, or could not be, done; `started` is False when it surely changed nothing."""

    def __init__(self, message: str, *, started: bool = True) -> None:
        super().__init__(message)
        self.started = started


def require_name(version: str) -> None:
    """Raises StrategyError for what can be no version's name."""
    try:
        version_name(version)
    except ValueError as error:
        raise StrategyError(str(error), started=False) from error


class GateSettings(Settings):
    """When a release may be blamed and gone back from (design.md, I4)."""

    within: Annotated[Duration, Field(gt=0)] = 72 * HOUR
    healthy_before: Annotated[Duration, Field(gt=0)] = 900.0
    min_traffic: Annotated[float, Field(ge=0)] = 0.05  # requests a second
    max_per_deploy: Annotated[int, Field(ge=1)] = 1
    max_per_day: Annotated[int, Field(ge=1)] = 2
    blocked_by: Matchers = ()
    healthy: str | None = None  # PromQL, 1 = healthy
    # PromQL, requests a second; None: http_requests_total of the target's service
    traffic: str | None = None


class Strategy(Settings):
    """A `release:` facet: its fields are the config keys beside `strategy:`."""

    executable: ClassVar[str | None] = None  # the name under `executables:` that it needs, if any
    # whether `activate` also starts the new version; else the target's process manager is asked to reload it
    starts: ClassVar[bool] = False
    # whether what serves can be seen without anything that `version` asks
    proves_itself: ClassVar[bool] = False

    version: VersionProof
    soak: Annotated[Duration, Field(ge=0)] = SOAK
    gate: GateSettings = Field(default_factory=GateSettings)
    compare: Comparison | None = None  # a forge's page of what lies between two commits

    @Rule
    def _has_folders(self) -> Iterator[str]:
        if self.version.cwd and self.folders is None:
            yield "`version: {cwd: true}` is for strategies that have a folder a version"

    @Rule
    def _can_be_proven(self) -> Iterator[str]:
        asks = any(is_given(self.version, name) for name in ("url", "member", "command"))
        if not (asks or self.proves_itself or self.version.cwd):
            yield "give `version:` with `url` and `json`, or `command`, or `cwd: true`"

    @property
    def folders(self) -> Path | None:
        """Where each version has a folder of its name; None where versions are no folders."""
        return None

    def version_of(self, text: str) -> str:
        """The word of the ledger for a version as CI or an operator wrote it. Raises ValueError."""
        if self.folders is not None and len(text.encode()) > LONGEST:
            raise ValueError(f"a version that is a folder's name has at most {LONGEST} bytes")
        return version_name(text)

    def beside(self, process: Manager) -> Manager:
        """The target's process facet as it has to be beside this one."""
        return process

    async def running(self, process: Manager | None, tools: Tools) -> Reading:
        """Which version serves, by every proof that there is; they have to agree. Never raises for what the target does."""
        return agreed(await asyncio.gather(*self.proofs(process, tools)))

    async def running_everywhere(self, process: Manager | None, tools: Tools) -> Reading:
        """The same of all its machines together."""
        looks = (machine.running(process, tools) for machine in self.machines())
        return agreed(await asyncio.gather(*looks))

    def proofs(self, process: Manager | None, tools: Tools) -> Iterator[Awaitable[Reading]]:
        """Each way to see what serves."""
        if self.version.asks:
            yield self.version.read(tools)
        if self.version.cwd and self.folders is not None:
            yield _cwd(process, self.folders, tools)

    def programs(self) -> tuple[str, ...]:
        """Those that it starts, by their names under `executables:`."""
        own = (self.executable,) if self.executable else ()
        return (*own, *self.version.programs())

    async def active(self, tools: Tools) -> str | None:
        """The version that the layout points at now, whatever serves; None when that cannot be seen."""
        raise NotImplementedError

    async def locked(self) -> bool:
        """Whether a deploy keeps everybody from activating anything, at this moment."""
        return False

    async def preflight(self, version: str, tools: Tools) -> str:
        """Looks whether that version could be activated: there, whole, room on the disk, a config that is read. Changes
        nothing; says in words what it saw. Raises StrategyError(started=False)."""
        raise NotImplementedError

    async def activate(self, version: str, tools: Tools) -> None:
        """Points the layout at that version; nothing is deleted, and doing it twice is doing it once. Raises StrategyError."""
        raise NotImplementedError

    async def way_back(self, version: str, tools: Tools) -> str:
        """Looks whether the version that serves could be put forward again by `restore`. It is what one goes away from, so
        it may well be broken. Changes nothing; says in words what it saw. Raises StrategyError(started=False)."""
        return await self.preflight(version, tools)

    async def require_ours(self, versions: Sequence[str], tools: Tools) -> None:
        """Raises StrategyError(started=False) when somebody else made another version active than one of these."""
        active = await self.active(tools)
        if active is not None and active not in versions:
            by_whom = "by somebody else meanwhile, and is left as it is"
            raise StrategyError(f"{active} was made active {by_whom}", started=False)

    async def restore(self, version: str, tools: Tools) -> None:
        """Puts the version forward again that was there before `activate` of another one failed. Raises StrategyError."""
        await self.activate(version, tools)

    def machines(self) -> tuple[Self, ...]:
        """One of its kind for every machine that it reaches, in the order in which they are to be done one by one, each
        with the version proof of that machine; only itself where it knows no machine but this."""
        return (self,)

    @property
    def machine(self) -> str:
        """The name of the one machine of `machines()` that it is for; empty where it knows no machine but this."""
        return ""

    def misses(self, started_from: Sequence[str]) -> str | None:
        """Why a process which its manager starts from there (`Manager.started_from`) would not become what `activate`
        points at, for people; None when nothing speaks against it."""
        return None

    async def history(self, good: str, bad: str, tools: Tools) -> str:
        """What came with `bad` that `good` has not, in a few lines for people; empty where nobody knows."""
        return ""


async def _cwd(process: Manager | None, folders: Path, tools: Tools) -> Reading:
    if process is None:
        return Reading(None, "the target has no `process:` whose folder could be looked at")
    try:
        pids = (await process.status(tools)).pids
    except ManagerError as error:
        return Reading(None, str(error))
    return await read_cwd(pids, folders)
