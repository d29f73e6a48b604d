from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.proof.chaos import AT_ONCE_DISRUPTIVE, Storm, planned, storm
from tests.proof.evidence import Terms
from tests.proof.outside import outside
from tests.servers.postgres import PostgresServer, postgres_server

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]

LONG = bool(os.environ.get("PRUNELLA_CHAOS"))
SEED = int(os.environ.get("PRUNELLA_SEED", "7"))
# who has taken an incident may be stopped, and who takes it over then killed; PostgreSQL waits four seconds for each
SOON = 30.0
UNLIMITED = (100_000, 3600.0)


@pytest.fixture(scope="module")
def cluster() -> Iterator[PostgresServer]:
    with postgres_server() as server:
        yield server


def terms(made: Storm) -> Terms:
    return Terms(
        per_target=UNLIMITED,
        everywhere=UNLIMITED,
        disruptive_at_once=AT_ONCE_DISRUPTIVE,
        repeatable=frozenset({"restart"}),
        channels=frozenset({"ops"}),
        accepted=tuple(made.accepted),
        soon=SOON,
    )


async def rages(
    folder: Path, cluster: PostgresServer, *, incidents: int, receivers: int, deadline: float
) -> None:
    targets = [f"app{n}" for n in range(12)]
    async with storm(folder, cluster, SEED, receivers, targets) as made:
        await made.rages(list(planned(SEED, incidents, targets)), deadline)
        wrong = await made.wrong(terms(made))
        assert not wrong, "\n".join(wrong)
        assert made.killed + made.stopped > 0


def test_the_same_seed_chooses_the_same_stories() -> None:
    assert list(planned(3, 20, ["a", "b"])) == list(planned(3, 20, ["a", "b"]))
    assert list(planned(3, 20, ["a", "b"])) != list(planned(4, 20, ["a", "b"]))


async def test_what_is_done_twice_is_seen_twice_and_what_was_cut_off_too(tmp_path: Path) -> None:
    async with outside(["api"], 0.0) as world:
        line = "a-1 api restart 3 f1@17"
        (world.folder / "effects").write_text(
            f"begun {line} 1.5\nover {line} 2.5\nbegun {line} 3.5\nbegun a-2 api run 4 f2@17 4.5\n"
        )
        assert [(one.aid, one.began, one.ended) for one in world.effects()] == [
            *(("a-1", 1.5, 2.5), ("a-1", 3.5, None), ("a-2", 4.5, None))
        ]
        assert world.done() == {"f1": 1}


async def test_two_receivers_that_die_and_sleep_do_everything_once(
    tmp_path: Path, cluster: PostgresServer
) -> None:
    await rages(tmp_path, cluster, incidents=40, receivers=2, deadline=300.0)


@pytest.mark.skipif(not LONG, reason="make chaos")
@pytest.mark.parametrize("receivers", [2, 3])
async def test_a_long_storm_over_receivers_that_die_and_sleep_loses_and_doubles_nothing(
    tmp_path: Path, cluster: PostgresServer, receivers: int
) -> None:
    await rages(tmp_path, cluster, incidents=400, receivers=receivers, deadline=1500.0)
