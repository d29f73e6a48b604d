"""One id for everything that a request causes, in every log line and outgoing call, so that its story can be read."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Mapping
from contextvars import ContextVar, copy_context
from random import getrandbits
from typing import ParamSpec, TypeVar

HEADER = "X-Correlation-ID"
TRACE_HEADER = "traceparent"

_MOST_CRUMBS = 50
_LONGEST = 128
_ACCEPTED = re.compile(rf"[A-Za-z0-9._:/+=@-]{{1,{_LONGEST}}}").fullmatch
# W3C Trace Context: a version, the trace, the caller's span, flags; later versions may add to it, `ff` is none.
_TRACE = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-[\x21-\x7e]*)?"
).fullmatch
_LONGEST_TRACE = 128

P = ParamSpec("P")
R = TypeVar("R")


class correlated:  # noqa: N801 - read as `with correlated(id):`; a generator would take five times as long
    """Runs the block under the id received, else under the caller's trace id, else under a new one.

    What is not harmless text is not received. The block is also what breadcrumbs and the user belong to: of two
    requests on one connection the second must not be told the first one's.
    """

    # On the class, because most requests have none of them.
    crumbs: deque[Mapping[str, object]] | None = None
    user: Mapping[str, object] | None = None
    trace = traceparent = ""

    def __init__(self, received: str | None = None, traceparent: str | None = None) -> None:
        if traceparent:
            self._follow(traceparent)
        if received and (
            # what most ids are takes half as long to see as to match
            (received.isalnum() and received.isascii() and len(received) <= _LONGEST)
            or _ACCEPTED(received)
        ):
            self.id = received
        else:
            # it is no secret, and a random number from the system would take longer than the rest of this
            self.id = self.trace or f"{getrandbits(128):032x}"

    def _follow(self, traceparent: str) -> None:
        found = _TRACE(traceparent[:_LONGEST_TRACE])
        if found and (found[2] is None or not traceparent.startswith("00")):
            self.trace, self.traceparent = found[1], traceparent[:55]

    def __enter__(self) -> str:
        self._token = CURRENT.set(self)
        return self.id

    def __exit__(self, *_: object) -> None:
        CURRENT.reset(self._token)

    def remember(self, crumb: Mapping[str, object]) -> None:
        """Keeps the last fifty things that happened on the way."""
        if self.crumbs is None:
            self.crumbs = deque(maxlen=_MOST_CRUMBS)
        self.crumbs.append(crumb)


# The middleware sets it without a `with`, which is two calls for every request.
CURRENT: ContextVar[correlated | None] = ContextVar("prunella_correlation", default=None)


def current() -> correlated | None:
    """The work going on here; None outside of any."""
    return CURRENT.get()


def correlation_id() -> str:
    """The id of the work going on here; empty outside of any."""
    work = CURRENT.get()
    return work.id if work is not None else ""


def trace_id() -> str:
    """The W3C trace that this work is a part of; empty when its caller named none."""
    work = CURRENT.get()
    return work.trace if work is not None else ""


def outgoing_headers() -> dict[str, str]:
    """What a call to another service carries, so that its log lines have the same id."""
    work = CURRENT.get()
    if work is None:
        return {}
    headers = {HEADER: work.id}
    if work.traceparent:
        headers[TRACE_HEADER] = work.traceparent
    return headers


def carried(function: Callable[P, R]) -> Callable[P, R]:
    """The function as it runs in another thread (`executor.submit(carried(work))`), under the id of here and now."""
    context = copy_context()

    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        # a copy for every call: one context cannot be entered by two threads at once
        return context.copy().run(function, *args, **kwargs)

    return run
