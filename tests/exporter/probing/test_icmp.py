from __future__ import annotations

import socket
from typing import Any

import pytest

from exporter.probing.allowed import Forbidden, Gate
from exporter.probing.icmp import NOT_ALLOWED
from exporter.probing.modules import Module, prober
from exporter.probing.outcome import Outcome, Reason
from tests.exporter.probing.asking import ANYWHERE


def permitted() -> bool:
    """By the kernel, to whoever runs the tests."""
    for kind in (socket.SOCK_DGRAM, socket.SOCK_RAW):
        try:
            socket.socket(socket.AF_INET, kind, socket.IPPROTO_ICMP).close()
        except PermissionError:
            continue
        return True
    return False


async def pinged(target: str, gate: Gate = ANYWHERE, seconds: float = 5.0, **keys: Any) -> Outcome:
    module = Module.model_validate({"prober": "icmp", "icmp": keys})
    return await prober(module).probe(target, gate, seconds)


@pytest.mark.parametrize(
    "keys",
    [{}, {"payload_size": 1001, "dont_fragment": True}, {"ttl": 3}, {"source_ip_address": "127.0.0.1"}],
)  # fmt: skip
async def test_loopback_answers_or_it_is_said_what_is_missing(keys: dict[str, Any]) -> None:
    outcome = await pinged("127.0.0.1", **keys)
    if permitted():
        assert (outcome.reason, outcome.said) == (None, "")
        assert outcome.echo is not None
        assert outcome.echo.hops_left
    else:
        assert (outcome.reason, outcome.said) == (Reason.CONNECT, NOT_ALLOWED)


async def test_from_an_address_that_is_not_ours_nothing_goes_out() -> None:
    outcome = await pinged("127.0.0.1", source_ip_address="192.0.2.1")
    assert (outcome.reason, outcome.answered) == (Reason.CONNECT, False)


async def test_a_ping_passes_the_gate_first() -> None:
    with pytest.raises(Forbidden):
        await pinged("127.0.0.1", Gate())
