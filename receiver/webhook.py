"""Alertmanager's webhook payload; nothing else knows its shape.

Version 4 is what Alertmanager sends and version 1 what Grafana does; unknown keys are welcome, because two were added
since 0.25 (`notification_reason`, `routeLabels`). The root status is not read at all: with `max_alerts` it is computed
after truncation and says `resolved` while a hidden alert fires.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import math
import re
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from receiver import webhook_fast
from receiver.decide.episode import Observation, Status, contradiction
from receiver.delivery import (
    FINGERPRINT,
    LONGEST_NAME,
    LONGEST_VALUE,
    MOST_LABELS,
    Delivery,
    Spoiled,
)

__all__ = ["KEPT_OF_SPOILED", "BadDelivery", "Delivery", "Spoiled", "decode", "read_carefully"]
KEPT_OF_SPOILED = 16 * 1024
NEVER = datetime(1, 1, 1, tzinfo=UTC)  # how Go writes a time that is not set


class BadDelivery(Exception):
    """The body is no delivery: `status` is 400 when it is not JSON and 422 when it has another shape."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def _few(value: object) -> object:
    """Go writes null for an empty map. Counted before the values are read: each wrong one would cost a message."""
    if isinstance(value, dict) and len(value) > MOST_LABELS:
        raise ValueError(f"must have at most {MOST_LABELS} entries")
    return {} if value is None else value


def _dated(value: object) -> object:
    """Only text with a date is a time here: a number, quoted or not, could be seconds or milliseconds."""
    if not isinstance(value, str) or not _DATE.match(value):
        raise ValueError("must be an RFC 3339 time")
    return value


_DATE = re.compile(r"\d{4}-\d\d-\d\d[Tt ]", re.ASCII)
# a length also has pydantic read the text as UTF-8, so that nothing is kept that cannot be written out again
LabelName = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME)]
Text = Annotated[str, Field(max_length=LONGEST_VALUE)]
Labels = Annotated[dict[LabelName, Text], BeforeValidator(_few)]
Time = Annotated[AwareDatetime, BeforeValidator(_dated)]
Fingerprint = Annotated[str, Field(pattern=rf"^{FINGERPRINT}$")]


class WebhookAlert(BaseModel):
    """One element of `alerts`."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=False, hide_input_in_errors=True)

    status: Status
    labels: Annotated[Labels, Field(min_length=1)]
    annotations: Labels = Field(default_factory=dict)
    startsAt: Time  # noqa: N815 - Alertmanager's name
    endsAt: Time | None = None  # noqa: N815 - Alertmanager's name
    generatorURL: Text | None = ""  # noqa: N815 - Alertmanager's name
    fingerprint: Fingerprint | None = ""

    def observation(self, source: str) -> Observation:
        """As the rest of the receiver knows it."""
        return Observation(
            source=source,
            fingerprint=self.fingerprint or _fingerprint(self.labels),
            status=self.status,
            starts_at=_seconds(self.startsAt) or 0.0,
            ends_at=_seconds(self.endsAt),
            labels=self.labels,
            annotations=self.annotations,
            generator_url=self.generatorURL or "",
        )


def decode(body: bytes, source: str, now: float | None = None) -> Delivery:
    """Takes a body apart that came `now`; None when nobody knows, and so no time in it can be doubted. Raises BadDelivery."""
    return webhook_fast.read(body, source, now) or read_carefully(body, source, now)


async def decode_large(body: bytes, source: str, now: float) -> Delivery:
    """The same for a body that would keep others waiting."""
    quick: Delivery | None = None
    reading = webhook_fast.in_pieces(body, source, now)
    try:
        while True:
            next(reading)
            await asyncio.sleep(0)
    except StopIteration as end:
        quick = end.value
    return quick or await asyncio.to_thread(read_carefully, body, source, now)


def read_carefully(body: bytes, source: str, now: float | None = None) -> Delivery:
    """What `decode` gives, with a reason for whatever is wrong. Raises BadDelivery."""
    payload = _payload(body)
    observations: list[Observation] = []
    spoiled: list[Spoiled] = []
    for number, element in enumerate(payload["alerts"]):
        seen = _observed(element, source, now)
        if isinstance(seen, str):
            spoiled.append(Spoiled(f"alerts[{number}]{seen}", _kept(element)))
        else:
            observations.append(seen)
    truncated = payload.get("truncatedAlerts")
    return Delivery(
        tuple(observations),
        tuple(spoiled),
        truncated if isinstance(truncated, int) else 0,
        _text(payload.get("receiver"), LONGEST_NAME),
        _text(payload.get("externalURL"), LONGEST_VALUE),
    )


def _observed(element: object, source: str, now: float | None) -> Observation | str:
    """What was seen, or where and why it is set aside."""
    try:
        seen = WebhookAlert.model_validate(element).observation(source)
    except ValidationError as error:
        return _why(error)
    wrong = "" if now is None else contradiction(seen, now)
    return f": {wrong}" if wrong else seen


def _text(value: object, longest: int) -> str:
    return value[:longest] if isinstance(value, str) else ""


def _payload(body: bytes) -> dict[str, Any]:
    try:
        payload = _JSON.decode(body.decode(json.detect_encoding(body), "surrogatepass"))
    except (ValueError, RecursionError) as error:
        raise BadDelivery(400, f"the body is not JSON: {str(error)[:200]}") from error
    if not isinstance(payload, dict):
        raise BadDelivery(422, "the body must be an object with `alerts`, as Alertmanager sends it")
    if not isinstance(payload.get("alerts"), list):
        raise BadDelivery(
            422,
            "`alerts` must be a list: this route takes Alertmanager's own webhook format, no `payload` template",
        )
    return payload


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


_JSON = json.JSONDecoder(parse_constant=_no_constant)  # json.loads would make one each time


def _fingerprint(labels: dict[str, str]) -> str:
    """For senders that give none: a hash of the sorted labels, marked so that it is never taken for theirs."""
    text = json.dumps(labels, sort_keys=True, separators=(",", ":"))
    return "lbl:" + hashlib.sha256(text.encode()).hexdigest()[:16]


def _seconds(time: datetime | None) -> float | None:
    if time is None or time <= NEVER:
        return None
    seconds = time.timestamp()
    return seconds if math.isfinite(seconds) else None


def _why(error: ValidationError) -> str:
    first = error.errors(include_input=False, include_url=False)[0]
    at = "".join(f".{name}" for name in first["loc"])
    return f"{at}: {first['msg'].removeprefix('Value error, ')}"[:300]


def _kept(element: object) -> str:
    return json.dumps(element, ensure_ascii=True)[:KEPT_OF_SPOILED]
