from __future__ import annotations

from typing import Any

import pytest

from receiver.stores.base import StoreError
from receiver.stores.postgres_rows import SPAN, Heal, Healed, heal_orphans
from tests.receiver.stores.postgres_world import World, real_tools

pytestmark = pytest.mark.server
RELATION = {"table": "comments", "column": "post_id", "references": "posts.id"}
TABLES = """
    CREATE TABLE posts (id int PRIMARY KEY); INSERT INTO posts SELECT generate_series(1, 60);
    CREATE TABLE comments (id serial, post_id int); CREATE INDEX ON comments (post_id);
    INSERT INTO comments (post_id) SELECT nullif(n, 0) FROM generate_series(0, 100) AS n;
    GRANT SELECT, UPDATE, DELETE ON comments TO healer; GRANT SELECT ON posts TO healer
"""


async def heal(
    world: World, *relations: dict[str, Any], role: str = "healer", **options: Any
) -> Healed:
    facet = world.facet(role, orphans=list(relations or [RELATION]))
    return await heal_orphans(facet, Heal(**options), real_tools())


def left(world: World, table: str = "comments") -> int:
    return int(world.sql(f"SELECT count(*) FROM {table}"))


async def test_what_leads_nowhere_goes_and_what_names_nothing_stays(world: World) -> None:
    world.sql(TABLES)
    done = await heal(world)
    assert (done.removed, done.found) == (40, 40)
    assert done.text == "removed 40 of 40 orphans of comments.post_id → posts.id"
    assert (left(world), world.sql("SELECT count(*) FROM comments WHERE post_id IS NULL")) == (
        61,
        "1",
    )
    assert (await heal(world)).removed == 0
    assert left(world, "posts") == 60


async def test_a_dry_run_counts_and_touches_nothing(world: World) -> None:
    world.sql(TABLES)
    done = await heal(world, dry_run=True)
    assert (done.removed, done.found, left(world)) == (0, 40, 101)
    assert done.text == "dry run; 40 orphans of comments.post_id → posts.id would be removed"


async def test_more_than_half_is_a_wrong_relation_unless_it_is_said_to_be_true(
    world: World,
) -> None:
    world.sql(TABLES + "; DELETE FROM posts WHERE id > 49")
    with pytest.raises(
        StoreError, match=r"51 of 100 references .* More than half is a wrong"
    ) as caught:
        await heal(world)
    assert not caught.value.started
    assert left(world) == 101
    assert (await heal(world, allow_majority=True)).removed == 51


async def test_an_empty_parent_is_a_lost_table_and_no_reason_to_delete(world: World) -> None:
    world.sql(TABLES + "; TRUNCATE posts")
    with pytest.raises(StoreError, match="100 of 100 references"):
        await heal(world)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("ALTER TABLE posts DROP CONSTRAINT posts_pkey", r"CREATE INDEX CONCURRENTLY ON public.posts \(\"id\"\)"),
        (
            "ALTER TABLE posts DROP CONSTRAINT posts_pkey; CREATE INDEX ON posts (id) WHERE id < 5",
            "no index of all rows begins with posts.id",
        ),
        ("ALTER TABLE posts RENAME TO articles", "there is no table \"posts\""),
        ("ALTER TABLE posts RENAME id TO number", "public.posts has no column \"id\""),
        ("ALTER TABLE comments ALTER post_id TYPE text", "the two columns hold different types"),
        ("REVOKE ALL ON posts FROM healer", "permission denied for table posts"),
        ("REVOKE UPDATE ON comments FROM healer", "permission denied for table comments: see what"),
        ("ALTER TABLE posts ENABLE ROW LEVEL SECURITY", "affected by row-level security policy"),
        ("ALTER TABLE comments ADD PRIMARY KEY (id); CREATE TABLE likes (c int REFERENCES comments ON DELETE SET NULL)",
         "rows of other tables would go or change: likes"),
    ],
)  # fmt: skip
async def test_where_it_would_be_wrong_it_never_begins(
    world: World, change: str, said: str
) -> None:
    world.sql(f"{TABLES}; {change}")
    with pytest.raises(StoreError, match=said) as caught:
        await heal(world)
    assert not caught.value.started
    assert left(world) == 101


