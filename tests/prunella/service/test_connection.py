from __future__ import annotations

import gzip
import logging

import pytest

from tests.prunella.service.front_door import BEARER, Answer, Client, client_of, service

HEAD = f"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{BEARER}"
NO_HTTP = {
    "a length below zero": f"{HEAD}Content-Length: -5\r\n\r\n",
    "two lengths": f"{HEAD}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a header without end": f"{HEAD}X: {'x' * 100_000}\r\n\r\n",
    "a path without end": f"GET /{'x' * 100_000} HTTP/1.1\r\nHost: x\r\n\r\n",
    "a thousand headers": HEAD + "X: y\r\n" * 1000 + "\r\n",
}


async def sent(client: Client, what: str | bytes) -> Answer:
    async with client.connection() as connection:
        await connection.send(what)
        return await connection.answer()


@pytest.mark.parametrize("what", NO_HTTP.values(), ids=NO_HTTP)
async def test_what_is_no_http_is_answered_as_every_mistake_is(what: str) -> None:
    async with client_of(service()) as client:
        answer = await sent(client, what)
    assert answer.status == 400
    assert answer.json["reason"] == "bad_request"
    assert str(answer.json["error"]).startswith("this is not HTTP: ")
    assert answer.headers["content-type"].startswith("application/json")


async def test_it_does_not_say_what_it_is_made_of() -> None:
    async with client_of(service()) as client:
        answer = await sent(client, NO_HTTP["two lengths"])
    assert answer.headers["server"] == "prunella"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert b"CANARY" not in answer.body


@pytest.mark.parametrize(
    ("header", "body"),
    [
        ("Content-Encoding: gzip\r\nContent-Length: 4\r\n", b"xxxx"),
        ("Content-Encoding: deflate\r\nContent-Length: 4\r\n", b"xxxx"),
        ("Transfer-Encoding: chunked\r\n", b"no number\r\n"),
    ],
)
async def test_a_body_that_is_not_what_its_header_says_is_a_bad_request(
    header: str, body: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with client_of(service()) as client:
        answer = await sent(client, f"{HEAD}{header}\r\n".encode() + body)
    assert answer.status == 400
    assert answer.json["reason"] in {"bad_body", "bad_request"}
    assert not [one for one in caplog.records if one.levelno >= logging.ERROR]


async def test_a_body_that_is_packed_is_unpacked() -> None:
    packed = gzip.compress(b'{"a": 1}')
    header = f"{HEAD}Content-Encoding: gzip\r\nContent-Length: {len(packed)}\r\n\r\n"
    async with client_of(service()) as client:
        answer = await sent(client, header.encode() + packed)
    assert answer.json["got"] == {"a": 1}


async def test_a_body_that_grows_beyond_the_limit_when_unpacked_is_too_large() -> None:
    packed = gzip.compress(b'"' + b"x" * 3_000_000 + b'"')
    header = f"{HEAD}Content-Encoding: gzip\r\nContent-Length: {len(packed)}\r\n\r\n"
    async with client_of(service()) as client:
        answer = await sent(client, header.encode() + packed)
    assert (answer.status, answer.json["reason"]) == (413, "body_too_large")
