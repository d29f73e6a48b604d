from __future__ import annotations

import asyncio
import gzip
import time
import zlib
from pathlib import Path

import pytest
from aiohttp import web

from exporter.probing.allowed import Forbidden, Gate, elsewhere
from exporter.probing.contexts import Contexts, Demands
from exporter.probing.expected import Expected, HeaderRule
from exporter.probing.http import basic, probe_http
from exporter.probing.outcome import Answer, Outcome, Reason
from exporter.probing.patterns import pattern
from tests.exporter.probing.asking import answer, asking, pages, saying
from tests.exporter.probing.certificate import for_loopback
from tests.servers.ports import free_port


def heard(outcome: Outcome) -> Answer:
    assert outcome.answer is not None
    return outcome.answer


async def page(request: web.Request) -> web.StreamResponse:
    """What the path asks for."""
    match request.path:
        case "/hangs":
            await asyncio.sleep(30)
        case "/broken":
            return web.Response(status=503, text="no")
        case "/moved":
            raise web.HTTPFound("/fine")
        case "/round":
            raise web.HTTPFound("/round")
        case "/see-other" | "/again":
            location = {"Location": "/echo"}
            return web.Response(status=303 if request.path == "/see-other" else 307, headers=location)  # fmt: skip
        case "/echo":
            said = await request.text()
            seen = " ".join(request.headers.get(n, "-") for n in ("X-Key", "Authorization"))
            return web.Response(text=f"{request.method} {seen} {said}", headers={"X-A": "b"})
        case "/long":
            return web.Response(body=b"x" * (2 << 20) + b"end")
        case _:
            pass
    return web.Response(text="all is fine")


async def test_an_answer_as_expected_is_good() -> None:
    async with pages(page) as server:
        outcome = await probe_http(asking(server.make_url("/"), expected=Expected(text=b"is fine")))
    assert (outcome.reason, heard(outcome).status, heard(outcome).version) == (None, 200, 1.1)
    assert 0 < outcome.seconds < 5
    assert (heard(outcome).content_length, heard(outcome).body_length) == (11, 11)


@pytest.mark.parametrize(
    ("path", "expected", "reason", "status"),
    [
        ("/broken", Expected(), Reason.STATUS, 503),
        ("/broken", Expected(statuses=(503,)), None, 503),
        ("/", Expected(statuses=(204, 301)), Reason.STATUS, 200),
        ("/", Expected(text=b"all is lost"), Reason.BODY, 200),
        ("/moved", Expected(), None, 200),
        ("/round", Expected(), Reason.STATUS, 302),
        ("/long", Expected(text=b"xxx"), None, 200),
        ("/long", Expected(text=b"end"), Reason.BODY, 200),  # beyond what is kept
        ("/", Expected(versions=(1.0,)), Reason.STATUS, 200),
        ("/", Expected(versions=(1.0, 1.1)), None, 200),
        ("/", Expected(encrypted=True), Reason.TLS, 200),
        ("/", Expected(encrypted=False), None, 200),
        ("/", Expected(most=5), Reason.BODY, 200),
        ("/", Expected(body_has=(pattern("^all"),)), None, 200),
        ("/", Expected(body_has=(pattern("none"),)), Reason.BODY, 200),
        ("/", Expected(body_has_not=(pattern("f.ne"),)), Reason.BODY, 200),
        ("/echo", Expected(headers_have=(HeaderRule("x-a", pattern("^b$")),)), None, 200),
        ("/echo", Expected(headers_have=(HeaderRule("x-a", pattern("c")),)), Reason.BODY, 200),
        ("/echo", Expected(headers_have_not=(HeaderRule("x-a", pattern("b")),)), Reason.BODY, 200),
        ("/echo", Expected(headers_have_not=(HeaderRule("x-z", pattern("b")),)), Reason.BODY, 200),
        ("/echo", Expected(headers_have=(HeaderRule("x-z", pattern("b"), True),)), None, 200),
    ],
)  # fmt: skip
async def test_the_verdict_on_an_answer(
    path: str, expected: Expected, reason: Reason | None, status: int
) -> None:
    async with pages(page) as server:
        outcome = await probe_http(asking(server.make_url(path), expected=expected))
    assert (outcome.reason, heard(outcome).status) == (reason, status)


