"""Notices as the outbox hands them to a channel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from receiver.channels.base import Channel, Notice
from receiver.tools import Tools


def a_notice(
    *,
    event: str = "opened",
    severity: str = "critical",
    title: str = "[firing] shop is down",
    text: str = "HighErrorRate on shop",
    links: Mapping[str, str] | None = None,
) -> Notice:
    return Notice(
        event=event,
        incident=12,
        episode="f1@1700000000",
        step="restart",
        severity=severity,
        title=title,
        text=text,
        at=1_700_000_001.5,
        dedup_key="prunella-j-12-opened",
        links=links or {},
        labels={"service": "shop"},
    )


def of(event: str, **more: object) -> Notice:
    """A notice of the one incident, with the key that the outbox gives its event."""
    return replace(a_notice(event=event), dedup_key=f"prunella-j-12-{event}", **more)  # type: ignore[arg-type]  # fields by name


RESOLVED = of("resolved", ended=True)


async def tell(channel: Channel, tools: Tools, *notices: Notice, thread: str = "") -> str:
    """One incident's notices in order, each with the thread that the last one left; the one that is left in the end."""
    for notice in notices:
        thread = await channel.send(replace(notice, thread=thread), tools) or thread
    return thread
