"""How often a token may be guessed: a few times from one address, and not much more often from all of them.

Only failures count, so nobody is kept out by others who log in; whoever is kept out by others who guess waits for seconds,
and has the command line meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address

from prunella.service.clock import Clock

FROM_ONE, FROM_ALL = 10, 60  # failures at once
ONE_EVERY, ALL_EVERY = 30.0, 1.0  # seconds until one more is allowed
_ADDRESSES = 4096


@dataclass(slots=True)
class _Bucket:
    most: int
    every: float
    left: float
    at: float

    def refill(self, now: float) -> None:
        self.left = min(self.most, self.left + (now - self.at) / self.every)
        self.at = now

    @property
    def wait(self) -> float:
        """Seconds until there is one."""
        return max(0.0, (1 - self.left) * self.every)


@dataclass(slots=True)
class Attempts:
    """Of one process: a restart forgives."""

    clock: Clock
    _all: _Bucket | None = None
    _by_address: dict[str, _Bucket] = field(default_factory=dict)

    def wait(self, address: str) -> float:
        """Seconds until another may be made from there; 0 for now."""
        return max(bucket.wait for bucket in self._buckets(address))

    def failed(self, address: str) -> None:
        """One more."""
        for bucket in self._buckets(address):
            bucket.left = max(0.0, bucket.left - 1)  # one that is empty is full of them already

    def _buckets(self, address: str) -> tuple[_Bucket, _Bucket]:
        now, key = self.clock.monotonic(), _neighbourhood(address)
        if self._all is None:
            self._all = _Bucket(FROM_ALL, ALL_EVERY, FROM_ALL, now)
        own = self._by_address.get(key)
        if own is None:
            self._forget()
            own = self._by_address[key] = _Bucket(FROM_ONE, ONE_EVERY, FROM_ONE, now)
        for bucket in (self._all, own):
            bucket.refill(now)
        return self._all, own

    def _forget(self) -> None:
        if len(self._by_address) >= _ADDRESSES:
            del self._by_address[next(iter(self._by_address))]


def _neighbourhood(address: str) -> str:
    """What one client can choose from: of IPv6 a whole /64."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return ""
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is None:
        return parsed.exploded[:19]
    return str(parsed)
