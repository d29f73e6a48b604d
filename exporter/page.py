"""The bytes of an answer: metrics in the format asked for, compressed if wanted, and the landing page.

Rendering and compressing take milliseconds in which the loop would serve nobody else: call them in a thread.
"""

from __future__ import annotations

import gzip
from collections.abc import Collection, Iterable, Sequence
from html import escape

from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from exporter.families import UnsuffixedCounter
from prunella.exposition import render
from prunella.metrics import REGISTRY, CollectorRegistry
from prunella.version import version


class _Families(Collector):
    def __init__(self, families: Sequence[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        yield from self._families
        yield from REGISTRY.collect()


def metrics(families: Sequence[Metric], accept: str, encoding: str) -> tuple[bytes, dict[str, str]]:
    """These families and the process's own: the body and its headers."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Families(families))
    body, content_type = render(registry, accept)
    if content_type.startswith("text/plain"):
        body = _counters_named(families, body)
    headers = {"Content-Type": content_type, "Vary": "Accept, Accept-Encoding"}
    if takes_gzip(encoding):
        headers["Content-Encoding"] = "gzip"
        body = gzip.compress(body, 1)  # a third of the time of 6, a fifth more bytes
    return body, headers


def _counters_named(families: Sequence[Metric], body: bytes) -> bytes:
    """The counters without `_total`: prometheus_client would add it."""
    for family in families:
        if isinstance(family, UnsuffixedCounter):
            line = f"# TYPE {family.name} ".encode()
            body = body.replace(line + b"untyped\n", line + b"counter\n", 1)
    return body


def takes_gzip(encoding: str) -> bool:
    for offer in encoding.lower().split(","):
        name, *parameters = (part.strip() for part in offer.split(";"))
        if name == "gzip":
            return not any(p.replace(" ", "") in {"q=0", "q=0.0", "q=0.00"} for p in parameters)
    return False


def landing(collectors: Collection[str]) -> str:
    """What a person sees who opens the exporter in a browser."""
    links = "".join(
        f'<li><a href="{escape(path)}">{escape(path)}</a> {escape(text)}</li>'
        for path, text in (
            ("/metrics", "everything"),
            *((f"/metrics?collect[]={name}", f"{name} only") for name in collectors),
            ("/api/health", "health of the exporter and its machine"),
            ("/api/health/app", "the same in detail"),
            ("/api/health/db", "the databases of `postgres`"),
            ("/api/health/queue", "the queues of `queues`"),
            ("/-/healthy", "it runs"),
            ("/-/ready", "it can be scraped"),
        )
    )
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><title>Prunella exporter</title>"
        f"<h1>Prunella exporter</h1><p>Version {escape(version())}</p><ul>{links}</ul></html>"
    )
