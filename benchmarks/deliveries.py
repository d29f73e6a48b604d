"""Bodies as Alertmanager writes them, about 670 bytes an alert, made by replacing marks so that making them costs little."""

from __future__ import annotations

import json
from collections.abc import Callable

TOKEN = "a-token-for-benchmarks-of-32-bytes"  # noqa: S105 - of a server that lives for one benchmark
_DELIVERY, _ALERT = "NNNNNNNN", "KKKKKKKK"


def post(path: str, body: bytes) -> bytes:
    """A POST of JSON as bytes on the wire."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {TOKEN}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def get(path: str) -> bytes:
    """A GET as bytes on the wire."""
    return f"GET {path} HTTP/1.1\r\nHost: bench\r\n\r\n".encode()


def distinct(
    path: str, alerts: int, *, service: str = f"shop-{_DELIVERY}"
) -> Callable[[int], bytes]:
    """Delivery n, of alerts that nobody has seen before, each with a name of its own."""
    element = json.dumps(
        {
            "status": "firing",
            "labels": {
                "alertname": f"HighErrorRate{_DELIVERY}",
                "service": service,
                "instance": f"10.0.0.{_ALERT}:9652",
                "severity": "warning",
            },
            "annotations": {"summary": "5.2% of requests fail", "description": "x" * 200},
            "startsAt": "2026-01-01T00:00:00.123456789Z",
            "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "http://127.0.0.1:9090/graph?g0.expr=x",
            "fingerprint": f"{_DELIVERY}{_ALERT}",
        }
    )
    elements = ", ".join(element.replace(_ALERT, f"{index:08x}") for index in range(alerts))
    body = f'{{"version": "4", "status": "firing", "receiver": "prunella", "alerts": [{elements}]}}'
    template = post(path, body.encode())
    return lambda number: template.replace(_DELIVERY.encode(), b"%08x" % _scattered(number))


def known(path: str, alerts: int, deliveries: int) -> Callable[[int], bytes]:
    """The same deliveries in turn: whoever sent all of them once sends what is known."""
    made = [*map(distinct(path, alerts), range(deliveries))]
    return lambda number: made[number % deliveries]


def _scattered(number: int) -> int:
    """Another number for each, in no order: fingerprints are hashes, and an index feels that."""
    return number * 2_654_435_761 % 2**32
