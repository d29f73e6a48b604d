from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from exporter.probing.allowed import Forbidden, Gate
from exporter.probing.contexts import Contexts, Demands
from exporter.probing.outcome import Reason
from exporter.probing.patterns import pattern
from exporter.probing.tcp import Step, TcpOrder, probe_tcp
from tests.exporter.probing.asking import ANYWHERE, listening, saying
from tests.exporter.probing.certificate import for_loopback
from tests.servers.ports import free_port


def order(address: str, *steps: Step, **more: object) -> TcpOrder:
    host, _, port = address.rpartition(":")
    wanted: dict[str, object] = {"gate": ANYWHERE, "timeout": 5.0, "steps": steps, **more}
    return TcpOrder(host=host, port=int(port), **wanted)  # type: ignore[arg-type]  # a builder: the test names fields


@asynccontextmanager
async def talking(
    context: ssl.SSLContext | None = None, *, encrypted: bool = False
) -> AsyncIterator[str]:
    """A mail server as far as a probe would know: greets, answers, and encrypts when asked."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.shop ESMTP\r\n")
        while line := await reader.readline():
            writer.write(b"250-mail.shop\r\n250 ok " + line)
            if line.startswith(b"STARTTLS") and context is not None:
                await writer.start_tls(context)

    async with listening(talk, context=context if encrypted else None) as address:
        yield address


async def test_whoever_takes_a_connection_is_there() -> None:
    async with talking() as address:
        outcome = await probe_tcp(order(address))
    assert (outcome.reason, outcome.address, outcome.answer) == (None, "127.0.0.1", None)


async def test_nobody_listening_is_a_failed_connect() -> None:
    assert (await probe_tcp(order(f"127.0.0.1:{free_port()}"))).reason is Reason.CONNECT


async def test_a_talk_in_which_what_was_heard_is_said_again() -> None:
    steps = (
        Step(pattern(r"^220 ([a-z.]+) (?P<what>E?SMTP)$"), "EHLO ${1} $what $$"),
        Step(pattern("^250 ok EHLO mail.shop ESMTP \\$$")),
    )
    async with talking() as address:
        assert (await probe_tcp(order(address, *steps))).reason is None


async def test_a_line_that_never_comes_is_a_timeout() -> None:
    async with talking() as address:
        outcome = await probe_tcp(order(address, Step(pattern("^nothing")), timeout=0.2))
    assert (outcome.reason, outcome.by_pattern) == (Reason.TIMEOUT, False)


async def test_another_line_and_the_end_is_the_wrong_answer() -> None:
    async with saying(b"SSH-1.0\nlast, without an end") as address:
        outcome = await probe_tcp(order(address, Step(pattern("^SSH-2"))))
        last = await probe_tcp(order(address, Step(pattern("^last"))))
    assert (outcome.reason, outcome.by_pattern) == (Reason.BODY, True)
    assert last.reason is None


async def test_a_line_without_an_end_is_not_gathered_for_ever() -> None:
    async with saying(*[b"x" * 65536] * 4) as address:
        outcome = await probe_tcp(order(address, Step(pattern("y")), timeout=20.0))
    assert "no end" in outcome.said


async def test_a_connection_is_encrypted_where_the_talk_says_so(tmp_path: Path) -> None:
    made = for_loopback(tmp_path)
    steps = (
        Step(pattern("^220"), "STARTTLS"),
        Step(pattern("^250 ok STARTTLS")),
        Step(starttls=True),
        Step(send="QUIT"),
        Step(pattern("^250 ok QUIT")),
    )
    contexts = Contexts(Demands(ca_file=made.certificate))
    async with talking(made.context) as address:
        outcome = await probe_tcp(order(address, *steps, contexts=contexts))
    assert outcome.reason is None, outcome.said
    assert outcome.shown is not None


async def test_a_connection_is_encrypted_from_the_start(tmp_path: Path) -> None:
    made = for_loopback(tmp_path)
    server = await asyncio.start_server(
        lambda _, writer: writer.write(b"+OK\n"), "127.0.0.1", 0, ssl=made.context
    )
    address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    good = Contexts(Demands(ca_file=made.certificate))
    talk = Step(pattern(r"^\+OK"))
    try:
        outcome = await probe_tcp(order(address, talk, encrypted=True, contexts=good))
        stranger = await probe_tcp(order(address, talk, encrypted=True))
    finally:
        server.close()
    assert (outcome.reason, stranger.reason) == (None, Reason.TLS)


async def test_a_target_that_is_not_allowed_is_not_connected_to() -> None:
    async with talking() as address:
        with pytest.raises(Forbidden):
            await probe_tcp(order(address, gate=Gate()))


@pytest.mark.parametrize(
    ("prefer", "fallback", "reason"),
    [("ip6", True, None), ("ip6", False, Reason.DNS), ("ip4", False, None)],
)
async def test_the_kind_of_address_that_is_preferred(
    prefer: str, fallback: bool, reason: Reason | None
) -> None:
    async with talking() as address:
        outcome = await probe_tcp(order(address, prefer=prefer, fallback=fallback))
    assert outcome.reason is reason


@pytest.mark.parametrize("said", [b"", b"not TLS\r\n"])
async def test_a_server_that_does_not_shake_hands_is_a_failed_handshake(said: bytes) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(said)

    async with listening(talk) as address:
        outcome = await probe_tcp(order(address, encrypted=True))
    assert (outcome.reason, outcome.answered, outcome.shown) == (Reason.TLS, True, None)


async def test_a_connection_is_encrypted_within_one_that_is_already(tmp_path: Path) -> None:
    made = for_loopback(tmp_path)
    steps = (
        Step(pattern("^220 "), "STARTTLS"),
        Step(pattern("^250 ok STARTTLS$")),
        Step(starttls=True),
        Step(send="EHLO us"),
        Step(pattern("^250 ok EHLO us$")),
    )
    contexts = Contexts(Demands(ca_file=made.certificate))
    async with talking(made.context, encrypted=True) as address:
        outcome = await probe_tcp(order(address, *steps, encrypted=True, contexts=contexts))
    assert (outcome.reason, outcome.said) == (None, "")
