"""How one shows a PostgreSQL server, or who stands before it, that one knows the password."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import struct
from collections.abc import Awaitable, Callable

from exporter.pgbouncer.messages import ConsoleError, message

CLEARTEXT, MD5, SASL, SASL_GOES_ON, SASL_ENDS = 3, 5, 10, 11, 12
MECHANISM = b"SCRAM-SHA-256"
LEAST_ROUNDS, MOST_ROUNDS = 1, 1_000_000  # a server that asks for more holds us up

Ask = Callable[[bytes], Awaitable[bytes]]


async def log_in(user: str, password: str, wanted: bytes, ask: Ask) -> None:
    """Answers an authentication request; `ask` sends an answer and returns the next request. Raises ConsoleError."""
    while (kind := struct.unpack_from("!i", wanted)[0]) != 0:
        if kind == CLEARTEXT:
            wanted = await ask(message(b"p", password.encode() + b"\0"))
        elif kind == MD5:
            wanted = await ask(message(b"p", md5(user, password, wanted[4:8]) + b"\0"))
        elif kind == SASL and MECHANISM in wanted[4:].split(b"\0"):
            wanted = await _scram(password, ask)
        else:
            raise ConsoleError("the server wants a way to log in that is not known here")


def md5(user: str, password: str, salt: bytes) -> bytes:
    inner = hashlib.md5(password.encode() + user.encode(), usedforsecurity=False).hexdigest()
    outer = hashlib.md5(inner.encode() + salt, usedforsecurity=False).hexdigest()
    return b"md5" + outer.encode()


async def _scram(password: str, ask: Ask) -> bytes:
    """RFC 7677 without channel binding; the server has to show that it knows the password, too."""
    nonce = base64.b64encode(secrets.token_bytes(18))
    first = b"n=,r=" + nonce
    opening = MECHANISM + b"\0" + struct.pack("!i", len(first) + 3) + b"n,," + first
    challenge = _said(await ask(message(b"p", opening)), SASL_GOES_ON)
    fields = _fields(challenge)
    rounds = int(fields.get(b"i", b"0"))
    if not fields.get(b"r", b"").startswith(nonce) or not LEAST_ROUNDS <= rounds <= MOST_ROUNDS:
        raise ConsoleError("the server's answer to the log-in makes no sense")
    salt = base64.b64decode(fields[b"s"])
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, rounds)
    last = b"c=biws,r=" + fields[b"r"]
    signed = b",".join((first, challenge, last))
    proof = b",p=" + base64.b64encode(_proof(salted, signed))
    verdict = _said(await ask(message(b"p", last + proof)), SASL_ENDS)
    server = hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), signed, "sha256")
    if not hmac.compare_digest(_fields(verdict).get(b"v", b""), base64.b64encode(server)):
        raise ConsoleError("the server does not know the password that it asks for")
    return await ask(b"")


def _proof(salted: bytes, signed: bytes) -> bytes:
    key = hmac.digest(salted, b"Client Key", "sha256")
    signature = hmac.digest(hashlib.sha256(key).digest(), signed, "sha256")
    return bytes(one ^ other for one, other in zip(key, signature, strict=True))


def _said(request: bytes, kind: int) -> bytes:
    if struct.unpack_from("!i", request)[0] != kind:
        raise ConsoleError("the server's answer to the log-in makes no sense")
    return request[4:]


def _fields(text: bytes) -> dict[bytes, bytes]:
    return dict(part.split(b"=", 1) for part in text.split(b",") if b"=" in part)
