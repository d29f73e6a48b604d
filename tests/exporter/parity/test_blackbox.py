"""Every name that blackbox_exporter and we have, for the same target and module, at the same moment."""

from __future__ import annotations

import asyncio
import ssl
import struct
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.exporter.parity.both import ANY, LOOKED_UP, Both, both
from tests.exporter.parity.dashboards import without_data
from tests.exporter.parity.frame import MOVES, SAME, Near, at
from tests.exporter.probing.asking import answer, pages, saying
from tests.exporter.probing.name_server import name_server, named, record
from tests.exporter.serving import serving
from tests.prunella.service.certificates import Pair, self_signed, signed
from tests.servers.ports import free_port
from tests.servers.process import until

pytestmark = pytest.mark.server

BY_PATTERN = {"probe_failed_due_to_regex": SAME}
TCP: Mapping[str, Near] = {**LOOKED_UP, **BY_PATTERN}
HTTP: Mapping[str, Near] = {
    **TCP,
    "probe_http_content_length": SAME,
    "probe_http_duration_seconds": MOVES,
    "probe_http_redirects": SAME,
    "probe_http_ssl": SAME,
    "probe_http_status_code": SAME,
    "probe_http_uncompressed_body_length": SAME,
    "probe_http_version": SAME,
}
TLS = {
    "probe_ssl_earliest_cert_expiry": SAME,
    "probe_ssl_last_chain_expiry_timestamp_seconds": SAME,
    "probe_ssl_last_chain_info": SAME,
    "probe_tls_version_info": SAME,
}
DNS: Mapping[str, Near] = {
    **LOOKED_UP,
    "probe_dns_duration_seconds": MOVES,
    "probe_dns_answer_rrs": SAME,
    "probe_dns_authority_rrs": SAME,
    "probe_dns_additional_rrs": SAME,
}
CHANGED = {"probe_http_last_modified_timestamp_seconds": SAME}
# What every record of the name server below is written as.
WORDS = "|".join((
    r"^shop\.example\.\t300\tIN\tA\t10\.0\.0\.1$", r"\tAAAA\t2001::1$", r"\tCNAME\twww\.shop\.$", r"\tMX\t10 mail\.$",
    r"\tSRV\t1 2 443 a\.b\.$", r"\tTXT\t\"a\\\" b\"$", r"\tCAA\t128 issue \"ca\.example\"$", r"\tSOA\tns\. me\. 42 1 2 3 4$",
    r"\tTYPE999\t\\# 2 01ff$",
))  # fmt: skip


@dataclass(frozen=True, slots=True)
class Probing(Both):
    """And two sites that they probe."""

    plain: str
    secure: str


async def page(request: web.Request) -> web.StreamResponse:
    match request.path:
        case "/moved":
            raise web.HTTPFound("/fine")
        case "/round":
            raise web.HTTPFound("/round")
        case "/broken":
            return web.Response(status=503, text="broken")
        case "/empty":
            return web.Response(status=204)
        case "/chunked":
            response = web.StreamResponse()
            response.enable_chunked_encoding()
            await response.prepare(request)
            await response.write(b"piece" * 100)
            return response
        case "/hangs":
            await asyncio.sleep(30)
        case _:
            pass
    headers = {"Last-Modified": "Wed, 21 Oct 2015 07:28:00 GMT", "X-Shop": "open"}
    return web.Response(text=f"{request.method} all is fine", headers=headers)


def modules(made: Pair) -> dict[str, Any]:
    """In blackbox_exporter's own words; both read this text."""
    trusted = {"tls_config": {"ca_file": str(made.certificate)}, "enable_http2": False}

    def http(**keys: Any) -> dict[str, Any]:
        return {"prober": "http", "timeout": "2s", "http": {"preferred_ip_protocol": "ip4", **keys}}

    def tcp(**keys: Any) -> dict[str, Any]:
        return {"prober": "tcp", "timeout": "2s", "tcp": {"preferred_ip_protocol": "ip4", **keys}}

    def dns(**keys: Any) -> dict[str, Any]:
        keys = {"preferred_ip_protocol": "ip4", "query_name": "shop.example", **keys}
        return {"prober": "dns", "timeout": "2s", "dns": keys}

    return {
        "page": http(),
        "short": {**http(), "timeout": "300ms"},
        "post": http(method="POST", body="hello", fail_if_body_not_matches_regexp=["^POST "]),
        "stay": http(follow_redirects=False, valid_status_codes=[302]),
        "broken": http(valid_status_codes=[503]),
        "fine": http(fail_if_body_not_matches_regexp=["all (is|was) fine"]),
        "not_fine": http(fail_if_body_matches_regexp=["(?i)FINE"]),
        "header": http(fail_if_header_not_matches=[{"header": "X-Shop", "regexp": "^open$"}]),
        "no_header": http(fail_if_header_matches=[{"header": "X-Shop", "regexp": "open"}]),
        "missing": http(fail_if_header_matches=[{"header": "X-Nobody", "regexp": "open"}]),
        "version": http(valid_http_versions=["HTTP/1.0"]),
        "only_tls": http(fail_if_not_ssl=True),
        "no_tls": http(fail_if_ssl=True, **trusted),
        "trusted": http(**trusted),
        "lax": http(tls_config={"insecure_skip_verify": True}, enable_http2=False),
        "ip6": http(preferred_ip_protocol="ip6", ip_protocol_fallback=False),
        "connect": tcp(),
        "connect_tls": tcp(tls=True, tls_config=trusted["tls_config"]),
        "banner": tcp(query_response=[{"expect": "^SSH-(2.0)-"}, {"send": "hello ${1}"}]),
        "wrong": tcp(query_response=[{"expect": "^220 "}]),
        "any": dns(),
        "zone": dns(query_type="SOA", transport_protocol="tcp"),
        "words": dns(validate_answer_rrs={"fail_if_not_matches_regexp": [WORDS]}),
        "other": dns(validate_answer_rrs={"fail_if_not_matches_regexp": [r"\sA\s"]}),
        "lost": dns(valid_rcodes=["NXDOMAIN"]),
    }


