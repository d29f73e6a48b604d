from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from h2.connection import H2Connection

from exporter.probing.allowed import Forbidden, Gate
from exporter.probing.grpc_message import Code
from exporter.probing.modules import Module, prober
from exporter.probing.outcome import Outcome, Reason
from tests.exporter.probing.asking import ANYWHERE, saying
from tests.exporter.probing.http2_server import (
    Reply,
    answering,
    at_once,
    broken_off,
    leaving,
    said,
)
from tests.prunella.service.certificates import self_signed
from tests.servers.grpc_health import grpc_server
from tests.servers.ports import free_port

STATES = {"shop": "SERVING", "jobs": "NOT_SERVING", "odd": "SERVICE_UNKNOWN", "new": "UNKNOWN"}
SERVES = b"\0\0\0\0\2\x08\1"


async def asked(target: str, gate: Gate = ANYWHERE, seconds: float = 5.0, **keys: Any) -> Outcome:
    module = Module.model_validate({"prober": "grpc", "grpc": keys})
    return await prober(module).probe(target, gate, seconds)


def found(outcome: Outcome) -> tuple[Reason | None, int, str]:
    assert outcome.serving is not None
    return outcome.reason, outcome.serving.status, outcome.serving.said


@pytest.mark.parametrize(
    ("service", "verdict"),
    [
        ("", (None, 0, "SERVING")),
        ("shop", (None, 0, "SERVING")),
        ("jobs", (Reason.BODY, 0, "NOT_SERVING")),
        ("odd", (Reason.BODY, 0, "SERVICE_UNKNOWN")),
        ("new", (Reason.BODY, 0, "UNKNOWN")),
        ("nobody", (Reason.STATUS, 5, "")),
    ],
)
async def test_a_service_is_as_its_server_says(
    service: str, verdict: tuple[Reason | None, int, str]
) -> None:
    with grpc_server(STATES) as address:
        assert found(await asked(address, service=service)) == verdict


async def test_a_server_without_health_checks_is_a_failed_probe() -> None:
    with grpc_server(None) as address:
        assert found(await asked(address)) == (Reason.STATUS, Code.UNIMPLEMENTED, "")


async def test_an_encrypted_answer_shows_whose_it_is(tmp_path: Path) -> None:
    pair = self_signed(tmp_path, "shop")
    trusted = {"ca_file": str(pair.certificate)}
    with grpc_server(STATES, pair) as address:
        fine = await asked(address, tls=True, tls_config=trusted)
        lost = await asked(address, tls=True, tls_config=trusted, service="nobody")
        stranger = await asked(address, tls=True)
        plain = await asked(address)
    assert fine.shown is not None
    assert (fine.answered, fine.shown.subject, lost.answered) == (True, "CN=shop", False)
    assert found(stranger) == (Reason.TLS, Code.UNAVAILABLE, "")
    assert found(plain)[:2] == (Reason.CONNECT, Code.UNAVAILABLE)


async def test_a_target_may_be_a_url_and_a_name() -> None:
    with grpc_server(STATES) as address:
        port = address.rpartition(":")[2]
        outcome = await asked(f"http://localhost:{port}/", preferred_ip_protocol="ip4")
    assert (found(outcome), outcome.address) == ((None, 0, "SERVING"), "127.0.0.1")


