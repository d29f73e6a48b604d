"""The page that Prometheus reads, in the format that its Accept header likes best.

Metrics of ours are shown from what was kept of the last page, everybody else's as prometheus_client would write them; the
bytes are the same. `page` is for event loops: it makes room for others every few milliseconds, and compresses in a thread.
"""

from __future__ import annotations

import asyncio
import gzip
import time
from collections.abc import Iterable, Iterator

from prometheus_client import metrics as settings
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector, CollectorRegistry

from prunella.blocks import ours, sheet
from prunella.formats import Form, chosen, takes_gzip
from prunella.lines import END, written
from prunella.metrics import REGISTRY, shared, shares

_TURN = 0.004  # seconds without a break
_WORTH_IT = 1400  # bytes: what fits into a packet is not compressed


def render(
    registry: Collector = REGISTRY, accept: str = "", names: Iterable[str] | None = None
) -> tuple[bytes, str]:
    """The metrics (only those with sample names in `names`, if given) and their content type."""
    form = chosen(accept)
    parts: list[bytes] = []
    for _ in _steps(registry, form, names, parts):
        pass
    return b"".join(parts), form.content_type


async def page(
    registry: Collector = REGISTRY,
    accept: str = "",
    encodings: str = "",
    names: Iterable[str] | None = None,
) -> tuple[bytes, dict[str, str]]:
    """What to answer a scrape with, by its Accept and Accept-Encoding: the body, and its headers."""
    form = chosen(accept)
    if shares(registry):
        body, _ = await asyncio.to_thread(render, registry, accept, names)  # it reads files
    else:
        body = await _in_turns(registry, form, names)
    packed = len(body) >= _WORTH_IT and takes_gzip(encodings)
    if packed:
        body = await asyncio.to_thread(gzip.compress, body, 1)
    return body, _headers(form, packed=packed)


def page_at_once(
    registry: Collector = REGISTRY,
    accept: str = "",
    encodings: str = "",
    names: Iterable[str] | None = None,
) -> tuple[bytes, dict[str, str]]:
    """The same for a thread, which holds nobody up."""
    body, _ = render(registry, accept, names)
    packed = len(body) >= _WORTH_IT and takes_gzip(encodings)
    return gzip.compress(body, 1) if packed else body, _headers(chosen(accept), packed=packed)


def _headers(form: Form, *, packed: bool) -> dict[str, str]:
    headers = {"Content-Type": form.content_type, "Vary": "Accept, Accept-Encoding"}
    return {**headers, "Content-Encoding": "gzip"} if packed else headers


async def _in_turns(registry: Collector, form: Form, names: Iterable[str] | None) -> bytes:
    parts: list[bytes] = []
    began = time.perf_counter()
    for _ in _steps(registry, form, names, parts):
        if time.perf_counter() - began > _TURN:
            await asyncio.sleep(0)
            began = time.perf_counter()
    return b"".join(parts)


def _steps(
    registry: Collector, form: Form, names: Iterable[str] | None, out: list[bytes]
) -> Iterator[None]:
    """Adds the whole page to `out`, a little at a time."""
    created = settings._use_created  # noqa: SLF001 - a switch that prometheus_client has no other way to read
    for collector in _collectors(registry, names):
        metric = ours(collector)
        if metric is not None:
            yield from sheet(metric, form, created=created).steps(out)
            continue
        for family in _collected(collector):
            if family is not None:
                for part in written(family, form):
                    out.append(part)
                    yield
            yield
    if form.open:
        out.append(END)


class _Only(Collector):
    def __init__(self, family: Metric) -> None:
        self._family = family

    def collect(self) -> list[Metric]:
        return [self._family]


def _collectors(registry: Collector, names: Iterable[str] | None) -> list[Collector]:
    """One by one, where the registry is an ordinary one and all of it is wanted."""
    if shares(registry):
        registry = shared()
    if names is not None and isinstance(registry, CollectorRegistry):
        return [registry.restricted_registry(list(names))]
    if not isinstance(registry, CollectorRegistry) or _has_its_own_way(registry):
        return [registry]
    with registry._lock:  # noqa: SLF001 - what `collect` does, which does not say whose the families are
        found = list(registry._collector_to_names)  # noqa: SLF001 - for the same reason
        target = _target_of(registry)
    return [_Only(target), *found] if target else found


def _target_of(registry: CollectorRegistry) -> Metric | None:
    if not registry._target_info:  # noqa: SLF001 - `get_target_info` takes the lock that we hold
        return None
    family = Metric("target", "Target metadata", "info")
    family.add_sample("target_info", registry._target_info, 1)  # noqa: SLF001 - for the same reason
    return family


def _has_its_own_way(registry: CollectorRegistry) -> bool:
    return type(registry).collect is not CollectorRegistry.collect


def _collected(collector: Collector) -> Iterator[Metric | None]:
    """Its families; the metrics of prometheus_client itself sample by sample, with None now and then."""
    if not isinstance(collector, MetricWrapperBase):
        yield from collector.collect()
        return
    if type(collector).collect is not MetricWrapperBase.collect:
        yield from collector.collect()
        return
    family = next(iter(collector.describe()))  # its `collect` would hold the loop for all of them
    for count, sample in enumerate(collector._samples()):  # noqa: SLF001 - what it collects from
        family.add_sample(family.name + sample.name, *sample[1:])
        if count % 500 == 499:
            yield None
    yield family