async def test_what_a_body_says_is_told_from_other_reasons() -> None:
    async with pages(page) as server:
        bad = await probe_http(asking(server.make_url("/"), expected=Expected(text=b"lost")))
        worse = await probe_http(asking(server.make_url("/broken"), expected=Expected(text=b"x")))
    assert (bad.by_pattern, worse.by_pattern) == (True, False)


async def test_method_headers_and_body_are_sent() -> None:
    async with pages(page) as server:
        order = asking(
            server.make_url("/echo"), method="POST", body=b"hello",
            headers={"X-Key": "k", "Authorization": basic("u:p")},
            expected=Expected(text=b"POST k Basic dTpw hello"),
        )  # fmt: skip
        assert (await probe_http(order)).reason is None


async def test_the_user_of_a_url_is_sent_as_basic_auth() -> None:
    async with pages(page) as server:
        url = str(server.make_url("/echo")).replace("http://", "http://u:p%40@")
        order = asking(url, expected=Expected(text=basic("u:p@").encode()))
        assert (await probe_http(order)).reason is None


@pytest.mark.parametrize(
    ("path", "text"), [("/see-other", b"GET k - "), ("/again", b"POST k - hello")]
)
async def test_a_redirect_keeps_the_method_where_it_says_so(path: str, text: bytes) -> None:
    async with pages(page) as server:
        order = asking(
            server.make_url(path), method="POST", body=b"hello", headers={"X-Key": "k"},
            expected=Expected(text=text),
        )  # fmt: skip
        outcome = await probe_http(order)
    assert (outcome.reason, heard(outcome).redirects) == (None, 1)


async def test_a_secret_does_not_go_along_to_another_host() -> None:
    async with pages(page) as other:

        async def away(_: web.Request) -> web.Response:
            raise web.HTTPFound(f"http://localhost:{other.port}/echo")

        async with pages(away) as server:
            headers = {"authorization": "Bearer hunter2", "X-Key": "k"}
            order = asking(server.make_url("/"), headers=headers, expected=Expected(text=b"GET k - "))  # fmt: skip
            assert (await probe_http(order)).reason is None


async def test_redirects_are_followed_ten_times_or_not_at_all() -> None:
    async with pages(page) as server:
        round_ = await probe_http(asking(server.make_url("/round")))
        not_followed = await probe_http(asking(server.make_url("/moved"), follow=False))
    assert (heard(round_).redirects, round_.reason) == (11, Reason.STATUS)
    assert (heard(not_followed).status, heard(not_followed).redirects) == (302, 1)


@pytest.mark.parametrize("location", ["gopher://x/", "http://", "//[", "file:///etc/passwd"])
async def test_a_redirect_to_what_is_no_url_of_http_is_a_failure(location: str) -> None:
    async with saying(answer(b"", f"Location: {location}", status="302 Found")) as address:
        outcome = await probe_http(asking(f"http://{address}/"))
    assert outcome.reason is Reason.STATUS


async def test_a_redirect_to_where_no_probe_may_go_is_a_failure() -> None:
    location = "Location: http://169.254.169.254/latest/meta-data/"
    async with saying(answer(b"", location, status="302 Found")) as address:
        outcome = await probe_http(asking(f"http://{address}/", gate=elsewhere("127.0.0.1")))
    assert outcome.reason is Reason.STATUS
    assert "169.254.169.254" in outcome.said


async def test_a_target_that_is_not_allowed_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(Forbidden):
        await probe_http(asking("http://127.0.0.1:1/", gate=Gate(frozenset({"shop"}))))


async def test_every_probe_has_a_connection_of_its_own() -> None:
    peers = set()

    async def note(request: web.Request) -> web.Response:
        assert request.transport is not None
        peers.add(request.transport.get_extra_info("peername"))
        return web.Response()

    async with pages(note) as server:
        for _ in range(3):
            await probe_http(asking(server.make_url("/")))
    assert len(peers) == 3


async def test_nobody_listening_is_a_failed_connect() -> None:
    outcome = await probe_http(asking(f"http://127.0.0.1:{free_port()}/"))
    assert (outcome.reason, heard(outcome).status, outcome.answered) == (Reason.CONNECT, 0, False)


@pytest.mark.parametrize("path", ["/hangs"])
async def test_a_server_that_says_nothing_is_a_timeout_with_what_is_known(path: str) -> None:
    async with pages(page) as server:
        outcome = await probe_http(asking(server.make_url(path), timeout=0.2))
    assert (outcome.reason, heard(outcome).status) == (Reason.TIMEOUT, 0)
    assert outcome.phases.connect > 0
    assert 0.15 < outcome.seconds < 5