async def test_what_is_asked_is_what_grpc_asks() -> None:
    heard: list[dict[str, str]] = []
    async with answering(said(SERVES), heard) as address:
        await asked(address, seconds=2.5)
    (headers,) = heard
    assert headers.pop("user-agent").startswith("grpc-prunella-exporter/")
    assert headers == {
        ":method": "POST", ":scheme": "http", ":path": "/grpc.health.v1.Health/Check", ":authority": address,
        "te": "trailers", "content-type": "application/grpc", "grpc-timeout": "2500m",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("reply", "verdict"),
    [
        (said(SERVES), (None, 0, "SERVING")),
        (said(SERVES[:3], SERVES[3:]), (None, 0, "SERVING")),
        (said(b"\0\0\0\0\0"), (Reason.BODY, 0, "UNKNOWN")),
        (said(b"\0\0\0\0\2\x08\7"), (Reason.BODY, 0, "7")),
        (said(), (Reason.STATUS, Code.INTERNAL, "")),
        (said(b"\1\0\0\0\2\x08\1"), (Reason.STATUS, Code.INTERNAL, "")),
        (said(SERVES, trailers={"grpc-status": "16"}), (Reason.STATUS, 16, "")),
        (said(SERVES, trailers={"grpc-status": "0x0"}), (Reason.STATUS, Code.UNKNOWN, "")),
        (said(SERVES, trailers={"x": "y"}), (Reason.STATUS, Code.UNKNOWN, "")),
        (at_once(content_type="application/grpc", grpc_status="99"), (Reason.STATUS, 99, "")),
        (at_once(content_type="text/html"), (Reason.STATUS, Code.UNKNOWN, "")),
        (at_once("404"), (Reason.STATUS, Code.UNIMPLEMENTED, "")),
        (at_once("503"), (Reason.STATUS, Code.UNAVAILABLE, "")),
        (at_once("503", content_type="application/grpc"), (Reason.STATUS, Code.UNKNOWN, "")),
        (broken_off(7), (Reason.STATUS, Code.UNAVAILABLE, "")),
        (broken_off(8), (Reason.STATUS, Code.CANCELLED, "")),
        (broken_off(12), (Reason.STATUS, Code.PERMISSION_DENIED, "")),
        (broken_off(2), (Reason.STATUS, Code.INTERNAL, "")),
        (leaving, (Reason.STATUS, Code.UNAVAILABLE, "")),
    ],
)  # fmt: skip
async def test_every_way_to_answer_has_its_number(
    reply: Reply, verdict: tuple[Reason | None, int, str]
) -> None:
    async with answering(reply) as address:
        assert found(await asked(address)) == verdict


async def test_who_talks_without_end_is_not_listened_to() -> None:
    def pings(line: H2Connection, _: int) -> None:
        for _ in range(5000):
            line.ping(b"12345678")

    async with answering(pings) as address:
        assert found(await asked(address)) == (Reason.BODY, Code.UNAVAILABLE, "")


async def test_nobody_there_and_who_hangs_are_failed_probes() -> None:
    refused = await asked(f"127.0.0.1:{free_port()}")
    async with saying(hang=True) as address:
        silent = await asked(address, seconds=0.1)
    assert found(refused) == (Reason.CONNECT, Code.UNAVAILABLE, "")
    assert found(silent) == (Reason.TIMEOUT, Code.DEADLINE_EXCEEDED, "")


@pytest.mark.parametrize(
    ("rubbish", "reason"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", Reason.STATUS),
        (b"\0" * 100, Reason.STATUS),
        (b"", Reason.CONNECT),
        (b"\0\0\6\4\0\0\0\0\0", Reason.CONNECT),  # settings that break off
    ],
)
async def test_who_does_not_speak_it_is_a_failed_probe(rubbish: bytes, reason: Reason) -> None:
    async with saying(rubbish) as address:
        assert found(await asked(address)) == (reason, Code.UNAVAILABLE, "")


async def test_a_server_passes_the_gate_first() -> None:
    with pytest.raises(Forbidden):
        await asked("127.0.0.1:50051", Gate())
    with pytest.raises(ValueError, match="no host"):
        await asked("http://")


async def test_a_name_that_is_none_is_not_asked() -> None:
    outcome = await asked("127.0.0.1:1", preferred_ip_protocol="ip6", ip_protocol_fallback=False)
    assert (outcome.reason, outcome.serving) != (None, None)
    assert outcome.serving is not None
    assert (outcome.reason, outcome.serving.check, outcome.serving.status) == (Reason.DNS, None, 0)
