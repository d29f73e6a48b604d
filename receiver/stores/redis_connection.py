"""redis-py's connections, of which a cancelled request really ends and a hung one ends in time.

redis-py sends under asyncio.wait_for, which in Python 3.11 can lose a cancellation that comes at the wrong moment: an
action that was told to stop, or whose time is up, would simply go on. asyncio.timeout loses none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from redis.asyncio.connection import (
    AbstractConnection,
    Connection,
    SSLConnection,
    UnixDomainSocketConnection,
)
from redis.exceptions import TimeoutError as NoAnswer


class _Prompt(AbstractConnection):
    """Sends, and connects if it has to, within `socket_timeout`."""

    async def send_packed_command(
        self, command: bytes | str | Iterable[bytes], check_health: bool = True
    ) -> None:
        patience, self.socket_timeout = self.socket_timeout, None
        try:
            async with asyncio.timeout(patience):
                await super().send_packed_command(command, check_health)
        except TimeoutError:
            await self.disconnect(nowait=True)
            raise NoAnswer("no answer in time") from None
        finally:
            self.socket_timeout = patience


class PromptConnection(_Prompt, Connection):
    """By TCP."""


class PromptSSLConnection(_Prompt, SSLConnection):
    """By TLS."""


class PromptUnixConnection(_Prompt, UnixDomainSocketConnection):
    """By a socket in the file system."""
