from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import redis.asyncio

from exporter.queues.base import SourceError
from exporter.queues.redis_link import (
    Question,
    RedisLink,
    check_queues_url,
    count,
    literal,
    number,
    parsed,
    scored,
    texts,
)
from exporter.resp.replies import RefusedError, Reply
from prunella.service.settings import Secret
from tests.servers.ports import free_port
from tests.servers.redis import RedisServer, redis_server
from tests.servers.relay import relay


async def said(link: RedisLink, *words: bytes | str | int, seconds: float = 5.0) -> Reply:
    """One command's reply."""
    until = asyncio.get_running_loop().time() + seconds
    return (await link.ask(lambda ask: ask.add(*words), until))[0]


async def connections(server: RedisServer) -> int:
    """Those that the server has ever had, this one included."""
    async with redis.asyncio.Redis.from_url(server.url) as client:
        return int((await client.info("stats"))["total_connections_received"])


@pytest.mark.parametrize(
    "url",
    ["redis://h", "redis://:p%40ss@h:1/3", "rediss://u:p@h/0", "unix:///a.sock?db=2", "redis://h/"],
)
def test_these_are_addresses(url: str) -> None:
    assert check_queues_url(Secret(url)) == Secret(url)


@pytest.mark.parametrize("url", ["http://h", "redis://h:0", "redis://h:x", "unix://", "redis://h/cache", ""])  # fmt: skip
def test_these_are_none(url: str) -> None:
    with pytest.raises(ValueError, match="must be redis://"):
        check_queues_url(Secret(url))


def test_words_go_out_as_they_are() -> None:
    question = Question()
    question.add("ZCOUNT", b"\xff\r\n", 1.5, "é")
    question.add("PING")
    assert question.packed() == (
        b"*4\r\n$6\r\nZCOUNT\r\n$3\r\n\xff\r\n\r\n$3\r\n1.5\r\n$2\r\n\xc3\xa9\r\n*1\r\n$4\r\nPING\r\n"
    )
    assert question.replies == 2


def test_a_reply_of_another_kind_is_nothing() -> None:
    wrong: list[Reply] = [RefusedError("WRONGTYPE"), None, [], b""]
    assert [count(one) for one in wrong] == [0] * 4
    assert [texts(one) for one in wrong] == [[]] * 4
    assert [number(one) for one in (*wrong, b"nan", b"inf", "1.5")] == [None] * 6 + [1.5]
    assert [parsed(one) for one in (*wrong, b"[" * 100_000, b'{"a": 1}')] == [None] * 5 + [{"a": 1}]
    assert scored([b"a", b"1", b"b", b"later", b"c"]) == [(b"a", 1.0)]


def test_a_pattern_of_a_name_matches_nothing_else() -> None:
    assert literal("a[b]*?") == r"a\[b\]\*\?"


@pytest.mark.server
async def test_an_address_may_name_its_database(tmp_path: Path) -> None:
    socket = tmp_path / "redis.sock"
    async with redis_server("--unixsocket", str(socket)) as server:
        for url in (f"redis://127.0.0.1:{server.port}/3", f"unix://{socket}?db=4"):
            link = RedisLink(url)
            await said(link, "SET", "here", url)
            await link.close()
        async with redis.asyncio.Redis.from_url(server.url) as client:
            assert (await client.info("keyspace")).keys() == {"db3", "db4"}


@pytest.mark.server
async def test_a_database_that_is_not_there_is_said() -> None:
    async with redis_server() as server:
        link = RedisLink(f"redis://127.0.0.1:{server.port}/99")
        with pytest.raises(SourceError, match="out of range"):
            await said(link, "PING")
        await link.close()


@pytest.mark.server
async def test_a_key_of_another_kind_costs_only_itself() -> None:
    async with redis_server() as server:
        link = RedisLink(server.url)
        await said(link, "SET", "text", "1")
        until = asyncio.get_running_loop().time() + 5

        def two(ask: Question) -> None:
            ask.add("LLEN", "text")
            ask.add("GET", "text")

        wrong, right = await link.ask(two, until)
        assert isinstance(wrong, RefusedError)
        assert right == b"1"
        await link.close()


