"""Asks Prometheus for the value of an expression, now or over time. Whatever is not a clean answer is an error, never a value."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TypeVar
from urllib.parse import urlencode

from receiver.tools import (
    MAX_BODY,
    MOST_POINTS,
    MOST_SERIES,
    Http,
    OutsideError,
    Response,
    Series,
)

T = TypeVar("T")
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class PrometheusApi:
    """`receiver.tools.Prometheus` over HTTP; NaN stays NaN, and a warning (a partial answer) is an error."""

    def __init__(self, http: Http, url: str, timeout: float = 10.0) -> None:
        self._http = http
        self._url = f"{url.rstrip('/')}/api/v1"
        self._timeout = timeout

    async def query(self, expr: str) -> tuple[float, ...]:
        return _read(_values, await self._ask("query", query=expr))

    async def labelled(self, expr: str) -> tuple[tuple[Mapping[str, str], float], ...]:
        return _read(_labelled, await self._ask("query", query=expr))

    async def series(self, expr: str, start: float, end: float, step: float) -> tuple[Series, ...]:
        times = {"start": f"{start:.3f}", "end": f"{end:.3f}", "step": f"{step:.3f}"}
        return _read(_series, await self._ask("query_range", query=expr, **times))

    async def _ask(self, what: str, **form: str) -> object:
        """The answer's data."""
        body = urlencode({**form, "timeout": f"{self._timeout:g}s"}).encode()
        response = await self._http.request(
            "POST", f"{self._url}/{what}", timeout=self._timeout, headers=_FORM, body=body
        )
        answer = _answer(response)
        if answer.get("status") != "success":
            raise OutsideError(f"Prometheus: {_refusal(answer)}")
        if answer.get("warnings"):
            raise OutsideError(f"Prometheus warns: {str(answer['warnings'])[:200]}")
        return answer.get("data")


def _read(reader: Callable[[object], T], data: object) -> T:
    try:
        return reader(data)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise OutsideError("Prometheus: the answer has another shape than expected") from error


def _answer(response: Response) -> Mapping[str, object]:
    if len(response.body) >= MAX_BODY:
        raise OutsideError("Prometheus: the answer is too large, aggregate in the query")
    try:
        answer = json.loads(response.body)
    except (ValueError, RecursionError) as error:
        raise OutsideError(f"Prometheus answers {response.status} and no JSON") from error
    if not isinstance(answer, dict):
        raise OutsideError(f"Prometheus answers {response.status} and no object")
    return answer


def _refusal(answer: Mapping[str, object]) -> str:
    return f"{answer.get('errorType', 'error')}: {str(answer.get('error', ''))[:200]}"


def _values(data: object) -> tuple[float, ...]:
    match data:
        case {"resultType": "vector", "result": list(series)}:
            return tuple(float(one["value"][1]) for one in series)
        case {"resultType": "scalar", "result": [_, value]}:
            return (float(value),)
        case _:
            raise ValueError("neither a vector nor a scalar")


def _labelled(data: object) -> tuple[tuple[Mapping[str, str], float], ...]:
    match data:
        case {"resultType": "vector", "result": list(series)}:
            return tuple((dict(one["metric"]), float(one["value"][1])) for one in series)
        case _:
            raise ValueError("not a vector")


def _series(data: object) -> tuple[Series, ...]:
    match data:
        case {"resultType": "matrix", "result": list(found)}:
            return tuple(
                tuple((float(at), float(value)) for at, value in one["values"][-MOST_POINTS:])
                for one in found[:MOST_SERIES]
            )
        case _:
            raise ValueError("not a matrix")
