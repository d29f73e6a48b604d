from __future__ import annotations

import pytest

from exporter.resp.replies import (
    NotWholeError,
    ProtocolError,
    RefusedError,
    Reply,
    command,
    reply,
)


def test_a_command_counts_bytes_not_letters() -> None:
    assert command("AUTH", "pä") == b"*2\r\n$4\r\nAUTH\r\n$3\r\np\xc3\xa4\r\n"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"+PONG\r\n", b"PONG"),
        (b":-7\r\n", -7),
        (b"$3\r\na\r\n\r\n", b"a\r\n"),
        (b"$0\r\n\r\n", b""),
        (b"$-1\r\n", None),
        (b"*-1\r\n", None),
        (b"*2\r\n:1\r\n*1\r\n$1\r\nx\r\n", [1, [b"x"]]),
        (b"*0\r\n", []),
    ],
)
def test_a_reply_is_read_to_its_end(data: bytes, expected: Reply) -> None:
    assert reply(data + b"+next\r\n", 0) == (expected, len(data))


def test_a_refusal_is_a_value() -> None:
    refused, _ = reply(b"-NOPERM no\r\n", 0)
    assert isinstance(refused, RefusedError)
    assert str(refused) == "NOPERM no"


@pytest.mark.parametrize("data", [b"", b"$5\r\nab", b"*2\r\n:1\r\n", b"+PON", b"$3\r\nabc\r"])
def test_half_a_reply_is_waited_for(data: bytes) -> None:
    with pytest.raises(NotWholeError):
        reply(data, 0)


@pytest.mark.parametrize(
    "data", [b"HTTP/1.1 400\r\n", b"$x\r\n", b":1.5\r\n", b"$99999999999\r\n", b"*1\r\n" * 50]
)
def test_what_is_no_reply_is_said_so(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        reply(data, 0)