async def test_a_body_without_an_end_is_a_timeout_and_its_status_is_known() -> None:
    async with saying(b"HTTP/1.1 200 OK\r\n\r\nbeginning", hang=True) as address:
        outcome = await probe_http(asking(f"http://{address}/", timeout=0.2))
    assert (outcome.reason, heard(outcome).status) == (Reason.TIMEOUT, 200)
    assert (heard(outcome).content_length, heard(outcome).body_length) == (-1, 9)


async def test_a_second_address_is_tried_when_the_first_does_not_answer() -> None:
    """`localhost` is often ::1 first, and a server listens on 127.0.0.1 only."""
    async with pages(page) as server:
        outcome = await probe_http(asking(f"http://localhost:{server.port}/"))
    assert (outcome.reason, outcome.address) == (None, "127.0.0.1")


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", Reason.CONNECT),
        (b"220 mail.example.org ESMTP\r\n\r\n", Reason.STATUS),
        (b"HTTP/1.1 200 OK\r\nContent-", Reason.STATUS),
        (b"HTTP/2.0 200 OK\r\n\r\n", Reason.STATUS),
        (b"HTTP/1.1 2 OK\r\n\r\n", Reason.STATUS),
        (b"HTTP/1.1 200 OK\r\nno colon here\r\n\r\n", Reason.STATUS),
        (b"HTTP/1.1 200 OK\r\n : x\r\n\r\n", Reason.STATUS),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", Reason.STATUS),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello", Reason.STATUS),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello", Reason.BODY),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", Reason.BODY),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloworld\r\n", Reason.BODY),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff", Reason.BODY),
        (b"HTTP/1.1 200 OK\r\nX: " + b"a" * (1 << 17), Reason.STATUS),
        (b"\x00" * (1 << 17), Reason.STATUS),
    ],
)  # fmt: skip
async def test_what_is_not_http_has_a_reason(raw: bytes, reason: Reason) -> None:
    async with saying(raw) as address:
        outcome = await probe_http(asking(f"http://{address}/"))
    assert outcome.reason is reason


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello",
        b"HTTP/1.0 200\r\n\r\nhello",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;a=b\r\nhe\r\n3\r\nllo\r\n0\r\nX: y\r\n\r\n",
    ],
)  # fmt: skip
async def test_answers_are_read_as_servers_write_them_however_they_are_cut(raw: bytes) -> None:
    for pieces in ([raw], [bytes([one]) for one in raw]):
        async with saying(*pieces) as address:
            order = asking(f"http://{address}/", expected=Expected(text=b"hello"))
            outcome = await probe_http(order)
        assert (outcome.reason, heard(outcome).body_length) == (None, 5)


async def test_a_hostile_body_is_looked_at_in_time_proportional_to_its_length() -> None:
    """Python's own regular expressions would not be done with this in this universe."""
    body = b"a" * 500_000 + b"!"
    async with saying(answer(body)) as address:
        expected = Expected(body_has_not=(pattern("^(a+)+$"), pattern("(.*a){25}b")))
        began = time.monotonic()
        outcome = await probe_http(asking(f"http://{address}/", expected=expected))
    assert outcome.reason is None
    assert time.monotonic() - began < 10


async def test_only_the_beginning_of_an_endless_body_is_held() -> None:
    async with saying(*[b"HTTP/1.1 200 OK\r\n\r\n", *[b"x" * (1 << 20)] * 8]) as address:
        outcome = await probe_http(asking(f"http://{address}/", expected=Expected(text=b"xx")))
    assert (outcome.reason, heard(outcome).body_length) == (None, 8 << 20)


@pytest.mark.parametrize("kind", ["gzip", "deflate"])
async def test_a_packed_body_is_unpacked_where_the_module_says_so(kind: str) -> None:
    text = b"all is fine " * 1000
    raw = zlib.compressobj(wbits=-15)
    packed = gzip.compress(text) if kind == "gzip" else raw.compress(text) + raw.flush()
    async with saying(answer(packed)) as address:
        order = asking(f"http://{address}/", compression=kind, expected=Expected(text=b"is fine"))
        good = await probe_http(order)
    async with saying(answer(b"not packed")) as address:
        bad = await probe_http(asking(f"http://{address}/", compression=kind))
    assert (good.reason, heard(good).body_length) == (None, len(text))
    assert bad.reason is Reason.BODY


