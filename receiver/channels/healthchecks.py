"""Speaks to healthchecks.io or one's own Healthchecks: the watcher outside, which hears when all of us are silent.

A heartbeat says that the receiver lives, can write its journal and hears Alertmanager's Watchdog; when it stops, whoever
watches from outside calls. Beside that, or without it, incidents are written into the check's log.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from prunella.service.settings import Duration
from prunella.service.units import at_least
from receiver.channels.base import Channel, ChannelError, Notice
from receiver.channels.delivery import SecretUrl, address, ask, refusal
from receiver.channels.fields import text
from receiver.channels.looks import about
from receiver.decide.guards import Rate
from receiver.tools import Tools

_BODY = 2500  # characters; a service of one's own keeps 10,000 bytes
_WRONG = frozenset({"opened", "ineffective", "escalated", "frozen", "approval_requested"})


class Healthchecks(Channel):
    """Pings the check at `ping_url`. With `heartbeat: 1m` it does so all the time, as long as the Watchdog was heard of
    within `watchdog` (`null`: whether it was or not), and incidents are only logged there. Without, the check is down
    from the first notice of an incident until its end: give such a check `matchers` of its own.
    """

    documented_rate: ClassVar[Rate | None] = Rate(5, 60.0)

    ping_url: SecretUrl
    heartbeat: Annotated[Duration, at_least("15s")] | None = None  # five pings a minute are taken
    watchdog: Annotated[Duration, Field(gt=0)] | None = 300.0

    async def send(self, notice: Notice, tools: Tools) -> str | None:
        words = f"{notice.title}\n\n{notice.text}\n\n{about(notice, self.environment)}"
        await self.ping(self._word(notice), words, tools)
        return None

    async def ping(self, word: str, words: str, tools: Tools) -> None:
        """One ping: an empty `word` for success, `/fail`, or `/log`, which changes nothing. Raises ChannelError."""
        url, query, asked = address(self.ping_url, self.api_url).partition("?")
        response = await ask(
            tools,
            "POST",
            f"{url.rstrip('/')}{word}{query}{asked}",
            text(words, _BODY).encode(),
            timeout=self.timeout,
            headers={"Content-Type": "text/plain; charset=utf-8"},
        )
        if not 200 <= response.status < 300:
            raise refusal(response, tools.clock.now())
        # the service answers 200 to every address that looks like a check's
        if response.body.startswith(b"OK (not found)"):
            raise ChannelError("there is no such check: see its ping URL", permanent=True)
        if response.body.startswith(b"OK (rate limited)"):
            raise ChannelError("too many pings", retry_after=60.0)

    def _word(self, notice: Notice) -> str:
        if self.heartbeat is not None or notice.event == "test":
            return "/log"
        if notice.ended or notice.event == "thawed":
            return ""
        return "/fail" if notice.event in _WRONG else "/log"
