"""`/probe`: a look at a target that somebody names, with a module that the config names, in blackbox_exporter's way.

The target comes from whoever can reach the exporter, so it has to be an endpoint's host, on the list, or loopback
where the exporter listens on loopback; see `probing.allowed`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from multidict import MultiMapping
from prometheus_client.metrics_core import Metric
from yarl import URL

from exporter.probing.allowed import Forbidden, Gate
from exporter.probing.modules import LONGEST, Module, Prober, named
from exporter.probing.outcome import Outcome
from exporter.probing.told import shown
from exporter.request import HEADER, RefusedError, time_allowed
from exporter.settings import Config
from prunella.service.answers import Refused
from prunella.service.heads import Asked

MOST = 100  # probes at once


def gate_of(config: Config) -> Gate:
    """Where `/probe` may go."""
    hosts = [URL(url).raw_host or "" for url in config.endpoint_urls()]
    return Gate.of([*hosts, *config.probe.allow], local=config.server.listen.loopback)


class Probes:
    """The modules in force; each is made ready once."""

    def __init__(self) -> None:
        self._modules: Mapping[str, Module] | None = None
        self._probers: Mapping[str, Prober] = {}
        self._timeouts: Mapping[str, float] = {}
        self._gate = Gate()
        self._under_way = 0

    def apply(self, config: Config) -> None:
        self._gate = gate_of(config)
        if self._modules != config.modules:
            self._modules, self._probers = config.modules, named(config.modules)
            self._timeouts = {name: module.timeout for name, module in config.modules.items()}

    async def answer(self, asked: Asked) -> Sequence[Metric]:
        """What the probe shows. Raises Refused."""
        query = asked.parameters
        target, name = _one(query, "target"), query.get("module") or "http_2xx"
        if not target:
            raise Refused(400, "bad_probe", "the parameter target is missing")
        prober = self._probers.get(name)
        if prober is None:
            known = ", ".join(self._probers)
            raise Refused(400, "bad_probe", f"there is no module {name[:100]!r}, only: {known}")
        try:
            seconds = time_allowed(asked.headers.get(HEADER), self._timeouts.get(name) or LONGEST)
            outcome = await self._probe(prober, target, seconds)
        except (RefusedError, ValueError) as error:
            raise Refused(400, "bad_probe", str(error)) from error
        except Forbidden as error:
            raise Refused(403, "target_not_allowed", str(error)) from error
        return shown(outcome)

    async def _probe(self, prober: Prober, target: str, seconds: float) -> Outcome:
        if self._under_way >= MOST:
            raise Refused(503, "busy", f"{MOST} probes are under way", {"Retry-After": "1"})
        self._under_way += 1
        try:
            return await prober.probe(target, self._gate, seconds)
        finally:
            self._under_way -= 1


def _one(query: MultiMapping[str], name: str) -> str:
    given = query.getall(name, [])
    if len(given) > 1:
        raise Refused(400, "bad_probe", f"the parameter {name} is there more than once")
    return given[0] if given else ""
