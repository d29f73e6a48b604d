"""Basic auth against bcrypt: slow on purpose, so a verdict is kept, and what takes long is done by one thread at a time.

Nothing of it tells by its time whether a user exists: an unknown one is compared, too, with a hash of the same cost.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import importlib
import secrets
from collections import OrderedDict
from collections.abc import Callable, Mapping

from prunella.service.auth import Denied
from prunella.service.settings import Secret

_KEPT = 512  # verdicts of each kind
_WAITING = 16  # comparisons that may be waited for; a scrape whose verdict is known waits for none
_LONGEST = 72  # bytes of a password that bcrypt looks at
_NOBODY = "$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01234"

Compare = Callable[[bytes, bytes], bool]


class Busy(Exception):
    """Too many passwords are being tried at once."""


def bcrypt_compare(password: bytes, hashed: bytes) -> bool:
    """Whether this is the password."""
    bcrypt = importlib.import_module("bcrypt")
    try:
        return bool(bcrypt.checkpw(password[:_LONGEST], hashed))
    except ValueError:  # a NUL, or a salt that only looks like one
        return False


class Users:
    """The verdicts on names and passwords that were shown."""

    def __init__(self, compare: Compare = bcrypt_compare) -> None:
        self._compare = compare
        self._key = secrets.token_bytes(32)
        self._good: OrderedDict[bytes, None] = OrderedDict()
        self._bad: OrderedDict[bytes, None] = OrderedDict()
        self._turn = asyncio.Lock()
        self._waiting = 0

    async def name_of(self, header: str | None, users: Mapping[str, Secret]) -> str:
        """The user of an Authorization header. Raises Denied, or Busy."""
        name, password = _shown(header)
        hashed = _hash_of(name, users)
        verdict = self._verdict_key(name, hashed, password)
        if verdict not in self._good and verdict not in self._bad:
            await self._judge(verdict, password, hashed, known=name in users)
        if verdict in self._good:
            self._good.move_to_end(verdict)
            return name
        raise Denied("the user or the password is not valid", reason="password_wrong")

    async def _judge(self, verdict: bytes, password: bytes, hashed: bytes, *, known: bool) -> None:
        if self._waiting >= _WAITING:
            raise Busy
        self._waiting += 1
        try:
            async with self._turn:
                if verdict in self._good or verdict in self._bad:
                    return
                same = await asyncio.to_thread(self._compare, password, hashed)
                kept = self._good if same and known else self._bad
                kept[verdict] = None
                while len(kept) > _KEPT:
                    kept.popitem(last=False)
        finally:
            self._waiting -= 1

    def _verdict_key(self, name: str, hashed: bytes, password: bytes) -> bytes:
        """Each part with its length, so that no two questions are one."""
        parts = (name.encode("utf-8", "surrogateescape"), hashed, password)
        told = b"".join(len(part).to_bytes(8, "big") + part for part in parts)
        return hmac.digest(self._key, told, "sha256")


def _shown(header: str | None) -> tuple[str, bytes]:
    scheme, _, shown = (header or "").partition(" ")
    if scheme.lower() != "basic":
        raise Denied("a user and a password are needed", reason="password_missing")
    try:
        name, colon, password = base64.b64decode(shown.strip(), validate=True).partition(b":")
    except (binascii.Error, ValueError):
        raise Denied("this is no basic auth", reason="password_missing") from None
    if not colon:
        raise Denied("this is no basic auth", reason="password_missing")
    return name.decode("utf-8", "surrogateescape"), password


def _hash_of(name: str, users: Mapping[str, Secret]) -> bytes:
    """What to compare with; for nobody what takes as long as for the dearest user."""
    if name in users:
        return users[name].get_secret_value().encode()
    cost = max(users.values(), key=lambda one: one.get_secret_value()[4:6]).get_secret_value()[4:6]
    return f"$2b${cost}{_NOBODY}".encode()
