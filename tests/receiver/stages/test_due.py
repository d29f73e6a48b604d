from __future__ import annotations

from typing import Any

from receiver.decide.incident import State
from receiver.decide.ledger import Deploy, failed, finished, started
from receiver.stages.due import due_on
from receiver.tools import Due, Response
from tests.receiver.rig import CONFIG, Rig, firing, rig

RELEASE = {
    "strategy": "symlink",
    "path": "/srv/shop",
    "version": {"url": "http://127.0.0.1:1/version", "json": "version"},
}
TARGETS = {**CONFIG["targets"], "shop": {**CONFIG["targets"]["shop"], "release": RELEASE}}
(ERRORS,) = CONFIG["playbooks"]
VERIFY = {**ERRORS["verify"], "checks": [{"version": "target"}]}


async def say(made: Rig, word: Any, version: str) -> None:
    now = made.context.now()
    await made.journal.enter("shop", word(Deploy("shop", version, "ci", now)), now)


async def test_what_went_live_last_is_due() -> None:
    async with rig() as made:
        assert await due_on(made.context, "shop") == Due(None)
        await say(made, finished, "v1")
        assert await due_on(made.context, "shop") == Due("v1")
        assert await due_on(made.context, "cache") == Due(None)


async def test_a_deploy_is_on_its_way_until_its_end_is_said() -> None:
    async with rig() as made:
        await say(made, finished, "v1")
        await say(made, started, "v2")
        assert await due_on(made.context, "shop") == Due("v1", coming="v2")
        await say(made, failed, "v2")
        assert await due_on(made.context, "shop") == Due("v1")


class Serves:
    """An app that says which version it is."""

    def __init__(self, version: str) -> None:
        self.version = version

    async def request(self, method: str, url: str, **options: Any) -> Response:
        return Response(200, f'{{"version": "{self.version}"}}'.encode())


async def verified(version: str) -> State:
    """How an incident goes on after its first rung, when that version serves and v1 should."""
    async with rig(targets=TARGETS, playbooks=[{**ERRORS, "verify": VERIFY}]) as made:
        await say(made, finished, "v1")
        object.__setattr__(made.context.tools, "http", Serves(version))
        await made.deliver(firing())
        await made.settle()
        await made.wait(4)
        return (await made.incident()).state


async def test_a_repair_is_proven_only_by_the_version_that_should_serve() -> None:
    assert await verified("v1") is State.HEALED_HOLD


async def test_a_repair_after_which_another_version_serves_is_none() -> None:
    assert await verified("v2") is not State.HEALED_HOLD
