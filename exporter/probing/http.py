"""One probe over HTTP: ask, follow where it is sent, judge what comes."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from email.utils import parsedate_to_datetime
from time import perf_counter

from yarl import URL

from exporter.probing.allowed import Forbidden, Gate
from exporter.probing.certificates import shown_by
from exporter.probing.contexts import Contexts, Demands
from exporter.probing.expected import Expected
from exporter.probing.http1 import Body, Head, length_of, read_body, read_head, request
from exporter.probing.outcome import Answer, Failed, Outcome, Reason, within
from exporter.probing.resolver import Address
from exporter.probing.target import allowed
from exporter.probing.wire import Wire, connect
from prunella.version import version

MOST_REDIRECTS = 10
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_AGENT = f"prunella-exporter/{version()}"
_FOR_THE_FIRST = frozenset({"authorization", "cookie", "host", "www-authenticate"})


@dataclass(frozen=True, slots=True)
class Order:
    """What to send and what must come back."""

    url: str
    gate: Gate
    timeout: float
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    expected: Expected = field(default_factory=Expected)
    follow: bool = True
    compression: str = ""
    contexts: Contexts = field(default_factory=lambda: Contexts(Demands()))
    # ip4 or ip6: one address of that kind, as blackbox_exporter does; else any that answers
    prefer: str = ""
    fallback: bool = True


@dataclass(frozen=True, slots=True)
class _Hop:
    """One request of a probe."""

    url: URL
    method: str
    headers: Mapping[str, str]
    body: bytes


async def probe_http(order: Order) -> Outcome:
    """Whatever goes wrong on the way is the outcome. Raises Forbidden for a target, not for where it redirects to."""
    outcome = Outcome(answer=Answer())
    return await within(order.timeout, outcome, _spelled(order, outcome))


async def _spelled(order: Order, outcome: Outcome) -> None:
    try:
        await _follow(order, outcome)
    except ValueError as error:  # a URL or a header that cannot be
        outcome.fail(Reason.STATUS, str(error))


async def _follow(order: Order, outcome: Outcome) -> None:
    hop = _first(order)
    answer = outcome.answer or Answer()
    deadline = asyncio.get_running_loop().time() + order.timeout
    while True:
        wire = await _connected(order, hop.url, outcome, deadline)
        try:
            head = await _asked(wire, hop, outcome)
            onward = _onward(hop, head)
            if onward is not None:
                answer.redirects += 1
            if onward is None or not order.follow or answer.redirects > MOST_REDIRECTS:
                await _judge(order, wire, head, outcome, redirected=onward is not None)
                return
        finally:
            wire.close()
        hop = onward


def _first(order: Order) -> _Hop:
    url = URL(order.url)
    given = {"User-Agent": _AGENT, **order.headers}
    return _Hop(url, order.method, given, order.body)


async def _connected(order: Order, url: URL, outcome: Outcome, deadline: float) -> Wire:
    host, first = url.raw_host or "", outcome.lookup is None
    began = perf_counter()
    try:
        wanted = await allowed(
            host, order.gate, order.timeout, order.prefer, fallback=order.fallback
        )
    except Forbidden as refusal:
        if first:  # a target that may not be is said to whoever asked
            raise
        raise Failed(Reason.STATUS, f"redirected to where it may not: {refusal}") from refusal
    finally:
        lookup = perf_counter() - began
        outcome.phases.resolve += lookup
        outcome.lookup = lookup if first else outcome.lookup
    wire, address = await _reached(wanted, url.port or 80, outcome, deadline)
    outcome.address = outcome.address if not first else address
    outcome.shown = None
    try:
        if url.scheme == "https":
            await _encrypt(order, wire, host, outcome)
    except BaseException:
        wire.close()
        raise
    return wire


async def _reached(
    found: Sequence[Address], port: int, outcome: Outcome, deadline: float
) -> tuple[Wire, str]:
    """The first address that takes a connection; one that is silent leaves time for the others."""
    loop = asyncio.get_running_loop()
    last: Exception = TimeoutError()
    for left, address in zip(range(len(found), 0, -1), map(str, found), strict=True):
        outcome.address = outcome.address or address
        until = loop.time() + (deadline - loop.time()) / left if left > 1 else None
        began = perf_counter()
        try:
            async with asyncio.timeout_at(until):  # the last one has what the probe has left
                wire = await connect(address, port)
        except (Failed, TimeoutError) as error:
            last = error
        else:
            outcome.phases.connect += perf_counter() - began
            return wire, address
    raise last


async def _encrypt(order: Order, wire: Wire, host: str, outcome: Outcome) -> None:
    context = await order.contexts.context()
    began = perf_counter()
    connection = await wire.encrypt(context, order.contexts.demands.server_name or host)
    outcome.phases.tls += perf_counter() - began
    outcome.shown = shown_by(connection)


async def _asked(wire: Wire, hop: _Hop, outcome: Outcome) -> Head:
    headers = {"Host": _authority(hop.url), **_auth(hop.url), **hop.headers}
    began = perf_counter()
    wire.send(request(hop.method, hop.url.raw_path_qs, headers, hop.body))
    head = await read_head(wire)
    outcome.answered = True
    outcome.phases.processing += max(0.0, wire.first - began)
    return head


def _authority(url: URL) -> str:
    host = url.host_subcomponent or ""
    return host if url.explicit_port is None else f"{host}:{url.explicit_port}"


def _auth(url: URL) -> dict[str, str]:
    if url.user is None:
        return {}
    from_url = f"{url.user}:{url.password or ''}"
    return {"Authorization": basic(from_url)}


def _onward(hop: _Hop, head: Head) -> _Hop | None:
    """Where the answer sends us. Raises Failed for what is no address of HTTP."""
    location = head.first("location")
    if head.status not in _REDIRECTS or not location:
        return None
    try:
        url = hop.url.join(URL(location.encode("latin-1").decode(errors="replace")))
    except ValueError as error:
        raise Failed(Reason.STATUS, "it redirects to what is no URL") from error
    if url.scheme not in {"http", "https"} or not url.raw_host:
        raise Failed(Reason.STATUS, "it redirects to what is no URL of HTTP")
    headers = hop.headers
    # what is for one is not for another
    if url.raw_host != hop.url.raw_host or url.scheme != hop.url.scheme:
        headers = {name: v for name, v in headers.items() if name.lower() not in _FOR_THE_FIRST}
    again = replace(hop, url=url, headers=headers)
    if head.status in {307, 308} or hop.method in {"GET", "HEAD"}:
        return again
    return replace(again, method="GET", body=b"")


async def _judge(
    order: Order, wire: Wire, head: Head, outcome: Outcome, *, redirected: bool
) -> None:
    answer, expected = outcome.answer or Answer(), order.expected
    answer.status, answer.version = head.status, head.version
    answer.last_modified = _time(head.first("last-modified"))
    answer.content_length = length_of(head, order.method)
    allowed = expected.statuses or range(200, 300)
    if head.status not in allowed:
        outcome.fail(Reason.STATUS, f"status {head.status}")
    elif not expected.headers_hold(head):
        outcome.by_pattern = True
        outcome.fail(Reason.BODY, "a header is not as expected")
    if not redirected:
        await _read(order, wire, head, outcome)
    if expected.versions and head.version not in expected.versions:
        outcome.fail(Reason.STATUS, f"HTTP/{head.version} is not among the versions allowed")
    if expected.encrypted is not None and expected.encrypted is not (outcome.shown is not None):
        outcome.fail(Reason.TLS, "encrypted" if outcome.shown else "not encrypted")


async def _read(order: Order, wire: Wire, head: Head, outcome: Outcome) -> None:
    """The body; what it says counts only when nothing else was wrong."""
    body, began = Body(bytearray()), wire.first
    try:
        await read_body(wire, head, order.method, order.compression, body)
    finally:
        if outcome.answer is not None:
            outcome.answer.body_length = body.length
        outcome.phases.transfer += perf_counter() - began
    if order.expected.most and body.length > order.expected.most:
        outcome.fail(Reason.BODY, "the body is longer than allowed")
    if outcome.success and not order.expected.body_holds(bytes(body.kept)):
        outcome.by_pattern = True
        outcome.fail(Reason.BODY, "the body is not as expected")


def _time(said: str) -> float | None:
    try:
        return float(int(parsedate_to_datetime(said).timestamp())) if said else None
    except (ValueError, OverflowError):
        return None


def basic(user_and_password: str) -> str:
    """The value of an Authorization header."""
    return f"Basic {b64encode(user_and_password.encode()).decode()}"
