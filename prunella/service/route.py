"""Where something answers, whom, and with what: what both ways to answer a request are made from."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prunella.service.answers import Given
from prunella.service.auth import Auth, Scope
from prunella.service.door import Door
from prunella.service.heads import Asked

if TYPE_CHECKING:
    from aiohttp import web

Take = Callable[[bytes, str], Awaitable[Given]]  # of a body and its sender
Give = Callable[[Asked], Awaitable[Given]]
Handler = Callable[["web.Request"], Awaitable["web.StreamResponse"]]
Proof = Callable[["web.Request"], Awaitable[str]]

CHALLENGE = {"WWW-Authenticate": 'Bearer realm="prunella"'}
SIGNATURE = {"WWW-Authenticate": 'Signature realm="prunella"'}
ALWAYS_OPEN = frozenset({"/-/healthy", "/-/ready"})


@dataclass(frozen=True, slots=True)
class Route:
    """Where something answers, and whom. GET answers HEAD, too.

    `give` answers a GET from its query and headers, `take` a POST from its body and its client; both do it without
    aiohttp where the request is ordinary, which JSON is. A `handler` is for what needs more of a request, or to look at a
    body before it is taken. `proof` belongs to Scope.SIGNED: it looks at the request and names the client, or raises
    Denied. It reads no more of the body than it must, and bounds what it reads by itself.
    """

    method: str
    path: str
    scope: Scope
    handler: Handler | None = None
    proof: Proof | None = None
    take: Take | None = None
    give: Give | None = None

    @property
    def handled(self) -> Handler:
        """Its handler, for who puts something around it. Raises TypeError when it has none."""
        if self.handler is None:
            raise TypeError(f"{self.method} {self.path} has no handler")
        return self.handler

    @property
    def answering(self) -> Callable[..., Any]:
        """What has been written for it. Raises TypeError when there is nothing."""
        written = self.handler or self.give or self.take
        if written is None:
            raise TypeError(f"nothing answers {self.method} {self.path}")
        return written

    def check(self) -> None:
        """Raises TypeError for a route that nobody guards, or that nothing answers."""
        if not isinstance(self.scope, Scope):
            raise TypeError(f"{self.method} {self.path} has no scope")
        if (self.scope is Scope.SIGNED) != (self.proof is not None):
            raise TypeError(f"{self.method} {self.path}: a proof and Scope.SIGNED belong together")
        if self.take is not None and self.method != "POST":
            raise TypeError(f"{self.method} {self.path}: take is for a POST")
        if self.give is not None and (self.method != "GET" or self.proof is not None):
            raise TypeError(f"{self.method} {self.path}: give is for a GET with a token")
        _ = self.answering


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """All that a request can come to, and what stands before it; `grace` is Service's."""

    routes: tuple[Route, ...]
    auth: Auth
    door: Door | None
    max_body: int  # bytes
    grace: float  # seconds
