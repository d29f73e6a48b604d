"""One deploy of the shop, as a CI job does it: say it, link it, reload it, look, say the end.

It does not go back by itself when the new release is bad: most pipelines do not, and what is to be seen here is who does.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import aiohttp

from demo.releases import repository
from demo.releases.layout import Layout
from demo.releases.ledger import TARGET
from demo.releases.versions import GOOD, base_of, built_again

BAD = frozenset({"rolled_back", "quarantined"})
# supervisord has started it, and it did not stay
GONE_AGAIN = ("spawn error", "abnormal termination")
EVERY = 0.1
Say = Callable[[str, str], None]


class RolloutError(Exception):
    """The deploy could not be done; the text says why."""


class Ledger(Protocol):
    """What demo.releases.ledger says to the receiver, or a stand-in for it. Raises RefusedError."""

    async def releases(self) -> Sequence[Mapping[str, Any]]: ...

    async def say(self, state: str, version: str, **more: str) -> None: ...

    async def mark(self, version: str) -> None: ...

    async def unfreeze(self) -> None: ...


def reachable(known: Sequence[Mapping[str, Any]], version: str) -> bool:
    """Whether it could be gone back to after the next release: it was never bad, and nothing that came after it has left
    a database behind with which it cannot live. `known` is the ledger, oldest first."""
    names = [one["version"] for one in known]
    if version not in names or GOOD not in names:
        return version == GOOD or GOOD in names
    later = known[names.index(version) + 1 :]
    bad = any(one["version"] == version and one["state"] in BAD for one in known)
    return not bad and all(one.get("compatible_down_to") == GOOD for one in later)


@dataclass(frozen=True, slots=True)
class Rollout:
    """Deploys into one layout, and tells one receiver."""

    layout: Layout
    ledger: Ledger
    version: Callable[[], Awaitable[str | None]]  # what the shop says that it is
    reload: Callable[[], Awaitable[None]]  # by its process manager; raises RolloutError
    patience: float = 8.0  # seconds in which the shop has to say that it is what was deployed

    async def name_for(self, version: str) -> str:
        """That version if it was never deployed, else its next build: what was bad is not deployed again."""
        taken = frozenset(str(one["version"]) for one in await self.ledger.releases())
        return built_again(version, taken) if version in taken else version

    async def deploy(self, version: str, say: Say) -> bool:
        """Whether the shop then says that it is that version. Raises RolloutError, RefusedError, GitError."""
        base, before = base_of(version), self.layout.serving()
        with contextlib.suppress(repository.GitError):  # it is there already
            repository.build_again(self.layout.repository, version)
        commit = repository.commit_of(self.layout.repository, version)
        oldest = base.named(version).oldest
        await self.ledger.say("started", version, commit=commit, compatible_down_to=oldest)
        say("started", f"{version}, commit {commit[:10]}; until now {before}")
        try:
            self.layout.add(version)
            self.layout.point(version)
        except (OSError, repository.GitError):
            await self.ledger.say("failed", version)
            raise
        say("linked", f"current -> releases/{version}")
        await self.reload()
        answered = await self._answer(version)
        say("reloaded", f"the shop says {answered or 'nothing'}")
        # Also when it is bad: it is linked and started, so it is what serves, and what served before does not.
        await self.ledger.say("finished", version)
        say("finished", version)
        return answered == version

    async def settle(self) -> None:
        """After a start or a drill: what serves is well, is in the ledger, may be gone back to, and deploys go on."""
        known = list(reversed(await self.ledger.releases()))
        for one in known:
            if one["state"] == "deploying":
                await self.ledger.say("failed", one["version"])
        await self.ledger.unfreeze()
        version = self.layout.serving()
        if version is None or not self.layout.well(version) or not reachable(known, version):
            version = await self.name_for(GOOD)
            await self.deploy(version, lambda stage, detail: None)
        else:
            commit = repository.commit_of(self.layout.repository, version)
            await self.ledger.say("finished", version, commit=commit, compatible_down_to=GOOD)
        await self.ledger.mark(version)

    async def _answer(self, version: str) -> str | None:
        """What the shop says that it is, once it is that version or patience is over."""
        loop = asyncio.get_running_loop()
        end, said = loop.time() + self.patience, None
        while said != version and loop.time() < end:
            await asyncio.sleep(EVERY)
            said = await self.version()
        return said


def asked(session: aiohttp.ClientSession, url: str) -> Callable[[], Awaitable[str | None]]:
    """The shop at that address."""

    async def version() -> str | None:
        with contextlib.suppress(aiohttp.ClientError, TimeoutError, ValueError, KeyError):
            async with session.get(f"{url}/version") as response:
                told: Mapping[str, Any] = await response.json()
                return str(told["version"])
        return None

    return version


def supervised(config: Path) -> Callable[[], Awaitable[None]]:
    """A supervisord that runs the shop, by its own command line."""

    async def reload() -> None:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "supervisor.supervisorctl", "-c", str(config)),
            *("restart", TARGET),
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        said, _ = await process.communicate()
        begun = process.returncode == 0 or any(word in said.decode() for word in GONE_AGAIN)
        if not begun:
            raise RolloutError(f"supervisorctl restart {TARGET}: {said.decode().strip()}")

    return reload
