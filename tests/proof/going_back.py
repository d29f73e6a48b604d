"""A rollback told to a receiver that dies at a chosen point of it and is started again: whatever was reached by then, at
its end one version is active, serves, and is what the ledger says."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

import aiohttp

from receiver.decide.going_back import Step
from receiver.decide.ledger import Deploy, finished, restore_point
from receiver.decide.release import current
from tests.proof.outside import Outside, outside
from tests.proof.sweep import DEADLINE, VERIFY, Stage, Where, written
from tests.servers.ports import free_port
from tests.servers.process import until
from tests.servers.receiver import OPERATE_TOKEN, WEBHOOK_TOKEN

HOUR = 3600.0
REPAIR = {"target": "api", "action": "rollback", "options": {"up_for": "0", "prove_within": "10s"}}


@dataclass(frozen=True, slots=True)
class Site:
    """Two releases beside each other in a folder; what a program wrote to `serving` serves."""

    folder: Path

    @property
    def link(self) -> Path:
        return self.folder / "api" / "current"

    @property
    def serving(self) -> Path:
        return self.folder / "serving"

    def lay(self) -> None:
        """v2 is live."""
        self.folder.mkdir(parents=True)
        for version in ("v1", "v2"):
            release = self.folder / "api" / "releases" / version
            release.mkdir(parents=True)
            (release / "app").write_text(version)
        self.link.symlink_to("releases/v2")
        self.serving.write_text("v2\n")

    def script(self, name: str, body: str) -> str:
        """A program; it takes a moment, so that it can be outlived."""
        file = self.folder / name
        file.write_text(f"#!/bin/sh\nsleep 0.02\n{body}\n")
        file.chmod(0o755)
        return str(file)

    def serve(self, version: str) -> str:
        """Shell that has it serve, in one step."""
        return f'echo "{version}" > {self.serving}.$$ && mv {self.serving}.$$ {self.serving}'


Facets = Callable[[Site], Mapping[str, Any]]


def by_link(site: Site) -> Mapping[str, Any]:
    """The link is moved, and the reload has serve what it points at."""
    follow = site.serve(f"$(basename $(readlink {site.link}))")
    return _facets(site, {"strategy": "symlink", "path": str(site.folder / "api")}, follow)


def by_link_in_vain(site: Site) -> Mapping[str, Any]:
    """The same, but of v1 the reload fails: what served goes on to."""
    follow = f"[ $(basename $(readlink {site.link})) = v2 ] && {site.serve('v2')}"
    return _facets(site, {"strategy": "symlink", "path": str(site.folder / "api")}, follow)


def by_programs(site: Site) -> Mapping[str, Any]:
    """Programs move the link and have it serve."""
    move = f"ln -sfn releases/$1 {site.link}.$$ && mv -T {site.link}.$$ {site.link}"
    steps = [[site.script("move", move), "{version}"], [site.script("serve", site.serve("$1")), "{version}"]]  # fmt: skip
    return _facets(site, {"strategy": "command", "activate": steps}, "exit 0")


def by_programs_in_vain(site: Site) -> Mapping[str, Any]:
    """The second of them fails for v1, after the first has moved the link."""
    move = f"ln -sfn releases/$1 {site.link}.$$ && mv -T {site.link}.$$ {site.link}"
    steps = [
        [site.script("move", move), "{version}"],
        [site.script("serve", f'[ "$1" = v2 ] && {site.serve("$1")}'), "{version}"],
    ]
    return _facets(site, {"strategy": "command", "activate": steps}, "exit 0")


SITES: dict[str, tuple[Facets, str, Step]] = {  # how it goes back, what serves at the end
    "link": (by_link, "v1", Step.ROLLED_BACK),
    "link in vain": (by_link_in_vain, "v2", Step.RESTORED),
    "programs": (by_programs, "v1", Step.ROLLED_BACK),
    "programs in vain": (by_programs_in_vain, "v2", Step.RESTORED),
}


def _facets(site: Site, release: Mapping[str, Any], reload: str) -> Mapping[str, Any]:
    restart = [site.script("reload", reload)]
    proof = {"command": ["cat", str(site.serving)]}
    return {
        "process": {"manager": "command", "restart": restart, "reload": restart},
        "release": {**release, "version": proof},
    }


async def rolled_back(
    nursery: ForkServerContext, folder: Path, journal: Where, how: str, fatal: str = ""
) -> Stage:
    """The whole of it with a death at `fatal`, to its end."""
    facets, version, step = SITES[how]
    site = Site(folder)
    site.lay()
    async with AsyncExitStack() as parts:
        world = await parts.enter_async_context(outside(["api"], 0.0))
        port = free_port()
        written(folder / "config" / "receiver.yml", _config(journal.url, world, port, facets(site)))
        session = await parts.enter_async_context(
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5.0))
        )
        url = f"http://127.0.0.1:{port}"
        stage = Stage(
            nursery, folder / "config", journal.url, world, url, fatal, session, journal.leases_end
        )
        await _deployed(stage)
        keeper = asyncio.create_task(stage.keep_alive())
        try:
            await _told(stage)
        finally:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)
            if stage.process is not None:
                stage.process.kill()
                await asyncio.to_thread(stage.process.join)
        found = [*await _wrong(stage, version, step), *_half(site, version)]
        assert not found, f"{how}, killed at {fatal}: {found}"
    return stage


async def _deployed(stage: Stage) -> None:
    now = time.time()
    async with stage.opened() as journal:
        for version, at in (("v1", now - 9 * HOUR), ("v2", now - HOUR)):
            deploy = Deploy("api", version, "ci", at, None, "v1")
            await journal.enter("api", finished(deploy), at)
        await journal.enter("api", restore_point("api", "v1", "ann", now), now)


async def _told(stage: Stage) -> None:
    """An operator asks for it, and ends what a human has to end."""

    async def asked() -> bool:
        return bool(await stage.incidents())

    async def resolved() -> bool:
        return await stage.state() == "RESOLVED"

    await stage.says("/api/v1/repairs", REPAIR, asked)
    if await stage.until_state("RESOLVED", "ESCALATED") == "ESCALATED":
        incident = await stage.number()
        await stage.says(f"/api/v1/incidents/{incident}/resolve", {}, resolved)
    await until(resolved, f"the end in {stage.folder}", deadline=DEADLINE)


async def _wrong(stage: Stage, version: str, step: Step) -> list[str]:
    """What the journal says that it must not."""
    async with stage.opened() as journal:
        rollbacks = await journal.rollbacks()
        serving = current(await journal.releases("api"))
        chain = await journal.verify()
        rows = [json.loads(line) async for line in journal.export()]
    found = [] if chain.bad is None else [f"the chain is broken at {chain.bad}"]
    if [one.step for one in rollbacks] != [step]:
        found.append(f"rollbacks: {rollbacks}")
    if serving is None or serving.version != version:
        found.append(f"by the ledger {serving} serves")
    # a busy machine loses a lease that is so short, before anything was begun
    never = {row["aid"] for row in rows if row["ev"] == "outcome" and row["result"] == "cancelled"}
    begun = [row["aid"] for row in rows if row["ev"] == "intent" and row["aid"] not in never]
    if len(begun) != 1:
        found.append(f"begun: {begun}")
    return found


def _half(site: Site, version: str) -> list[str]:
    """Where the disk, or what serves, is of another version."""
    active, serves = site.link.readlink().name, site.serving.read_text().strip()
    return [] if active == serves == version else [f"{active} is active, {serves} serves"]


def _config(journal: str, world: Outside, port: int, facets: Mapping[str, Any]) -> dict[str, Any]:
    book = {
        "name": "down",
        "matchers": ['alertname="Down"', 'service="api"'],  # so its proof is a repair's too
        "mode": "auto",
        "ladder": [{"action": "rollback", "timeout": "20s"}],
        "verify": {
            **VERIFY,
            "checks": [{"http": {"url": f"{world.url}/health", "status": ["4xx"]}}],
        },
    }
    return {
        "server": {"listen": f"127.0.0.1:{port}"},
        "auth": {
            "webhook": [{"name": "alertmanager", "token": WEBHOOK_TOKEN}],
            "operate": [{"name": "ann", "token": OPERATE_TOKEN}],
        },
        "journal": journal,
        "mode": "auto",
        "targets": {"api": {"matchers": ['service="api"'], **facets}},
        "playbooks": [book],
        "channels": {"ops": {"kind": "webhook", "url": f"{world.url}/ops"}},
    }
