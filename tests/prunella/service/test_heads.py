from __future__ import annotations

import pytest

from prunella.service.heads import Head, read_head

GO = (  # as Go's client writes it, which is Alertmanager's
    b"POST /alerts HTTP/1.1\r\nHost: receiver:9651\r\nUser-Agent: Alertmanager/0.25.0\r\n"
    b"Content-Length: 670\r\nAuthorization: Bearer t\r\nContent-Type: application/json\r\n\r\n"
)


def test_a_header_of_alertmanager_is_read() -> None:
    assert read_head(GO) == Head("/alerts", 670, "Bearer t", None)


def test_names_may_be_written_in_any_letters() -> None:
    assert read_head(GO.replace(b"Content-Length", b"content-LENGTH")) == read_head(GO)


def test_the_correlation_id_and_the_token_may_be_missing() -> None:
    said = read_head(GO.replace(b"Authorization: Bearer t", b"X-Correlation-ID: a1"))
    assert said == Head("/alerts", 670, None, "a1")


def test_a_header_of_a_browser_is_read() -> None:
    chromium = (
        b"GET /config HTTP/1.1\r\nHost: 127.0.0.1:9650\r\nConnection: keep-alive\r\nCache-Control: max-age=0\r\n"
        b'sec-ch-ua: "Chromium";v="143", "Not A(Brand";v="24"\r\nsec-ch-ua-mobile: ?0\r\nsec-ch-ua-platform: "Linux"\r\n'
        b"Upgrade-Insecure-Requests: 1\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) Chrome/143.0.0.0\r\n"
        b"Accept: text/html,*/*;q=0.8\r\nSec-Fetch-Site: none\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-User: ?1\r\n"
        b"Sec-Fetch-Dest: document\r\nAccept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en-US,en;q=0.9\r\n\r\n"
    )
    found = read_head(chromium)
    assert found is not None
    assert (found.method, found.path) == ("GET", "/config")


@pytest.mark.parametrize(
    ("what", "instead"),
    [
        (b"POST", b"GET"),
        (b"POST ", b"post "),
        (b"POST /", b"POST  /"),
        (b"/alerts", b"/alerts?a=b"),
        (b"/alerts", b"/al%65rts"),
        (b"/alerts", b"http://x/alerts"),
        (b"HTTP/1.1", b"HTTP/1.0"),
        (b": 670", b": 670 "),
        (b": 670", b": 0x1"),
        (b": 670", b": 6_0"),
        (b": 670", b": 999999999"),
        (b": 670", b":"),
        (b"Content-Length: 670\r\n", b""),
        (b"Content-Type: application/json\r\n", b""),
        (b"application/json", b"application/jsonp"),
        (b"Host: receiver:9651", b"Content-Length: 670"),
        (b"Host: receiver:9651", b"Transfer-Encoding: chunked"),
        (b"Host: receiver:9651", b"Connection: keep-alive, close"),
        (b"Host: receiver:9651", b"Host : receiver:9651"),
        (b"Host: receiver:9651", b"User-Agent: another"),
        (b"Host: receiver:9651", b" folded"),
        (b"Host: receiver:9651", b"Host: a\nContent-Length: 1"),
        (b"Host: receiver:9651", b"Host: \xc3\xa4"),
        (b"Host: receiver:9651", b"Host: \x00"),
        (b"Host: receiver:9651", b"Who-Knows: x"),
    ],
)
def test_anything_else_is_left_to_another(what: bytes, instead: bytes) -> None:
    assert what in GO
    assert read_head(GO.replace(what, instead, 1)) is None
