"""A receiver without its sockets whose target `shop` has releases: v1 is a restore point, v2 was deployed ten minutes ago,
and its alert began five minutes ago."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from receiver.decide.going_back import Rollback
from receiver.decide.ledger import Deploy, Word, finished, restore_point
from receiver.decide.release import Release
from receiver.strategies.base import GateSettings
from receiver.tools import Programs
from tests.receiver.actions.releases import PROOF, Host, ScriptedStrategy, World, WorldManager
from tests.receiver.rig import CONFIG, START, Rig, rig

HOUR = 3600.0
DEPLOYED = START - 600.0
LADDER = [{"action": "rollback", "up_for": "1s", "prove_within": "3s", "timeout": "60s"}]


def a_deploy(version: str, at: float, compatible_down_to: str | None = "v1") -> Deploy:
    return Deploy("shop", version, "ci", at, None, compatible_down_to)


def deployed(version: str, at: float, compatible_down_to: str | None = "v1") -> Word:
    """It went live then."""
    return finished(a_deploy(version, at, compatible_down_to))


def the_book(**changes: Any) -> dict[str, Any]:
    """Answers HighErrorRate by a rollback, proven by the process."""
    verify = {"settle": "1s", "within": "10s", "every": "2s", "checks": [{"process": "up"}]}
    book = {**CONFIG["playbooks"][0], "ladder": LADDER, "verify": verify}
    return {**book, **changes}


def the_targets(world: World, **gate: Any) -> dict[str, Any]:
    """`shop` with its releases, and `cache`, which has none."""
    settings = GateSettings.model_validate({"healthy": "shop:healthy", **gate})
    strategy, manager = ScriptedStrategy(version=PROOF, gate=settings), WorldManager()
    strategy._world = manager._world = world
    shop = {"matchers": ['service="shop"'], "process": manager, "release": strategy}
    return {"shop": shop, "cache": CONFIG["targets"]["cache"]}


async def say(rig: Rig, *words: Word) -> None:
    """In the ledger, each when it says."""
    for word in words:
        await rig.journal.enter("shop", word, rig.clock.now())


async def live_and_bad(rig: Rig) -> None:
    """v1 is good, v2 serves."""
    await say(
        rig,
        deployed("v1", START - 9 * HOUR),
        restore_point("shop", "v1", "ann", START - 8 * HOUR),
        deployed("v2", DEPLOYED),
    )


@asynccontextmanager
async def a_shop_rig(
    world: World | None = None, *, gate: dict[str, Any] | None = None, **changes: Any
) -> AsyncIterator[Rig]:
    """Whose gate nothing speaks against, once the ledger is told."""
    targets = the_targets(world or World([Host()]), **(gate or {}))
    async with rig(**{"targets": targets, "playbooks": [the_book()], **changes}) as made:
        yield made


def with_programs(rig: Rig, programs: Programs) -> None:
    """Real ones."""
    tools = replace(rig.context.tools, programs=programs)
    rig.context = replace(rig.context, tools=tools)
    revived(rig)


def revived(rig: Rig) -> None:
    """Another receiver takes over."""
    rig.pipeline = type(rig.pipeline)(rig.context, "next")


async def releases(rig: Rig) -> dict[str, Release]:
    """The last deploy of each version."""
    return {one.version: one for one in await rig.journal.releases("shop")}


async def the_rollback(rig: Rig) -> Rollback:
    """The only one."""
    (only,) = await rig.journal.rollbacks()
    return only
