from __future__ import annotations

import pytest

from receiver.checks import parse_check
from receiver.checks.base import Scene
from receiver.decide.verdict import Outcome, Sample
from receiver.targets import Target
from tests.receiver.stand_ins import a_toolbox
from tests.receiver.stores.keyspace import keyspace
from tests.servers.ports import free_port
from tests.servers.redis import redis_server


async def looked(url: str | None) -> Sample:
    redis = {"url": url, "timeout": "500ms"} if url else None
    target = Target.model_validate({"name": "cache", "redis": redis})
    sample = await parse_check({"redis": "ping"}).sample(Scene(target, ()), a_toolbox())
    assert "s3cret" not in sample.detail
    assert sample.direct
    return sample


@pytest.mark.server
async def test_a_server_that_answers_passes() -> None:
    async with redis_server() as server:
        assert (await looked(server.url)) == Sample(Outcome.PASS, "redis answered PING")


@pytest.mark.server
async def test_a_server_that_hangs_fails() -> None:
    async with redis_server() as server:
        server.hang()
        assert (await looked(server.url)) == Sample(Outcome.FAIL, "redis: no answer in time")


async def test_a_server_that_is_away_fails() -> None:
    sample = await looked(f"redis://u:s3cret@127.0.0.1:{free_port()}/0")
    assert sample.outcome is Outcome.FAIL
    assert "Connect call failed" in sample.detail


@pytest.mark.server
async def test_a_server_that_does_not_let_us_ask_is_no_data() -> None:
    async with keyspace() as space:
        url = await space.user("+scan", "~*")
        assert (await looked(url)).outcome is Outcome.NO_DATA
        assert "it needs `ACL SETUSER … +ping`" in (await looked(url)).detail
        wrong = await looked(url.replace("s3cret", "s3cret2"))
        assert (wrong.outcome, wrong.detail) == (
            Outcome.NO_DATA,
            "redis: the name or the password in redis.url is wrong",
        )


@pytest.mark.server
async def test_ping_is_permission_enough() -> None:
    async with keyspace() as space:
        assert (await looked(await space.user("+ping"))).outcome is Outcome.PASS


async def test_a_target_without_a_redis_is_no_data() -> None:
    assert (await looked(None)).outcome is Outcome.NO_DATA


def test_it_asks_for_the_facet_when_the_config_is_read() -> None:
    assert parse_check({"redis": "ping"}).needs() == "redis"
