from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import pytest

from exporter.probing.allowed import Forbidden, Gate
from exporter.probing.icmp import NOT_ALLOWED
from exporter.probing.modules import Module, prober
from exporter.probing.outcome import Outcome, Reason
from tests.exporter.probing.asking import ANYWHERE
from tests.servers.own_network import EVERYBODY, NOBODY, RAW, said_in_own_network


async def pinged(target: str, gate: Gate = ANYWHERE, seconds: float = 5.0, **keys: Any) -> Outcome:
    module = Module.model_validate({"prober": "icmp", "icmp": keys})
    return await prober(module).probe(target, gate, seconds)


PINGS: Sequence[tuple[str, Mapping[str, Any]]] = (
    ("127.0.0.1", {}),
    ("127.0.0.1", {"payload_size": 1001, "dont_fragment": True}),
    ("127.0.0.1", {"ttl": 3, "source_ip_address": "127.0.0.2"}),
    ("::1", {}),
    ("::1", {"payload_size": 1001, "ttl": 3}),
)
PROGRAM = """
import asyncio
from tests.exporter.probing.test_icmp import pinged
for target, keys in {pings!r}:
    outcome = asyncio.run(pinged(target, **keys))
    print(outcome.said or (outcome.reason, outcome.address, bool(outcome.echo.hops_left)))
"""


def in_own_network(
    pings: Sequence[tuple[str, Mapping[str, Any]]], groups: str, keep: Collection[int] = ()
) -> list[str]:
    """What comes of each, where these groups may ping, by a program that keeps these of root's rights."""
    return said_in_own_network(PROGRAM.format(pings=pings), groups, keep).splitlines()


@pytest.mark.server  # a process in a network of its own
@pytest.mark.parametrize(
    ("groups", "keep"), [(EVERYBODY, ()), (NOBODY, (RAW,))], ids=["by its group", "raw"]
)
def test_loopback_answers(groups: str, keep: Collection[int]) -> None:
    answered = [str((None, target, True)) for target, _ in PINGS]
    assert in_own_network(PINGS, groups, keep) == answered


@pytest.mark.server
def test_without_group_and_right_it_is_said_what_is_missing() -> None:
    assert in_own_network([("127.0.0.1", {}), ("::1", {})], NOBODY) == [NOT_ALLOWED] * 2


@pytest.mark.server
def test_where_no_way_leads_is_a_failed_probe() -> None:
    for said in in_own_network([("192.0.2.1", {}), ("2001:db8::1", {})], EVERYBODY):
        assert "unreachable" in said.lower()


async def test_from_an_address_that_is_not_ours_nothing_goes_out() -> None:
    outcome = await pinged("127.0.0.1", source_ip_address="192.0.2.1")
    assert (outcome.reason, outcome.answered) == (Reason.CONNECT, False)


async def test_a_ping_passes_the_gate_first() -> None:
    with pytest.raises(Forbidden):
        await pinged("127.0.0.1", Gate())
