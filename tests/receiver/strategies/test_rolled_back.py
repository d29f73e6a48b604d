"""The whole `rollback` on a real app under a real PM2 in cluster mode: what the old release does decides, not what PM2 says."""

from __future__ import annotations

from pathlib import Path

import pytest

from receiver.actions.base import ActionFailed, Done
from receiver.actions.rollback import Rollback
from receiver.decide.going_back import Step
from tests.receiver.actions.releases import StandInLogbook, World, a_logbook, an_effect_of
from tests.receiver.actions.test_on_pm2 import Visitors
from tests.receiver.strategies.test_served import Served, under_pm2

pytestmark = [pytest.mark.server, pytest.mark.timeout(240)]  # the first run fetches PM2
LIVE = ("v1", "v2")


async def go_back(served: Served) -> tuple[Done | ActionFailed, Step]:
    """What the action says, and where the ledger has it in the end."""
    book: StandInLogbook = a_logbook(World())
    action = Rollback.model_validate({"up_for": "1s", "prove_within": "20s"})
    try:
        said: Done | ActionFailed = await action.run(
            an_effect_of(served.target, book, timeout=120.0), served.tools
        )
    except ActionFailed as error:
        said = error
    return said, book.book.rollbacks[-1].step


async def test_a_release_is_gone_back_to_and_no_visitor_notices(tmp_path: Path) -> None:
    async with under_pm2(tmp_path, "symlink", versions=LIVE) as served:
        async with Visitors(served.url).there() as visitors:
            said, step = await go_back(served)
        assert step is Step.ROLLED_BACK, said
        assert await served.serves() == "v1"
        assert visitors.failed == []


async def test_an_old_release_that_crashes_is_left_and_the_live_one_put_forward_again(
    tmp_path: Path,
) -> None:
    async with under_pm2(tmp_path, "symlink", versions=LIVE) as served:
        (tmp_path / "api/releases/v1/app.js").write_text("process.exit(3)")
        said, step = await go_back(served)
        assert step is Step.RESTORED, said
        assert await served.serves() == "v2"
        assert await served.strategy.active(served.tools) == "v2"