@asynccontextmanager
async def probing(folder: Path) -> AsyncIterator[Probing]:
    authority = self_signed(folder, "Shop, Inc.")
    made = signed(folder, "server", authority, "DNS:localhost,DNS:shop,IP:127.0.0.1")
    made.certificate.write_bytes(made.certificate.read_bytes() + authority.certificate.read_bytes())
    async with (
        pages(page) as plain,
        pages(page, _context(made)) as secure,
        both(folder, modules(authority)) as two,
    ):
        sites = f"127.0.0.1:{plain.port}", f"127.0.0.1:{secure.port}"
        yield Probing(two.ours, two.theirs, *sites)


def _context(pair: Pair) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)
    return context


async def test_http_says_what_blackbox_exporter_says(tmp_path: Path) -> None:
    async with probing(tmp_path) as two:
        fine = {**HTTP, **CHANGED}
        for module in (
            "page", "post", "fine", "not_fine", "header", "no_header", "missing", "version", "only_tls",
        ):  # fmt: skip
            await two.agree(fine, module, f"http://{two.plain}/fine")
        for path, table in (
            ("moved", fine), ("round", HTTP), ("broken", HTTP), ("empty", HTTP), ("chunked", HTTP),
        ):  # fmt: skip
            await two.agree(table, "page", f"{two.plain}/{path}")
        await two.agree(HTTP, "stay", f"{two.plain}/moved")
        await two.agree(HTTP, "broken", f"{two.plain}/broken")


async def test_https_says_what_blackbox_exporter_says(tmp_path: Path) -> None:
    async with probing(tmp_path) as two:
        for module in ("trusted", "lax", "no_tls"):
            await two.agree({**HTTP, **CHANGED, **TLS}, module, f"https://{two.secure}/fine")
        await two.agree({**HTTP, **TLS}, "trusted", f"https://{two.secure}/broken")
        await two.agree(HTTP, "page", f"https://{two.secure}/fine")  # nobody vouches for it
        await two.agree(HTTP, "lax", f"https://{two.plain}/fine")  # no TLS there


async def test_what_fails_says_what_blackbox_exporter_says(tmp_path: Path) -> None:
    async with (
        probing(tmp_path) as two,
        saying(b"220 mail ESMTP\r\n") as mail,
        saying(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf") as half,
        saying(b"HTTP/1.0 200 OK\r\n\r\nuntil the end") as old,
        saying(answer(b"x", "Location: /nowhere", status="200 OK")) as odd,
    ):
        for target in (f"127.0.0.1:{free_port()}", mail, half, old, odd):
            await two.agree(HTTP, "page", f"http://{target}/")
        await two.agree(HTTP, "page", f"http://localhost:{free_port()}/")
        await two.agree(HTTP, "short", f"{two.plain}/hangs")


async def test_tcp_says_what_blackbox_exporter_says(tmp_path: Path) -> None:
    async with probing(tmp_path) as two, saying(b"SSH-2.0-OpenSSH_9\r\n", b"more\r\n") as ssh:
        for module in ("connect", "banner", "wrong"):
            await two.agree(TCP, module, ssh)
        await two.agree({**TCP, **TLS}, "connect_tls", two.secure)
        await two.agree(TCP, "connect_tls", two.plain)
        await two.agree(TCP, "connect", f"127.0.0.1:{free_port()}")
        await two.agree({**ANY, **BY_PATTERN}, "connect", "127.0.0.1")


async def test_dns_says_what_blackbox_exporter_says(tmp_path: Path) -> None:
    soa = named("ns") + named("me") + struct.pack("!5I", 42, 1, 2, 3, 4)
    records = [
        record(1, b"\x0a\0\0\x01"), record(28, b"\x20\x01" + b"\0" * 13 + b"\x01"), record(5, named("www.shop")),
        record(15, b"\0\x0a" + named("mail")), record(33, b"\0\x01\0\x02\x01\xbb" + named("a.b")),
        record(16, b'\x04a" b'), record(257, b"\x80\x05issueca.example"), record(6, soa), record(999, b"\x01\xff"),
    ]  # fmt: skip
    async with probing(tmp_path) as two, name_server(records, [record(6, soa)]) as full:
        for module in ("any", "words", "other", "lost"):
            await two.agree(DNS, module, full)
        await two.agree({**DNS, "probe_dns_serial": SAME}, "zone", full)
        await two.agree(DNS, "any", f"127.0.0.1:{free_port()}")


async def test_its_dashboards_find_what_they_ask_for_on_our_page(tmp_path: Path) -> None:
    made = self_signed(tmp_path, "shop")
    async with pages(page, _context(made)) as secure:
        shop = {
            "name": "shop",
            "url": str(secure.make_url("/fine")),
            "ca_file": str(made.certificate),
        }
        async with serving(tmp_path, endpoints=[shop]) as served:
            metrics = at(f"{served.url}/metrics")

            async def probed() -> bool:
                return "probe_success" in (await metrics()).series

            await until(probed, "a first probe")
            assert without_data("blackbox_exporter", await metrics()) == []
