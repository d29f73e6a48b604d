"""Notices as the outbox hands them to a channel."""

from __future__ import annotations

from collections.abc import Mapping

from receiver.channels.base import Notice


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
