from __future__ import annotations

import base64
import hashlib
import hmac
import struct

import pytest

from exporter.pgbouncer.login import log_in, md5
from exporter.pgbouncer.messages import ConsoleError

FINE = struct.pack("!i", 0)


def request(kind: int, rest: bytes = b"") -> bytes:
    return struct.pack("!i", kind) + rest


class Scram:
    """A server's side of it; `proof` is what it says at the end of having checked the client's."""

    def __init__(self, password: str, rounds: int = 4096, *, knows: bool = True) -> None:
        self._salt, self._rounds, self._knows = b"salt", rounds, knows
        self._salted = hashlib.pbkdf2_hmac("sha256", password.encode(), self._salt, max(rounds, 1))
        self._said: list[bytes] = []
        self.let_in = False

    async def ask(self, data: bytes) -> bytes:
        if not data:
            return FINE
        return self._challenge(data[5:]) if not self._said else self._verdict(data[5:])

    def _challenge(self, body: bytes) -> bytes:
        first = body.partition(b"n,,")[2]
        nonce = first.partition(b"r=")[2] + b"more"
        salt = base64.b64encode(self._salt)
        challenge = b"r=%s,s=%s,i=%d" % (nonce, salt, self._rounds)
        self._said = [first, challenge]
        return request(11, challenge)

    def _verdict(self, last: bytes) -> bytes:
        bare, _, proof = last.partition(b",p=")
        signed = b",".join((*self._said, bare))
        key = hmac.digest(self._salted, b"Client Key", "sha256")
        signature = hmac.digest(hashlib.sha256(key).digest(), signed, "sha256")
        expected = bytes(a ^ b for a, b in zip(key, signature, strict=True))
        self.let_in = base64.b64decode(proof) == expected
        own = hmac.digest(self._salted, b"Server Key", "sha256") if self._knows else b"guessed"
        return request(12, b"v=" + base64.b64encode(hmac.digest(own, signed, "sha256")))


async def test_both_sides_show_that_they_know_the_password() -> None:
    server = Scram("p@ss")
    await log_in("stats", "p@ss", request(10, b"SCRAM-SHA-256\0\0"), server.ask)
    assert server.let_in


async def test_a_server_that_does_not_know_the_password_is_no_server_of_ours() -> None:
    server = Scram("p@ss", knows=False)
    with pytest.raises(ConsoleError, match="does not know the password"):
        await log_in("stats", "p@ss", request(10, b"SCRAM-SHA-256\0\0"), server.ask)


@pytest.mark.parametrize("rounds", [0, 50_000_000])
async def test_a_server_that_would_have_us_count_for_ever_is_refused(rounds: int) -> None:
    server = Scram("p@ss", 1)
    server._rounds = rounds
    with pytest.raises(ConsoleError, match="no sense"):
        await log_in("stats", "p@ss", request(10, b"SCRAM-SHA-256\0\0"), server.ask)


@pytest.mark.parametrize("wanted", [request(7), request(10, b"SCRAM-SHA-256-PLUS\0\0")])
async def test_a_way_that_is_not_known_is_said_so(wanted: bytes) -> None:
    with pytest.raises(ConsoleError, match="not known here"):
        await log_in("stats", "p@ss", wanted, Scram("p@ss").ask)


async def test_a_password_in_clear_is_sent_when_that_is_asked_for() -> None:
    sent: list[bytes] = []

    async def ask(data: bytes) -> bytes:
        sent.append(data)
        return FINE

    await log_in("stats", "p@ss", request(3), ask)
    assert sent == [b"p\0\0\0\x09p@ss\0"]


def test_md5_is_of_the_password_the_user_and_the_salt() -> None:
    # what PostgreSQL says to SELECT 'md5' || md5(md5('secret' || 'stats') || 'salt')
    assert md5("stats", "secret", b"salt") == b"md5c3fe149abbaeb671294a0cb767cdeb2b"
