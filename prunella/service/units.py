"""The units operators write in config files: Prometheus' durations, sizes in bytes, listen addresses.

A bare number is refused for a duration because nobody remembers whether it was seconds or milliseconds.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated

from pydantic import (
    AfterValidator,
    BeforeValidator,
    PlainSerializer,
    PlainValidator,
    WithJsonSchema,
)

_MILLISECONDS = {
    "y": 365 * 86_400_000,
    "w": 7 * 86_400_000,
    "d": 86_400_000,
    "h": 3_600_000,
    "m": 60_000,
    "s": 1000,
    "ms": 1,
}
_DURATION = re.compile(
    "".join(
        rf"(?:(?P<{unit}>[0-9]+(?:\.[0-9]+)?){unit})?" for unit in ("y", "w", "d", "h", "m", "s")
    )
    + r"(?:(?P<ms>[0-9]+)ms)?"
)
_LONGEST = 292 * _MILLISECONDS["y"]  # what Prometheus' own type can hold

_BYTES = {"": 1, "b": 1} | {
    prefix + suffix: base ** (power + 1)
    for power, prefix in enumerate("kmgt")
    for suffix, base in (("b", 1000), ("ib", 1024))
}
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]*)")


def parse_duration(value: object) -> float:
    """Seconds of `30s`, `1h30m`, `250ms`, `0`. Raises ValueError for everything else, numbers too."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError("must be a duration such as 30s, 10m or 4h")  # noqa: TRY004 - pydantic collects ValueError only
    text = str(value).strip()
    if text in {"0", "0.0"}:
        return 0.0
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?", text):
        raise ValueError(f"a duration needs its unit: say {text}s")
    match = _DURATION.fullmatch(text)
    if not text or match is None:
        raise ValueError(f"{text!r} is not a duration such as 30s, 1h30m, 250ms, 1d, 1w or 1y")
    total = sum(Decimal(n) * _MILLISECONDS[unit] for unit, n in match.groupdict().items() if n)
    if total > _LONGEST:
        raise ValueError(f"{text} is longer than 292y")
    if total != int(total):
        raise ValueError(f"{text} is finer than a millisecond")
    return int(total) / 1000


def format_duration(seconds: float) -> str:
    """The shortest Prometheus duration of `seconds`, to the millisecond."""
    rest = round(seconds * 1000)
    parts = []
    for unit in ("d", "h", "m", "s", "ms"):
        count, rest = divmod(rest, _MILLISECONDS[unit])
        parts += [f"{count}{unit}"] if count else []
    return "".join(parts) or "0s"


def at_least(shortest: str) -> AfterValidator:
    """A bound for a Duration, said as one."""
    least = parse_duration(shortest)

    def check(seconds: float) -> float:
        if seconds < least:
            raise ValueError(f"must be at least {shortest}")
        return seconds

    return AfterValidator(check)


def at_most(longest: str) -> AfterValidator:
    """The other bound."""
    most = parse_duration(longest)

    def check(seconds: float) -> float:
        if seconds > most:
            raise ValueError(f"must be at most {longest}")
        return seconds

    return AfterValidator(check)


def parse_size(value: object) -> int:
    """Bytes of `64MiB` (1024s), `10MB` (1000s), `512B` or a plain number. Raises ValueError."""
    wanted = "must be a size such as 64MiB, 10MB or 512B"
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError(wanted)  # noqa: TRY004 - pydantic collects ValueError only
    match = _SIZE.fullmatch(str(value).strip())
    unit = match.group(2).lower() if match else ""
    if match is None or unit not in _BYTES:
        raise ValueError(f"{value!r} {wanted}")
    size = Decimal(match.group(1)) * _BYTES[unit]
    if size != int(size):
        raise ValueError(f"{value!r} is not a whole number of bytes")
    return int(size)


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """Where a server listens; an empty host means every interface, port 0 any free one."""

    host: str
    port: int

    @property
    def loopback(self) -> bool:
        """Whether only this machine can connect."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


_LISTEN = re.compile(
    r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<name>[A-Za-z0-9_.-]*)):(?P<port>[0-9]{1,5})"
)


def parse_listen(value: object) -> ListenAddress:
    """`127.0.0.1:9651`, `:9650` (every interface), `[::1]:9650`. Raises ValueError."""
    if isinstance(value, ListenAddress):
        return value
    match = _LISTEN.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None or int(match["port"]) > 65535:
        raise ValueError(f"{value!r} is not an address such as 127.0.0.1:9651, :9651 or [::1]:9651")
    host = match["v6"] or match["name"]
    if match["v6"]:
        ipaddress.IPv6Address(host)
    return ListenAddress(host, int(match["port"]))


DURATION = "prometheus-duration"  # as a format of JSON Schema
Duration = Annotated[
    float,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": DURATION, "examples": ["30s", "1h30m"]}),
]
Size = Annotated[int, BeforeValidator(parse_size)]
Listen = Annotated[
    ListenAddress,
    PlainValidator(parse_listen),
    PlainSerializer(str, return_type=str, when_used="json"),
]
