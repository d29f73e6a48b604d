"""The ordinary webhook, read at a fraction of the cost; whatever is unusual about one is left to `receiver.webhook`.

It refuses without a word and must never accept what the other would not, or read it differently. msgspec refuses most
by itself; the rest of this module is about what it does not look at: everything inside a key that nobody knows.
"""

from __future__ import annotations

import re
from collections.abc import Generator
from datetime import datetime
from functools import lru_cache
from typing import Annotated, Any

from msgspec import Meta, Raw, Struct
from msgspec.json import Decoder

from receiver.decide.episode import Observation, Status, contradiction
from receiver.delivery import FINGERPRINT, LONGEST_NAME, LONGEST_VALUE, MOST_LABELS, Delivery

NEVER = "0001-01-01T00:00:00Z"  # how Go writes a time that is not set
STRAY_BRACKETS = 400  # Python's own reader gives up below a depth of a thousand
PIECE = 100  # alerts that are read without a pause
# pydantic and datetime agree on these; other spellings, other millennia and leap seconds are rare
_TIME = re.compile(
    r"2\d{3}-\d\d-\d\dT(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,9})?(?:Z|[+-][01]\d:[0-5]\d)",
    re.ASCII,
)
# Every 64th byte shows a number of 640 digits or more, which Python may refuse to read, without a look at the others.
_EVERY, _LONG_NUMBER = 64, re.compile(rb"\d{10}")

Name = Annotated[str, Meta(min_length=1, max_length=LONGEST_NAME)]
Text = Annotated[str, Meta(max_length=LONGEST_VALUE)]


class _Alert(Struct, gc=False):
    """One without a fingerprint, which Alertmanager and Grafana always give, is not read here."""

    status: Status
    labels: Annotated[dict[Name, Text], Meta(min_length=1, max_length=MOST_LABELS)]
    startsAt: str  # noqa: N815 - Alertmanager's name
    fingerprint: Annotated[str, Meta(min_length=1, pattern=rf"\A{FINGERPRINT}\Z")]
    annotations: Annotated[dict[Name, Text], Meta(max_length=MOST_LABELS)] | None = None
    endsAt: str | None = None  # noqa: N815 - Alertmanager's name
    generatorURL: Text | None = None  # noqa: N815 - Alertmanager's name


class _Payload(Struct, gc=False):
    """`truncatedAlerts` is looked at afterwards: as an int it would also be 1.0."""

    alerts: list[_Alert]
    truncatedAlerts: Any = 0  # noqa: N815 - Alertmanager's name
    receiver: str = ""
    externalURL: str = ""  # noqa: N815 - Alertmanager's name


class _Envelope(Struct, gc=False):
    """The same with its alerts as they stand."""

    alerts: list[Raw]
    truncatedAlerts: Any = 0  # noqa: N815 - Alertmanager's name
    receiver: str = ""
    externalURL: str = ""  # noqa: N815 - Alertmanager's name


_DECODER, _ENVELOPE, _ONE = Decoder(_Payload), Decoder(_Envelope), Decoder(_Alert)


def read(body: bytes, source: str, now: float | None = None) -> Delivery | None:
    """The delivery, or None when another has to say what it is."""
    if not body.isascii() and not _utf8(body):
        return None
    try:
        payload = _DECODER.decode(body)
        observations = tuple([_observation(one, source, now) for one in payload.alerts])
    except (ValueError, RecursionError):
        return None
    return _delivery(body, payload, observations, _known(payload.alerts))


def in_pieces(
    body: bytes, source: str, now: float | None = None
) -> Generator[None, None, Delivery | None]:
    """The same for a large one, with a pause now and then: nothing else runs while msgspec reads."""
    if not body.isascii() and not _utf8(body):
        return None
    observations: list[Observation] = []
    known = 0
    try:
        payload = _ENVELOPE.decode(body)
        for start in range(0, len(payload.alerts), PIECE):
            yield
            alerts = [_ONE.decode(raw) for raw in payload.alerts[start : start + PIECE]]
            observations += [_observation(one, source, now) for one in alerts]
            known += _known(alerts)
    except (ValueError, RecursionError):
        return None
    yield
    return _delivery(body, payload, tuple(observations), known)


def _delivery(
    body: bytes, payload: _Payload | _Envelope, observations: tuple[Observation, ...], known: int
) -> Delivery | None:
    if type(payload.truncatedAlerts) is not int or _suspect(body, known):
        return None
    receiver, url = payload.receiver[:LONGEST_NAME], payload.externalURL[:LONGEST_VALUE]
    return Delivery(observations, (), payload.truncatedAlerts, receiver, url)


def _observation(alert: _Alert, source: str, now: float | None) -> Observation:
    ends = alert.endsAt
    seen = Observation(
        source,
        alert.fingerprint,
        alert.status,
        _seconds(alert.startsAt),
        None if ends is None or ends == NEVER else _seconds(ends),
        alert.labels,
        alert.annotations or {},
        alert.generatorURL or "",
    )
    if now is not None and contradiction(seen, now):
        raise ValueError("cannot be so")
    return seen


@lru_cache(1024)  # alerts of one rule begin at the moment in which it was asked
def _seconds(text: str) -> float:
    """Not msgspec's own times: it rounds nanoseconds, and pydantic cuts them off."""
    if _TIME.fullmatch(text) is None:
        raise ValueError("no ordinary time")
    return datetime.fromisoformat(text).timestamp()


def _utf8(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _suspect(body: bytes, known: int) -> bool:
    """Whether what was skipped could nest deeper, or hold a longer number, than Python's own reader takes.

    No depth exceeds the brackets that belong to nothing known. Some in texts are counted, too, and only cost time.
    """
    brackets = body.count(b"{") + body.count(b"[")
    return brackets - known > STRAY_BRACKETS or _LONG_NUMBER.search(body[::_EVERY]) is not None


def _known(alerts: list[_Alert]) -> int:
    """The brackets that belong to them."""
    return 3 * len(alerts) - [one.annotations for one in alerts].count(None)