async def test_a_bomb_is_cut_off_and_holds_nobody_up() -> None:
    bomb = gzip.compress(b"\0" * (80 << 20))
    async with saying(answer(bomb)) as address:
        outcome = await probe_http(asking(f"http://{address}/", compression="gzip", timeout=30.0))
    assert outcome.reason is Reason.BODY
    assert "64 MiB" in outcome.said


async def test_an_unknown_name_is_the_name_servers_failure() -> None:
    outcome = await probe_http(asking("http://nobody.invalid/", timeout=20.0))
    assert (outcome.reason, outcome.address) == (Reason.DNS, "")
    assert outcome.lookup is not None


@pytest.mark.parametrize("headers", [{"X": "a\r\nY: b"}, {"X Y": "a"}, {"": "a"}, {"X": "a\0"}])
async def test_a_header_that_would_be_two_is_not_sent(headers: dict[str, str]) -> None:
    async with pages(page) as server:
        outcome = await probe_http(asking(server.make_url("/"), headers=headers))
    assert outcome.reason is Reason.STATUS
    assert "cannot be sent" in outcome.said


async def test_a_head_has_no_body_whatever_it_says() -> None:
    async with saying(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", hang=True) as address:
        outcome = await probe_http(asking(f"http://{address}/", method="HEAD", timeout=2.0))
    assert (outcome.reason, heard(outcome).content_length) == (None, 9)


async def test_when_the_page_was_changed_is_known() -> None:
    async with saying(answer(b"x", "Last-Modified: Wed, 21 Oct 2015 07:28:00 GMT")) as address:
        known = await probe_http(asking(f"http://{address}/"))
    async with saying(answer(b"x", "Last-Modified: yesterday")) as address:
        unknown = await probe_http(asking(f"http://{address}/"))
    assert heard(known).last_modified == 1445412480
    assert heard(unknown).last_modified is None


async def test_plain_http_behind_an_https_url_is_a_failed_handshake() -> None:
    async with saying(answer()) as address:
        assert (await probe_http(asking(f"https://{address}/"))).reason is Reason.TLS


async def test_the_certificate_is_noted_with_the_time_of_the_handshake(tmp_path: Path) -> None:
    made = for_loopback(tmp_path, days=30)
    contexts = Contexts(Demands(ca_file=made.certificate))
    async with pages(page, made.context) as server:
        outcome = await probe_http(asking(server.make_url("/"), contexts=contexts))
    assert outcome.reason is None
    assert outcome.shown is not None
    assert outcome.shown.earliest == pytest.approx(time.time() + 30 * 86400, abs=3600)
    assert outcome.shown.chain == outcome.shown.earliest
    assert outcome.phases.tls > 0


async def test_a_certificate_that_nobody_vouches_for_fails_the_handshake(tmp_path: Path) -> None:
    made = for_loopback(tmp_path)
    async with pages(page, made.context) as server:
        strict = await probe_http(asking(server.make_url("/")))
        lax = await probe_http(
            asking(server.make_url("/"), contexts=Contexts(Demands(insecure=True)))
        )
    assert (strict.reason, strict.shown) == (Reason.TLS, None)
    assert lax.reason is None
    assert lax.shown is not None


async def test_a_certificate_file_that_was_exchanged_counts_at_the_next_probe(
    tmp_path: Path,
) -> None:
    first, second = tmp_path / "1", tmp_path / "2"
    first.mkdir()
    second.mkdir()
    old, new = for_loopback(first), for_loopback(second)
    trusted = tmp_path / "ca.pem"
    trusted.write_bytes(old.certificate.read_bytes())
    contexts = Contexts(Demands(ca_file=trusted))
    async with pages(page, new.context) as server:
        order = asking(server.make_url("/"), contexts=contexts)
        assert (await probe_http(order)).reason is Reason.TLS
        trusted.write_bytes(new.certificate.read_bytes())
        assert (await probe_http(order)).reason is None
        trusted.unlink()
        assert (await probe_http(order)).reason is Reason.TLS


async def test_who_demands_the_same_shares_what_was_loaded(tmp_path: Path) -> None:
    made = for_loopback(tmp_path)
    shop = Contexts(Demands(ca_file=made.certificate, server_name="shop"))
    other = Contexts(Demands(ca_file=made.certificate, server_name="other"))
    strict = Contexts(Demands(ca_file=made.certificate, min_version="TLS13"))
    assert await shop.context() is await other.context()
    assert await strict.context() is not await shop.context()
