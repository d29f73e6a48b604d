from __future__ import annotations

from typing import Any

import pytest

from receiver.decide.incident import State
from receiver.stages.repair import NotThis, repair
from tests.receiver.actions.postgres_targets import AWAY, ORPHANS
from tests.receiver.rig import CONFIG, rig

TARGETS: dict[str, Any] = {
    **CONFIG["targets"],
    "db": {"postgres": {"url": AWAY, "users": ["app"], "orphans": ORPHANS}},
}


@pytest.mark.parametrize(
    ("action", "options", "said"),
    [
        ("terminate_connections", {"users": ["postgres"]}, "postgres is none of its postgres.users: app"),
        ("terminate_connections", {"users": ["app' OR true --"]}, "is none of its postgres.users: app"),
        ("terminate_connections", {"states": ["idle", "everything"]}, "states[1]: must be 'idle'"),
        ("terminate_connections", {"states": ["idle"], "older_than": "0"}, "older_than: must be"),
        ("terminate_connections", {"where": "true"}, "options of terminate_connections: "),
        ("kill_long_queries", {"longer_than": "10ms"}, "longer_than: must be"),
        ("kill_long_queries", {"users": ["*"]}, "patterns are not known"),
        ("heal_orphaned_records", {"max_rows": 10**9}, "max_rows: must be"),
        ("heal_orphaned_records", {"table": "users"}, "options of heal_orphaned_records: "),
        ("heal_stale_sessions", {}, "no sessions are configured"),
    ],
)  # fmt: skip
async def test_what_would_reach_too_far_is_refused_at_once(
    action: str, options: dict[str, Any], said: str
) -> None:
    async with rig(targets=TARGETS) as made:
        with pytest.raises(NotThis, match=r"\S") as refused:
            await repair("db", action, options, "ann", made.context)
        assert refused.value.reason == "bad_options"
        assert said in str(refused.value)
        assert await made.events() == []


async def test_a_database_that_is_away_is_told_and_its_password_is_not() -> None:
    async with rig(targets=TARGETS) as made:
        await repair("db", "terminate_connections", {}, "ann", made.context)
        await made.settle()
        await made.wait(120)
        told = str(await made.told()) + str(await made.events())
        assert "cannot be reached" in told
        assert "c4nary" not in told
        assert (await made.incident()).state is not State.RESOLVED
