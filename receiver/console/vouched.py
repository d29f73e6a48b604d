"""Visitors without a session of ours: whoever a proxy vouches for, and everybody where nobody has to say who they are.

Their browsers prove it with each request without being asked, so their forms hold a token, too. It is made with a key that
all receivers of a journal share.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from aiohttp import web

from prunella.service.auth import Auth, Scope
from receiver.channels.fitting import one_line, plain
from receiver.console.page import Visitor
from receiver.console.sessions import csrf_of
from receiver.stages.context import Context

_KEY = "console-key"
_LONGEST = 60


@dataclass(frozen=True, slots=True)
class Vouched:
    """By the proxy, or by the config that has no tokens."""

    context: Context
    auth: Auth

    async def by_proxy(self, request: web.Request) -> Visitor | None:
        """Whom the header names, if it is the proxy's own and there is one."""
        console = self.context.settings().server.console
        said = request.headers.getall(console.header, [])
        if len(said) != 1 or not console.trusts(request.remote):
            return None
        user = one_line(plain(said[0], _LONGEST))[:_LONGEST]
        if not user:
            return None
        return Visitor(f"{user} (proxy)", console.scope == "operate", await self._csrf(user))

    async def by_nobody(self) -> Visitor | None:
        """Everybody, where the config says so: watching on loopback, without any token."""
        if self.auth.admitted(None, Scope.OPERATE) is None:
            return None
        return Visitor("operator", operates=True, csrf=await self._csrf(""))

    async def _csrf(self, user: str) -> str:
        journal = self.context.journal
        key = await journal.recall(_KEY)
        if key is None:
            await journal.remember(_KEY, secrets.token_hex(32))
            key = await journal.recall(_KEY) or ""
        return csrf_of(key.encode(), user)
