"""The deciding metric as a picture in the page: what it was, from where on it is wrong, what was done.

Here its geometry is worked out; `templates/chart.html` writes it as SVG with classes and no style of its own, so that it
follows the page's colours and its policy. Whoever sees no pictures is told the same in words.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from receiver.decide.captions import Moment, Place, places

WIDE, HIGH = 640, 230
# of what is inside the axes; more than two rows of captions move the top
LEFT, RIGHT, TOP, BOTTOM = 52, 632, 34, 208
# of captions: how high a row is, how wide a letter in a wide font, how far from their lines they are
ROW, CHARACTER, BESIDE = 14, 7, 4
_GAP = 1.5  # steps without a value


@dataclass(frozen=True, slots=True)
class Words:
    """At a place; `anchor` is SVG's."""

    x: float
    y: float
    anchor: str
    text: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment: a line through the picture with its caption."""

    kind: str
    x: float
    y: float
    caption: Words


@dataclass(frozen=True, slots=True)
class Chart:
    """All of it in the picture's own units; `lines` are points of SVG, `wrong` the edges of what is wrong."""

    label: str
    limit: float
    limit_words: Words
    wrong: tuple[float, float]
    lines: tuple[str, ...]
    dots: tuple[tuple[float, float], ...]
    scale: tuple[Words, ...]
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class _Axes:
    start: float
    end: float
    low: float
    high: float
    top: float = TOP

    def x(self, at: float) -> float:
        share = (at - self.start) / max(1.0, self.end - self.start)
        return round(LEFT + (RIGHT - LEFT) * min(1.0, max(0.0, share)), 1)

    def y(self, value: float) -> float:
        share = (value - self.low) / ((self.high - self.low) or 1.0)
        return round(BOTTOM - (BOTTOM - self.top) * min(1.0, max(0.0, share)), 1)


def chart(document: Mapping[str, Any]) -> Chart:
    """What `receiver.decide.illustration` says, worked out."""
    axes = _axes(document)
    captions = _captions(document, axes)
    axes = replace(axes, top=_top(captions))
    limit = axes.y(document["value"])
    pieces = [
        piece for one in reversed(document["series"]) for piece in _pieces(one, document, axes)
    ]
    return Chart(
        label=in_words(document),
        limit=limit,
        limit_words=Words(LEFT - 4, limit + 4, "end", _figure(document["value"])),
        wrong=_wrong(document["op"], limit, axes),
        lines=tuple(" ".join(f"{x:g},{y:g}" for x, y in one) for one in pieces if len(one) > 1),
        dots=tuple(one[0] for one in pieces if len(one) == 1),
        scale=tuple(_scale(axes, limit)),
        marks=tuple(_marks(document, axes, captions)),
    )


def in_words(document: Mapping[str, Any]) -> str:
    """The same for whoever hears the page."""
    last = document["series"][0][-1]
    marks = "; ".join(f"{one['caption']} at {_clock(one['at'])}" for one in document["marks"])
    should = f"should be {document['op']} {_figure(document['value'])}"
    return f"{document['query']}: {_figure(last[1])} at {_clock(last[0])}, {should}; {marks}"


def _axes(document: Mapping[str, Any]) -> _Axes:
    values = [value for one in document["series"] for _, value in one]
    low, high = (pick([0.0, document["value"], *values]) for pick in (min, max))
    room = (high - low or 1.0) * 0.1
    return _Axes(document["start"], document["end"], low - room if low < 0 else low, high + room)


def _wrong(op: str, limit: float, axes: _Axes) -> tuple[float, float]:
    """From where to where everything is on the wrong side of the limit."""
    if op in {"<", "<="}:
        return axes.top, limit
    return (limit, BOTTOM) if op in {">", ">="} else (limit, limit)


def _scale(axes: _Axes, limit: float) -> Iterator[Words]:
    for value in (axes.low, axes.high):
        if abs(axes.y(value) - limit) > 14:
            yield Words(LEFT - 4, axes.y(value) + 4, "end", _figure(value))
    for at, anchor in ((axes.start, "start"), (axes.end, "end")):
        yield Words(axes.x(at), HIGH - 6, anchor, _clock(at))


def _pieces(
    series: Sequence[Sequence[float]], document: Mapping[str, Any], axes: _Axes
) -> list[list[tuple[float, float]]]:
    """One curve, in as many pieces as its gaps make of it."""
    pieces: list[list[tuple[float, float]]] = []
    before: float | None = None
    for at, value in series:
        if before is None or at - before > _GAP * document["step"]:
            pieces.append([])
        pieces[-1].append((axes.x(at), axes.y(value)))
        before = at
    return pieces


def _captions(document: Mapping[str, Any], axes: _Axes) -> list[Place]:
    moments = [
        Moment(axes.x(one["at"]), CHARACTER * len(one["caption"]) + 2 * BESIDE)
        for one in document["marks"]
    ]
    return places(moments, 0, WIDE)


def _top(captions: Sequence[Place]) -> int:
    """Of what is beneath all of them."""
    return max([TOP, *(ROW * (one.row + 1) + 6 for one in captions)])


def _marks(document: Mapping[str, Any], axes: _Axes, captions: Sequence[Place]) -> Iterator[Mark]:
    """When it broke, what was done, when it was well."""
    for one, place in zip(document["marks"], captions, strict=True):
        x, y = axes.x(one["at"]), axes.top - 7 - ROW * place.row
        beside = (x - BESIDE, y, "end") if place.ends else (x + BESIDE, y, "start")
        yield Mark(one["kind"], x, y - 9, Words(*beside, one["caption"]))


def _figure(value: float) -> str:
    return f"{value:.4g}"


def _clock(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%H:%M:%S}"
