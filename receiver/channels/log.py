"""Tells the receiver's own log, which needs no account and is there when everything else is down."""

from __future__ import annotations

from prunella.logs import create_logger
from receiver.channels.base import Channel, Notice
from receiver.tools import Tools

_logger = create_logger("prunella.receiver.channel")


class Log(Channel):
    """One line a notice: critical ones as errors, warnings as warnings."""

    async def send(self, notice: Notice, tools: Tools) -> str | None:
        say = {"critical": _logger.error, "warning": _logger.warning}.get(
            notice.severity, _logger.info
        )
        say(
            notice.title,
            event=notice.event,
            incident=notice.incident,
            episode=notice.episode,
            step=notice.step,
            severity=notice.severity,
            text=notice.text,
            environment=self.environment,
            dedup_key=notice.dedup_key,
        )
        return None
