"""Who is there, for as long as a browser's cookie, the journal and the config all say so.

The cookie holds a secret that the journal does not have, and the journal a mark of the token that the secret alone can
read. So a journal opens no session, logging out ends one for every receiver, and a token that is taken out of the config
takes its sessions with it.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass

from prunella.service.auth import Auth, Scope
from receiver.console.page import Visitor
from receiver.journal.sessions import Session
from receiver.settings import ReceiverSettings
from receiver.stages.context import Context

_SECRET = re.compile(r"[A-Za-z0-9_-]{43}")
_NOTED_EVERY = 60.0  # seconds between two writes of when a session was seen last


@dataclass(frozen=True, slots=True)
class Sessions:
    """The journal's, held against the tokens in force."""

    context: Context
    auth: Auth

    async def begin(self, token: str) -> str:
        """The secret for the cookie of somebody whose token has been looked at."""
        secret, now, console = (
            secrets.token_urlsafe(32),
            self.context.now(),
            self._settings.server.console,
        )
        session = Session(_digest(secret), self.auth.mark(token, secret.encode()), now, now)
        await self.context.journal.begin_session(session, now - console.session, now - console.idle)
        return secret

    async def find(self, secret: str) -> Visitor | None:
        """Who has this cookie, if anybody still does."""
        session = await self._session(secret)
        if session is None:
            return None
        key, now = secret.encode(), self.context.now()
        name = self.auth.marked(session.mark, key, Scope.READ)
        if name is None:
            return None
        if now - session.seen > _NOTED_EVERY:
            await self.context.journal.see_session(session.digest, now)
        operates = self.auth.marked(session.mark, key, Scope.OPERATE) is not None
        return Visitor(name, operates, csrf_of(key), leaves=True)

    async def end(self, secret: str) -> None:
        """For every receiver, and at once."""
        await self.context.journal.end_session(_digest(secret))

    async def _session(self, secret: str) -> Session | None:
        if not _SECRET.fullmatch(secret):
            return None
        session = await self.context.journal.session(_digest(secret))
        if session is None:
            return None
        now, console = self.context.now(), self._settings.server.console
        alive = now - session.began < console.session and now - session.seen < console.idle
        return session if alive else None

    @property
    def _settings(self) -> ReceiverSettings:
        return self.context.settings()


def csrf_of(key: bytes, whose: str = "") -> str:
    """What the forms of one visitor hold, and nobody else can make."""
    return hmac.digest(key, f"csrf {whose}".encode(), "sha256").hex()


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
