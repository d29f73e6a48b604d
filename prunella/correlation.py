"""One id for everything that a request causes, in every log line and outgoing call, so that its story can be read."""

from __future__ import annotations

import re
from contextvars import ContextVar
from random import randbytes

HEADER = "X-Correlation-ID"

_ACCEPTED = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")
_current: ContextVar[str] = ContextVar("prunella_correlation_id", default="")


def correlation_id() -> str:
    """The id of the work going on here; empty outside of any."""
    return _current.get()


class correlated:  # noqa: N801 - read as `with correlated(id):`; a generator would take five times as long
    """Runs the block under the id received, or under a new one if that is missing or not harmless text."""

    __slots__ = ("_id", "_token")

    def __init__(self, received: str | None = None) -> None:
        accepted = received and _ACCEPTED.fullmatch(received)
        # it is no secret, and a random number from the system would take longer than the rest of this
        self._id = received if received and accepted else randbytes(16).hex()  # noqa: S311 - no secret

    def __enter__(self) -> str:
        self._token = _current.set(self._id)
        return self._id

    def __exit__(self, *_: object) -> None:
        _current.reset(self._token)
