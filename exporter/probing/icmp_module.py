"""`icmp:` of a module, as blackbox_exporter writes it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from exporter.probing.allowed import Gate
from exporter.probing.icmp import IcmpOrder, probe_icmp
from exporter.probing.options import WayFrom
from exporter.probing.outcome import Outcome

_USUAL = 28  # bytes, as many as blackbox_exporter sends


class IcmpModule(WayFrom):
    payload_size: Annotated[int, Field(ge=0, le=65_000)] = 0
    dont_fragment: bool = False
    ttl: Annotated[int, Field(ge=0, le=255)] = 0


class Ping:
    def __init__(self, module: IcmpModule) -> None:
        self._module = module

    async def probe(self, target: str, gate: Gate, timeout: float) -> Outcome:
        module = self._module
        return await probe_icmp(
            IcmpOrder(
                host=target.removeprefix("[").removesuffix("]"),
                gate=gate,
                timeout=timeout,
                size=module.payload_size or _USUAL,
                whole=module.dont_fragment,
                lives=module.ttl,
                prefer=module.preferred_ip_protocol,
                fallback=module.ip_protocol_fallback,
                source=module.source_ip_address,
            )
        )
