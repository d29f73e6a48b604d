"""One id for everything that a request causes, in every log line and outgoing call, so that its story can be read."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

HEADER = "X-Correlation-ID"

_ACCEPTED = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")
_current: ContextVar[str] = ContextVar("prunella_correlation_id", default="")


def correlation_id() -> str:
    """The id of the work going on here; empty outside of any."""
    return _current.get()


@contextmanager
def correlated(received: str | None = None) -> Iterator[str]:
    """Runs the block under the id received, or under a new one if that is missing or not harmless text."""
    accepted = received if received and _ACCEPTED.fullmatch(received) else uuid.uuid4().hex
    token = _current.set(accepted)
    try:
        yield accepted
    finally:
        _current.reset(token)
