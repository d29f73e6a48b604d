"""Prometheus' own memory: ALERTS, and expressions of rules that did not exist then, read in slices."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from receiver.backtest.history import HistoryError, Stretch, stretches
from receiver.backtest.replay import Said, Span
from receiver.tools import Http, OutsideError

FIRING = 'ALERTS{alertstate="firing"}'
POINTS = 600  # of each series in a slice; Prometheus refuses more than 11,000
MOST_BYTES = 32 << 20  # of one answer
MOST_SERIES = 20_000
TIMEOUT = 60.0
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
Labels = tuple[tuple[str, str], ...]
Times = dict[Labels, list[float]]


class PrometheusHistory:
    """Looks every `step` seconds, at moments that are whole multiples of it."""

    def __init__(self, http: Http, url: str, step: float) -> None:
        self._http = http
        self._url = f"{url.rstrip('/')}/api/v1/query_range"
        self._step = step

    async def alerts(self, span: Span, said: Said) -> list[Stretch]:
        """All that fired. Raises HistoryError."""
        found = await self.times(FIRING, span, said)
        return [
            one
            for labels, times in found.items()
            for one in stretches(_alert(labels), times, self._step, span.end)
        ]

    async def times(self, expr: str, span: Span, said: Said) -> Times:
        """At which moments each series of the expression was there. Raises HistoryError."""
        found: Times = {}
        for start, end in slices(span, self._step):
            await self._slice(expr, start, end, found)
            said((end - span.start) / max(self._step, span.end - span.start))
        return found

    async def _slice(self, expr: str, start: float, end: float, found: Times) -> None:
        """An answer that is too large is asked for in halves."""
        body = await self._ask(expr, start, end)
        if len(body) < MOST_BYTES:
            _gather(body, found)
            return
        half = start + (end - start) // (2 * self._step) * self._step
        if half <= start:
            raise HistoryError(f"{expr[:80]} has too many series to be read: narrow it down")
        await self._slice(expr, start, half, found)
        await self._slice(expr, half + self._step, end, found)

    async def _ask(self, expr: str, start: float, end: float) -> bytes:
        form = {
            "query": expr,
            "start": f"{start:.3f}",
            "end": f"{end:.3f}",
            "step": f"{self._step:.3f}",
            "timeout": f"{TIMEOUT:g}s",
        }
        try:
            response = await self._http.request(
                "POST",
                self._url,
                timeout=TIMEOUT,
                headers=_FORM,
                body=urlencode(form).encode(),
                max_body=MOST_BYTES,
            )
        except OutsideError as error:
            raise HistoryError(f"Prometheus: {error}") from error
        return response.body


def slices(span: Span, step: float) -> Iterator[tuple[float, float]]:
    """The first and last moment of each slice; every moment of the grid within the span is in exactly one."""
    at = -(-span.start // step) * step
    while at <= span.end:
        last = min(at + (POINTS - 1) * step, span.end // step * step)
        yield at, last
        at = last + step


def _gather(body: bytes, found: Times) -> None:
    for one in _series(body):
        labels = tuple(sorted(one["metric"].items()))
        found.setdefault(labels, []).extend(float(at) for at, _ in one["values"])
    if len(found) > MOST_SERIES:
        raise HistoryError(f"more than {MOST_SERIES:,} series: ask for a shorter time")


def _series(body: bytes) -> Sequence[Mapping[str, Any]]:
    wrong = "Prometheus: an answer that is none of query_range: is the URL right?"
    try:
        answer = json.loads(body)
        if answer["status"] != "success":
            raise HistoryError(f"Prometheus: {str(answer.get('error', 'no reason given'))[:300]}")
        if answer.get("warnings"):
            raise HistoryError(f"Prometheus warns: {str(answer['warnings'])[:300]}")
        series: Sequence[Mapping[str, Any]] = answer["data"]["result"]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise HistoryError(wrong) from error
    return series


def _alert(labels: Labels) -> Mapping[str, str]:
    """As Alertmanager has it: what ALERTS adds is taken away."""
    return {name: value for name, value in labels if name not in {"__name__", "alertstate"}}
