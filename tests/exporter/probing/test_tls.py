from __future__ import annotations

import contextlib
import ssl
from pathlib import Path

import pytest

from exporter.probing.tls import Tls
from tests.exporter.probing.certificate import Certificate, for_loopback


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return for_loopback(tmp_path_factory.mktemp("tls"))


class Server:
    """The other side, in memory."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.side = context.wrap_bio(self._in, self._out, server_side=True)

    def greet(self, came: bytes) -> bytes:
        self._in.write(came)
        with contextlib.suppress(ssl.SSLWantReadError):
            self.side.do_handshake()
        return self._out.read()

    def read(self, came: bytes) -> bytes:
        self._in.write(came)
        return self.side.read(1000)

    def say(self, text: bytes) -> bytes:
        self.side.write(text)
        return self._out.read()

    def leave(self) -> bytes:
        with pytest.raises(ssl.SSLWantReadError):
            self.side.unwrap()
        return self._out.read()


def trusting(file: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=file)


def introduced(certificate: Certificate) -> tuple[Tls, Server, bytes]:
    """Both after their handshake, and what the server has sent since."""
    ours, theirs = Tls(trusting(certificate.certificate), "127.0.0.1"), Server(certificate.context)
    assert not ours.shaken(b"")
    assert ours.shaken(theirs.greet(ours.sealed()))
    return ours, theirs, theirs.greet(ours.sealed())


def test_what_is_said_arrives_both_ways(certificate: Certificate) -> None:
    ours, theirs, tickets = introduced(certificate)
    assert theirs.read(ours.sealed(b"GET /")) == b"GET /"
    assert ours.opened(tickets + theirs.say(b"200")) == b"200"


def test_what_has_come_in_part_is_kept_until_the_rest_has(certificate: Certificate) -> None:
    ours, theirs, tickets = introduced(certificate)
    record = theirs.say(b"all is fine")
    assert ours.opened(tickets + record[:-1]) == b""
    assert ours.opened(record[-1:]) == b"all is fine"


def test_many_records_that_come_at_once_are_read_at_once(certificate: Certificate) -> None:
    ours, theirs, tickets = introduced(certificate)
    came = b"".join(theirs.say(b"x" * 16_000) for _ in range(20))
    assert len(ours.opened(tickets + came)) == 320_000


def test_a_farewell_ends_it_and_nothing_else_does(certificate: Certificate) -> None:
    ours, theirs, tickets = introduced(certificate)
    ours.opened(tickets + theirs.say(b"last words"))
    assert not ours.ended
    assert (ours.opened(theirs.leave()), ours.ended) == (b"", True)


def test_a_name_that_the_certificate_does_not_have_is_no_handshake(
    certificate: Certificate,
) -> None:
    ours = Tls(trusting(certificate.certificate), "localhost")
    theirs = Server(certificate.context)
    ours.shaken(b"")
    with pytest.raises(ssl.SSLCertVerificationError):
        ours.shaken(theirs.greet(ours.sealed()))


def test_what_is_no_tls_is_no_handshake(certificate: Certificate) -> None:
    ours = Tls(trusting(certificate.certificate), "127.0.0.1")
    with pytest.raises(ssl.SSLError):
        ours.shaken(b"220 mail.shop ESMTP\r\n")


def test_what_was_tampered_with_is_not_read(certificate: Certificate) -> None:
    ours, theirs, tickets = introduced(certificate)
    record = bytearray(tickets + theirs.say(b"all is fine"))
    record[-1] ^= 1
    with pytest.raises(ssl.SSLError):
        ours.opened(bytes(record))
