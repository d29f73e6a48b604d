"""A value in its unit as people read it."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime

_THOUSANDS = ("", " k", " M", " G", " T")
_LENGTHS = ((86_400.0, "d"), (3600.0, "h"), (60.0, "min"), (1.0, "s"), (0.001, "ms"))


def said(value: float, unit: str) -> str:
    """As in `5 %`, `250 ms`, `1.5 GiB`."""
    if not math.isfinite(value):
        return "-"
    ways: dict[str, Callable[[float], str]] = {
        "percentunit": lambda share: f"{share * 100:.3g} %",
        "s": _length,
        "m": lambda minutes: _length(minutes * 60),
        "bytes": _size,
        "Bps": lambda rate: f"{_size(rate)}/s",
        "reqps": lambda rate: f"{_scaled(rate, 1000.0)}/s",
        "ops": lambda rate: f"{_scaled(rate, 1000.0)}/s",
        "dateTimeAsIso": _moment,
    }
    return ways[unit](value) if unit in ways else _scaled(value, 1000.0)


def _size(value: float) -> str:
    return f"{_scaled(value, 1024.0)}{'iB' if abs(value) >= 1024 else ' B'}"


def _moment(milliseconds: float) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%d %H:%M")


def _length(seconds: float) -> str:
    for size, unit in _LENGTHS:
        if abs(seconds) >= size:
            return f"{seconds / size:.3g} {unit}"
    return "0 s" if seconds == 0 else f"{seconds * 1e6:.3g} us"


def _scaled(value: float, base: float) -> str:
    power = 0
    while abs(value) >= base and power < len(_THOUSANDS) - 1:
        value, power = value / base, power + 1
    return f"{value:.3g}{_THOUSANDS[power]}"