async def test_a_referencing_column_without_an_index_is_said(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.sql(TABLES + "; DROP INDEX comments_post_id_idx")
    done = await heal(world)
    assert done.removed == 40
    assert done.text.endswith(
        '(no index begins with "post_id": the whole of public.comments has to be read)'
    )
    assert "an index is missing" in caplog.text


async def test_all_relations_are_looked_at_before_a_row_of_any_goes(world: World) -> None:
    world.sql(TABLES)
    with pytest.raises(StoreError, match="there is no table tags"):
        await heal(world, RELATION, {**RELATION, "table": "tags"})
    assert left(world) == 101


async def test_the_allowance_is_for_all_relations_together(world: World) -> None:
    world.sql(TABLES)
    world.sql("""
        CREATE SCHEMA "Blog"; CREATE TABLE "Blog"."Like {0} s" ("Post Id" int);
        INSERT INTO "Blog"."Like {0} s" SELECT generate_series(31, 70);
        GRANT USAGE ON SCHEMA "Blog" TO healer; GRANT SELECT, UPDATE, DELETE ON "Blog"."Like {0} s" TO healer
    """)
    odd = {
        **RELATION,
        "table": 'Blog."Like {0} s"',
        "column": '"Post Id"',
        "references": "public.posts.id",
    }
    done = await heal(world, RELATION, odd, max_rows=45, batch=7)
    assert (done.removed, done.found) == (45, 50)
    assert (left(world), left(world, '"Blog"."Like {0} s"')) == (61, 35)
    assert "max_rows (45) is reached" in done.text


async def test_a_file_of_many_spans_is_read_once_and_to_its_end(world: World) -> None:
    """And who is kept or held on the way holds up nobody behind him."""
    world.sql("""
        CREATE TABLE posts (id int PRIMARY KEY); INSERT INTO posts SELECT generate_series(1, 10000, 2);
        CREATE TABLE comments (post_id int) WITH (fillfactor = 10);
        INSERT INTO comments SELECT generate_series(1, 10000); DELETE FROM comments WHERE post_id = 9999;
        CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql
          AS 'BEGIN RETURN CASE WHEN old.post_id BETWEEN 100 AND 400 THEN NULL ELSE old END; END';
        CREATE TRIGGER keep BEFORE DELETE ON comments FOR EACH ROW EXECUTE FUNCTION keep();
        GRANT SELECT, UPDATE, DELETE ON comments TO healer; GRANT SELECT ON posts TO healer
    """)
    blocks = "SELECT pg_relation_size('comments') / current_setting('block_size')::int"
    assert int(world.sql(blocks)) > 3 * SPAN
    holder = await world.login("boss")
    await holder.execute(
        "BEGIN; SELECT * FROM comments WHERE post_id BETWEEN 1001 AND 1010 FOR UPDATE"
    )
    done = await heal(world, batch=100, allow_majority=True)
    assert (done.found, done.removed, left(world)) == (5000, 5000 - 151 - 5, 4999 + 151 + 5)
    assert "kept by a trigger" in done.text


async def test_answers_to_what_has_gone_go_with_the_next_run_at_the_latest(world: World) -> None:
    """A table that refers to itself: 1 ← 2 ← 3 is gone at its beginning."""
    world.sql("""
        CREATE TABLE comments (id int PRIMARY KEY, post_id int); CREATE INDEX ON comments (post_id);
        INSERT INTO comments VALUES (2, 1), (3, 2), (10, NULL), (11, 10), (12, 10), (13, 10);
        GRANT SELECT, UPDATE, DELETE ON comments TO healer
    """)
    itself = {**RELATION, "references": "comments.id"}
    removed = [(await heal(world, itself)).removed for _ in range(3)]
    assert (sum(removed), removed[-1], left(world)) == (2, 0, 4)
