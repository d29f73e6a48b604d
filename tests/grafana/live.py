"""Every expression of every dashboard and rule, asked of a Prometheus that scrapes the real stack."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping
from typing import Any

import aiohttp

from tests.grafana.boards import FILES, board, expressions
from tests.prometheus.bundle import alerts, records
from tests.prometheus.promql import series_of

# What has nothing to show in the demo stack after its first drill, and why: by a series that is read, or a part of the expression.
NOTHING_THERE: Mapping[str, str] = {
    r"\bai_generation_\w+": "the shop generates nothing",
    r"\bnodejs_\w+": "the shop is no Node.js",
    r"\bapp_errors_total": "nothing was tracked",
    r"\bapp_memory_limit_bytes": "nothing limits the shop's memory",
    r"\bprobe_ssl_\w+": "the endpoint has no TLS",
    r"\bprunella_(deploy\w*|release\w*|rollbacks_total|launch_\w+)": "no release was deployed",
    r'action="rollback"': "nothing was rolled back",
    r"\bprunella_refusals_total": "nothing was refused",
    r"\bprunella_backup_\w+": "the demo makes no backups",
    r"\bprunella_queue_failed_total|queue_failures_per_job": "no letter has failed",
    r"\bprunella_queue_lag_threshold_jobs": "the demo's queue has no thresholds of its own",
    r'status="429"|http_requests_rejected_per_request': "nobody was rejected",
    r"\bprunella_series_dropped_total": "nothing was dropped",
    r'result!="ok"': "every message arrived",
    r'outcome="error"': "no call failed",
    r"topk.*status=~": "no request was answered with a 5xx",
    r"\bredis_master_link_up": "the demo's Redis is no replica",
    r"\bALERTS\{": "all is well again",
    r"offset 1w": "a week ago there was no stack",
}


async def without_data(prometheus: str) -> dict[str, str]:
    """Where an expression stands, and the expression, of those that have no answer and should."""
    async with aiohttp.ClientSession(prometheus) as session:
        asked = [*_panels(), *_rules()]
        answers = await asyncio.gather(*(_empty(session, expr) for _, expr in asked))
    return {where: expr for (where, expr), empty in zip(asked, answers, strict=True) if empty}


async def _empty(session: aiohttp.ClientSession, expr: str) -> bool:
    async with session.get("/api/v1/query", params={"query": expr}) as response:
        said: dict[str, Any] = await response.json()
    return not said["data"]["result"]


def _excused(expr: str) -> bool:
    return any(re.search(part, expr) for part in NOTHING_THERE)


def _panels() -> Iterator[tuple[str, str]]:
    for file in FILES:
        for number, expr in enumerate(expressions(board(file))):
            if not _excused(expr):
                yield f"{file.stem} {number}", expr


def _rules() -> Iterator[tuple[str, str]]:
    """Records as they are; of an alert, that what it reads is there: it has an answer only while it fires."""
    for rule in records():
        if not _excused(rule["expr"]):
            yield rule["record"], rule["expr"]
    for rule in alerts():
        for name in series_of(rule["expr"]):
            if not _excused(name):
                yield f"{rule['alert']} reads {name}", f"last_over_time({name}[5m])"
