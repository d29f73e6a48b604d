"""One question over HTTP to a server of the operator's own that the config names: Docker's engine, supervisord, the receiver.

It is a probe's HTTP, which is here anyway, and no library's: the one that the services have takes 13 MB (ADR 92).
Every question has a connection of its own, and ends at once when it is cancelled.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote, urlsplit

from exporter.probing.contexts import Contexts, Demands
from exporter.probing.http1 import Body, Head, read_body, read_head, request
from exporter.probing.wire import Wire, connect, connect_unix


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """`url` is http://, https:// or unix:///path/of.sock, with `path` behind it. With a `body` it is a POST."""

    url: str
    path: str
    most: int  # bytes of an answer that are kept
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    trusted: Contexts = field(default_factory=lambda: Contexts(Demands()))


@dataclass(frozen=True, slots=True)
class Answered:
    """`whole` unless there was more of it."""

    status: int
    body: bytes
    whole: bool


async def ask(question: Question) -> Answered:
    """Raises Failed, whose cause is the OSError if nobody could be reached."""
    to = urlsplit(question.url)
    method = "POST" if question.body else "GET"
    headers = {"Host": to.netloc.rpartition("@")[2] or "localhost", **_user(to), **question.headers}
    path = question.path if to.scheme == "unix" else to.path.rstrip("/") + question.path
    wire = await _connected(to, question.trusted)
    try:
        wire.send(request(method, path, headers, question.body))
        head = await read_head(wire)
        body = await _body(wire, head, method, question.most)
    finally:
        wire.close()
    return Answered(head.status, bytes(body.kept), body.length <= question.most)


async def _connected(to: SplitResult, trusted: Contexts) -> Wire:
    if to.scheme == "unix":
        return await connect_unix(to.path)
    encrypted, name = to.scheme == "https", to.hostname or ""
    wire = await connect(name, to.port or (443 if encrypted else 80))
    if encrypted:
        try:
            await wire.encrypt(await trusted.context(), name)
        except BaseException:
            wire.close()
            raise
    return wire


async def _body(wire: Wire, head: Head, method: str, most: int) -> Body:
    body = Body(bytearray(), most)
    await read_body(wire, head, method, "", body)
    return body


def basic(name: str, password: str) -> dict[str, str]:
    """The header that shows them."""
    return {"Authorization": f"Basic {b64encode(f'{name}:{password}'.encode()).decode()}"}


def _user(to: SplitResult) -> dict[str, str]:
    """Who is named in the address."""
    return basic(unquote(to.username), unquote(to.password or "")) if to.username else {}
