"""How a threshold is said: as a number in an expression, and in words in the text of its alert."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import PlainValidator

from prunella.service.units import format_duration, parse_duration

_SIZES = ((86400.0, "days"), (3600.0, "h"), (60.0, "min"), (1.0, "s"))


@dataclass(frozen=True, slots=True)
class Share:
    """A part of a whole: above 0, at most 1."""

    value: float

    def __str__(self) -> str:
        return f"{self.value:.6g}"

    @property
    def text(self) -> str:
        """As in `5 %`."""
        return f"{self.value * 100:.6g} %"


@dataclass(frozen=True, slots=True)
class Seconds:
    """A length of time."""

    value: float

    def __str__(self) -> str:
        return f"{self.value:.10g}"

    @property
    def text(self) -> str:
        """In the largest unit that leaves it whole, as in `2 min`."""
        fits = ((size, unit) for size, unit in _SIZES if self.value and self.value % size == 0)
        whole = (f"{self.value / size:g} {unit}" for size, unit in fits)
        return next(whole, f"{self.value:g} s")

    @property
    def duration(self) -> str:
        """As `for` and a range read it."""
        return format_duration(self.value)


@dataclass(frozen=True, slots=True)
class Count:
    """A number of things, or of times."""

    value: float

    def __str__(self) -> str:
        return f"{self.value:.10g}"

    @property
    def text(self) -> str:
        """As in `10,000`."""
        return f"{self.value:,.10g}"


Threshold = Share | Seconds | Count


def share(value: object) -> Share:
    """Of `5%`. Raises ValueError."""
    try:
        part = float(str(value).removesuffix("%")) / 100
    except ValueError:
        part = 0.0
    if not 0 < part <= 1 or not str(value).endswith("%"):
        raise ValueError(f"{value!r} is no share; say it like 5% (above 0%, at most 100%)")
    return Share(part)


def seconds(value: object) -> Seconds:
    """Of `30s`. Raises ValueError."""
    return Seconds(parse_duration(value))


def count(value: object) -> Count:
    """Of `50`. Raises ValueError."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise ValueError(f"{value!r} is no number of things; say it like 50")
    return Count(float(value))


AShare = Annotated[Share, PlainValidator(share)]
ADuration = Annotated[Seconds, PlainValidator(seconds)]
ACount = Annotated[Count, PlainValidator(count)]


def kind(value: object) -> tuple[object, Threshold]:
    """What a value spelled like this one is, and itself."""
    if isinstance(value, str):
        return (AShare, share(value)) if value.endswith("%") else (ADuration, seconds(value))
    return ACount, count(value)
