"""The same of gRPC's health checks, over real servers and over one that answers as none should."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.exporter.parity.both import LOOKED_UP, Both, both
from tests.exporter.parity.frame import MOVES, SAME, Near
from tests.exporter.probing.asking import saying
from tests.exporter.probing.http2_server import Reply, answering, at_once, broken_off, said
from tests.prunella.service.certificates import self_signed
from tests.servers.grpc_health import grpc_server
from tests.servers.ports import free_port

pytestmark = pytest.mark.server

UNASKED: Mapping[str, Near] = {
    **LOOKED_UP,
    "probe_grpc_duration_seconds": MOVES,
    "probe_grpc_ssl": SAME,
    "probe_grpc_status_code": SAME,
}
ASKED = {**UNASKED, "probe_grpc_healthcheck_response": SAME}
ENCRYPTED = {
    **ASKED,
    "probe_ssl_earliest_cert_expiry": SAME,
    "probe_ssl_last_chain_info": SAME,
    "probe_tls_version_info": SAME,
}
STATES = {"shop": "SERVING", "jobs": "NOT_SERVING", "odd": "SERVICE_UNKNOWN"}
# Not who hangs, refuses the stream or leaves: there 0.23 asks on, whatever the module's timeout.
ODD: Mapping[str, Reply] = {
    "half a frame": said(b"\0\0\0"),
    "compressed": said(b"\1\0\0\0\2\x08\1"),
    "no protobuf": said(b"\0\0\0\0\1\x08"),
    "nothing said": said(b"\0\0\0\0\0"),
    "a new word": said(b"\0\0\0\0\2\x08\7"),
    "a status": said(trailers={"grpc-status": "9"}),
    "no status": said(trailers={"x": "y"}),
    "404": at_once("404"),
    "503": at_once("503"),
    "503 of gRPC": at_once("503", content_type="application/grpc"),
    "a page": at_once(content_type="text/html"),
    **{f"reset {error}": broken_off(error) for error in (0, 1, 3, 8, 11, 12)},
}


def module(**keys: Any) -> dict[str, Any]:
    return {"prober": "grpc", "timeout": "2s", "grpc": {"preferred_ip_protocol": "ip4", **keys}}


async def test_a_service_is_what_blackbox_exporter_says(tmp_path: Path) -> None:
    modules = {f"of_{service}": module(service=service) for service in ("", *STATES, "nobody")}
    modules["ip6"] = module(preferred_ip_protocol="ip6", ip_protocol_fallback=False)
    with grpc_server(STATES) as served, grpc_server(None) as bare:
        async with both(tmp_path, modules) as two, saying(b"HTTP/1.1 400 No\r\n\r\n") as other:
            for name in modules:
                await two.agree(UNASKED if name == "ip6" else ASKED, name, served)
            for target in (bare, f"http://{served}/x", f"127.0.0.1:{free_port()}", other):
                await two.agree(ASKED, "of_", target)


async def test_an_encrypted_answer_is_what_blackbox_exporter_says(tmp_path: Path) -> None:
    pair = self_signed(tmp_path / "server", "shop")
    trusted = {"tls": True, "tls_config": {"ca_file": str(pair.certificate)}}
    modules = {
        "fine": module(**trusted),
        "lax": module(tls=True, tls_config={"insecure_skip_verify": True}),
        "lost": module(**trusted, service="nobody"),
        "stranger": module(tls=True),
        "plain": module(),
    }
    with grpc_server(STATES, pair) as secure, grpc_server(STATES) as plain:
        async with both(tmp_path, modules) as two:
            for name in ("fine", "lax"):
                await two.agree(ENCRYPTED, name, secure)
            for name in ("lost", "stranger", "plain"):
                await two.agree(ASKED, name, secure)
            await two.agree(ASKED, "fine", plain)


async def test_odd_answers_are_what_blackbox_exporter_says(tmp_path: Path) -> None:
    async with both(tmp_path, {"any": module()}) as two:
        for name, reply in ODD.items():
            await agreed(two, name, reply)


async def agreed(two: Both, name: str, reply: Reply) -> None:
    """`name` for who reads a failure."""
    async with answering(reply) as address:
        await two.agree(ASKED, "any", address)