@pytest.mark.server
async def test_what_may_not_be_read_is_no_answer_but_for_what_is_optional() -> None:
    async with redis_server() as server, redis.asyncio.Redis.from_url(server.url) as client:
        await client.execute_command("ACL", "SETUSER", "ann", "on", ">p", "~bull:*", "+@read")  # type: ignore[no-untyped-call] # redis-py leaves it untyped
        link = RedisLink(server.url.replace("//", "//ann:p@"))
        until = asyncio.get_running_loop().time() + 5
        question = Question()
        question.add("LLEN", "bull:email:wait")
        question.add("CLIENT", "LIST")
        packed = question.packed()
        allowed, refused = await link.ask_again(packed, 2, until, optional=1)
        assert (allowed, isinstance(refused, RefusedError)) == (0, True)
        with pytest.raises(SourceError, match="NOPERM"):
            await link.ask_again(packed, 2, until)
        with pytest.raises(SourceError, match="NOPERM"):
            await said(link, "LLEN", "other:email:wait")
        await link.close()


@pytest.mark.server
async def test_nothing_to_ask_is_not_asked() -> None:
    link = RedisLink(f"redis://127.0.0.1:{free_port()}")
    assert await link.ask(lambda _: None, 0.0) == []
    await link.close()


@pytest.mark.server
async def test_what_a_search_finds_is_whole_and_leaves_no_connection() -> None:
    async with redis_server() as server, redis.asyncio.Redis.from_url(server.url) as client:
        await client.mset({f"a:{number}": "" for number in range(9000)})
        await client.sadd("set", "x", "y")
        link = RedisLink(server.url)
        assert len(await link.find("a:*")) == 9000
        assert await link.members(["set", "none"]) == [{b"x", b"y"}, set()]
        assert [one["name"] for one in await client.client_list()].count("prunella-exporter") == 0
        await link.close()


@pytest.mark.server
async def test_fifty_who_ask_a_hung_server_use_one_connection_between_them() -> None:
    async with redis_server() as server:
        link = RedisLink(server.url)
        await said(link, "PING")
        before = await connections(server)
        server.hang()
        for _ in range(50):
            with pytest.raises(TimeoutError):
                await said(link, "PING", seconds=0.02)
        server.wake()
        assert await said(link, "PING") == b"PONG"
        assert await connections(server) == before + 1  # that of the counting itself
        await link.close()


@pytest.mark.server
async def test_a_server_that_hung_from_the_start_gets_one_connection_too() -> None:
    async with redis_server() as server:
        before = await connections(server)
        server.hang()
        link = RedisLink(server.url)
        for _ in range(50):
            with pytest.raises(TimeoutError):
                await said(link, "PING", seconds=0.02)
        server.wake()
        assert await said(link, "ECHO", "now") == b"now"
        assert await connections(server) == before + 2
        await link.close()


@pytest.mark.server
async def test_a_late_answer_is_not_taken_for_the_next_questions() -> None:
    async with redis_server() as server:
        link = RedisLink(server.url)
        await said(link, "PING")
        server.hang()
        with pytest.raises(TimeoutError):
            await said(link, "ECHO", "late", seconds=0.05)
        server.wake()
        assert await said(link, "ECHO", "next") == b"next"
        await link.close()


@pytest.mark.server
async def test_two_who_ask_at_once_get_their_own_answers() -> None:
    async with redis_server() as server, relay(server.port) as way:
        link = RedisLink(f"redis://127.0.0.1:{way.port}")
        answers = await asyncio.gather(*(said(link, "ECHO", number) for number in range(20)))
        assert answers == [str(number).encode() for number in range(20)]
        assert way.connections == 1
        await link.close()
