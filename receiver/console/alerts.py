"""The alerts of an incident on its page, which has so much room for them, whatever somebody has written into their labels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import escape

from receiver.channels.fitting import ELLIPSIS, visible
from receiver.journal.alerts import IncidentAlert

ROOM, ROOM_OF_ONE = 40_000, 10_000  # bytes of the page
MOST_ALERTS, MOST_NAME = 20, 200
LONG, SHORT = 1000, 100  # characters of a value; short where there is no room for all of them
_MARKUP = 150  # bytes around a pair, those of a link among them


@dataclass(frozen=True, slots=True)
class Pair:
    """A label or an annotation; only a whole value may lead somewhere."""

    name: str
    value: str
    leads: bool

    @property
    def weight(self) -> int:
        """Bytes of the page, where a link's address stands twice."""
        return _MARKUP + _weight(self.name) + _weight(self.value) * (2 if self.leads else 1)


@dataclass(frozen=True, slots=True)
class AlertShown:
    """One alert; `left_out` are pairs for which there was no room."""

    alert: IncidentAlert
    pairs: tuple[Pair, ...]
    left_out: int

    @property
    def weight(self) -> int:
        """Bytes of the page."""
        return sum(pair.weight for pair in self.pairs)


def fitting(alerts: Sequence[IncidentAlert]) -> list[AlertShown]:
    """As many of the first as there is room for; always one if there is one."""
    shown: list[AlertShown] = []
    room = ROOM
    for one in map(_shown, alerts[:MOST_ALERTS]):
        room -= one.weight
        if room < 0:
            break
        shown.append(one)
    return shown


def _shown(alert: IncidentAlert) -> AlertShown:
    pairs = list(_pairs(alert, LONG))
    if sum(pair.weight for pair in pairs) > ROOM_OF_ONE:
        pairs = list(_pairs(alert, SHORT))
    room, kept = ROOM_OF_ONE, []
    for pair in pairs:
        if pair.weight <= room:
            room -= pair.weight
            kept.append(pair)
    return AlertShown(alert, tuple(kept), len(pairs) - len(kept))


def _pairs(alert: IncidentAlert, most: int) -> Iterator[Pair]:
    for name, value in sorted(alert.labels.items()):
        yield _pair(name, value, most, leads=False)
    for name, value in sorted(alert.annotations.items()):
        yield _pair(name, value, most, leads=True)
    if alert.generator_url:
        yield _pair("Source", alert.generator_url, most, leads=True)


def _pair(name: str, value: str, most: int, *, leads: bool) -> Pair:
    if len(value) > most:
        return Pair(name[:MOST_NAME], value[:most] + ELLIPSIS, leads=False)
    return Pair(name[:MOST_NAME], value, leads)


def _weight(text: str) -> int:
    return len(escape(visible(text)).encode())
