from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from receiver.actions.base import ActionFailed
from receiver.actions.heal_orphaned_records import HealOrphanedRecords
from receiver.actions.heal_stale_sessions import HealStaleSessions
from receiver.targets import Target
from tests.receiver.actions.effects import an_effect
from tests.receiver.actions.postgres_targets import AWAY, ORPHANS, SESSIONS, a_database
from tests.receiver.stand_ins import a_toolbox
from tests.receiver.stores.keyspace import keyspace
from tests.receiver.stores.postgres_world import World, real_tools

KINDS = pytest.mark.parametrize("kind", [HealStaleSessions, HealOrphanedRecords])
Kind = type[HealStaleSessions] | type[HealOrphanedRecords]
KEYS = {"url": "redis://127.0.0.1:1/0", "session_patterns": ["sess:*"]}
HOSTILE = {"table": "users; DROP TABLE users", "alertname": "'"}
TABLES = """
    CREATE TABLE sessions (expires_at timestamptz); CREATE INDEX ON sessions (expires_at);
    INSERT INTO sessions SELECT now() - interval '1 day' FROM generate_series(1, 7);
    CREATE TABLE posts (id int PRIMARY KEY); INSERT INTO posts SELECT generate_series(1, 9);
    CREATE TABLE comments (post_id int); CREATE INDEX ON comments (post_id);
    INSERT INTO comments SELECT generate_series(1, 12);
    GRANT SELECT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO healer
"""


@KINDS
@pytest.mark.parametrize(
    "options",
    [
        *({"max_rows": 0}, {"max_rows": -1}, {"max_rows": 10**8}, {"batch": 0}, {"batch": 10**6}),
        *({"table": "users"}, {"dry_run": "perhaps"}, {"max_rows": "all"}),
    ],
)
def test_options_that_would_take_too_much_are_refused(kind: Kind, options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        kind.model_validate(options)


@KINDS
def test_its_promises(kind: Kind) -> None:
    assert (kind().max_rows, kind().batch, kind().dry_run) == (10_000, 500, False)
    assert kind().idempotent
    assert kind.cancel_safe
    assert not kind.disruptive
    assert kind().executables(a_database()) == ()


@pytest.mark.parametrize(
    ("target", "fits"),
    [
        (Target(name="api"), False),
        (a_database(), False),
        (a_database(sessions=SESSIONS), True),
        (Target.model_validate({"name": "c", "redis": {"url": KEYS["url"]}}), False),
        (Target.model_validate({"name": "c", "redis": KEYS}), True),
    ],
)
async def test_it_must_be_known_where_the_sessions_are(target: Target, fits: bool) -> None:
    assert (HealStaleSessions().objection(target) is None) is fits
    if not fits:
        with pytest.raises(ActionFailed, match="no sessions are configured: write") as caught:
            await HealStaleSessions().run(an_effect(target), a_toolbox())
        assert not caught.value.started


@pytest.mark.parametrize("target", [Target(name="api"), a_database(sessions=SESSIONS)])
async def test_only_configured_relations_are_healed(target: Target) -> None:
    with pytest.raises(ActionFailed, match="names no relation") as caught:
        await HealOrphanedRecords().run(an_effect(target), a_toolbox())
    assert not caught.value.started
    assert HealOrphanedRecords().objection(a_database(orphans=ORPHANS)) is None


@KINDS
async def test_where_nobody_is_at_home_it_never_began(kind: Kind) -> None:
    target = a_database(AWAY, sessions=SESSIONS, orphans=ORPHANS)
    with pytest.raises(ActionFailed, match="cannot be reached") as caught:
        await kind().run(an_effect(target, labels=HOSTILE), real_tools())
    assert not caught.value.started
    assert "c4nary" not in str(caught.value)


@pytest.mark.server
async def test_it_counts_under_the_documents_names_and_again_finds_nothing(world: World) -> None:
    world.sql(TABLES)
    target = a_database(world.url(), sessions=SESSIONS, orphans=ORPHANS)
    effect = an_effect(target, labels=HOSTILE)
    said = [
        (await kind().run(effect, real_tools())).counts
        for kind in (HealStaleSessions, HealOrphanedRecords, HealStaleSessions, HealOrphanedRecords)
    ]
    assert said == [
        {"staleSessions": 7, "found": 7},
        {"orphanedRecords": 3, "found": 3},
        {"staleSessions": 0, "found": 0},
        {"orphanedRecords": 0, "found": 0},
    ]


@pytest.mark.server
async def test_a_dry_run_says_what_it_would_do(world: World) -> None:
    world.sql(TABLES)
    target = a_database(world.url(), sessions=SESSIONS, orphans=ORPHANS)
    for kind, name in (
        (HealStaleSessions, "staleSessions"),
        (HealOrphanedRecords, "orphanedRecords"),
    ):
        done = await kind(dry_run=True).run(an_effect(target), real_tools())
        assert done.counts[name] == 0
        assert done.counts["found"] > 0
        assert "would be removed" in done.text


@pytest.mark.server
async def test_more_than_half_is_asked_for_by_name(world: World) -> None:
    world.sql(TABLES)
    world.sql("DELETE FROM posts WHERE id > 2")
    effect = an_effect(a_database(world.url(), orphans=ORPHANS))
    with pytest.raises(ActionFailed, match="10 of 12 references") as caught:
        await HealOrphanedRecords().run(effect, real_tools())
    assert not caught.value.started
    done = await HealOrphanedRecords(allow_majority=True).run(effect, real_tools())
    assert done.counts == {"orphanedRecords": 10, "found": 10}


@pytest.mark.server
async def test_sessions_in_a_table_and_in_redis_share_one_allowance(world: World) -> None:
    world.sql(TABLES)
    async with keyspace() as space:
        for number in range(5):
            await space.ask("SET", f"sess:{number}", "v")
            value = await space.admin.dump(f"sess:{number}")
            age = ("IDLETIME", 40 * 86400, "REPLACE")
            await space.ask("RESTORE", f"sess:{number}", 0, value, *age)
        both = {"name": "db", "redis": {**KEYS, "url": space.server.url}}
        postgres = {"url": world.url(), "sessions": SESSIONS}
        effect = an_effect(Target.model_validate({**both, "postgres": postgres}))
        dry = await HealStaleSessions(dry_run=True).run(effect, real_tools())
        assert dry.counts == {"staleSessions": 0, "found": 12}
        done = await HealStaleSessions(max_rows=10).run(effect, real_tools())
        assert done.counts["staleSessions"] == 10
        rest = await HealStaleSessions().run(effect, real_tools())
        assert rest.counts["staleSessions"] == 2
        assert "in Redis" in rest.text


@pytest.mark.server
async def test_a_redis_that_is_away_does_not_hide_what_was_done_in_the_table(world: World) -> None:
    world.sql(TABLES)
    postgres = {"url": world.url(), "sessions": SESSIONS}
    effect = an_effect(Target.model_validate({"name": "db", "redis": KEYS, "postgres": postgres}))
    with pytest.raises(ActionFailed, match=r"removed 7 of 7 stale sessions") as caught:
        await HealStaleSessions().run(effect, real_tools())
    assert caught.value.started
