from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import pytest

from exporter.probing.allowed import Forbidden, Gate
from exporter.probing.modules import Module, prober
from exporter.probing.outcome import Outcome, Reason
from tests.exporter.probing.asking import ANYWHERE, saying
from tests.exporter.probing.certificate import for_loopback
from tests.exporter.probing.name_server import name_server, named, record
from tests.servers.ports import free_port

A = record(1, b"\x0a\0\0\x01"), record(1, b"\x0a\0\0\x02")
SOA = record(6, named("ns") + named("me") + struct.pack("!5I", 42, 1, 2, 3, 4))


async def asked(address: str, gate: Gate = ANYWHERE, seconds: float = 5.0, **keys: Any) -> Outcome:
    given = {"query_name": "shop.example", **keys}
    module = Module.model_validate({"prober": "dns", "dns": given})
    return await prober(module).probe(address, gate, seconds)


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_an_answer_is_counted(transport: str) -> None:
    async with name_server(A, [SOA]) as address:
        outcome = await asked(address, transport_protocol=transport)
    assert (outcome.reason, outcome.address) == (None, "127.0.0.1")
    assert outcome.server is not None
    assert (outcome.server.answer, outcome.server.authority, outcome.server.serial) == (2, 1, None)


async def test_what_is_not_for_our_question_is_no_answer() -> None:
    async with name_server(A, before=b"no such number") as address:
        assert (await asked(address)).reason is None


async def test_an_encrypted_answer_shows_whose_it_is(tmp_path: Path) -> None:
    made = for_loopback(tmp_path)
    async with name_server(A, context=made.context) as address:
        secure: dict[str, Any] = {"transport_protocol": "tcp", "dns_over_tls": True}
        trusted = await asked(address, **secure, tls_config={"ca_file": str(made.certificate)})
        stranger = await asked(address, **secure)
    assert (trusted.reason, stranger.reason) == (None, Reason.TLS)
    assert trusted.shown is not None


async def test_a_zone_tells_its_serial() -> None:
    async with name_server([SOA]) as address:
        outcome = await asked(address, query_type="SOA")
    assert outcome.server is not None
    assert outcome.server.serial == 42


@pytest.mark.parametrize(
    ("rules", "reason"),
    [
        ({"fail_if_matches_regexp": [r"10\.0\.0\.2"]}, Reason.BODY),
        ({"fail_if_matches_regexp": [r"10\.0\.0\.9"]}, None),
        ({"fail_if_not_matches_regexp": [r"\tA\t10\.0\.0\."]}, None),
        ({"fail_if_not_matches_regexp": [r"10\.0\.0\.1"]}, Reason.BODY),
        ({"fail_if_none_matches_regexp": [r"10\.0\.0\.1"]}, None),
        ({"fail_if_none_matches_regexp": [r"10\.0\.0\.9"]}, Reason.BODY),
    ],
)
async def test_records_are_judged(rules: dict[str, Any], reason: Reason | None) -> None:
    async with name_server(A) as address:
        assert (await asked(address, validate_answer_rrs=rules)).reason is reason


async def test_records_that_are_missing_are_judged_too() -> None:
    async with name_server(A) as address:
        wanted = {"fail_if_not_matches_regexp": ["."]}
        assert (await asked(address, validate_authority_rrs=wanted)).reason is Reason.BODY


async def test_an_rcode_counts_where_it_is_expected() -> None:
    async with name_server(rcode=3) as address:
        assert (await asked(address)).reason is Reason.STATUS
        assert (await asked(address, valid_rcodes=["NXDOMAIN"])).reason is None


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_nobody_there_is_a_failed_probe(transport: str) -> None:
    outcome = await asked(f"127.0.0.1:{free_port()}", transport_protocol=transport)
    assert outcome.reason is Reason.CONNECT


async def test_who_says_no_sense_or_nothing_is_a_failed_probe() -> None:
    async with saying(b"\0\x05hello") as odd, saying(hang=True) as silent:
        assert (await asked(odd, transport_protocol="tcp")).reason is Reason.BODY
        assert (await asked(silent, seconds=0.1, transport_protocol="tcp")).reason is Reason.TIMEOUT


async def test_a_name_server_passes_the_gate_first() -> None:
    with pytest.raises(Forbidden):
        await asked("127.0.0.1:53", Gate())
    with pytest.raises(ValueError, match="no name server"):
        await asked("127.0.0.1:0")
