"""`grpc:` of a module, as blackbox_exporter writes it."""

from __future__ import annotations

from urllib.parse import urlsplit

from exporter.probing.allowed import Gate
from exporter.probing.contexts import Contexts
from exporter.probing.grpc import GrpcOrder, probe_grpc
from exporter.probing.options import TlsConfig, Way, url_of
from exporter.probing.outcome import Outcome


class GrpcModule(Way):
    service: str = ""
    tls: bool = False
    tls_config: TlsConfig = TlsConfig()


class HealthProber:
    """Asks the server that is the target how a service of it is."""

    def __init__(self, module: GrpcModule) -> None:
        self._module = module
        self._contexts = Contexts(module.tls_config.demands("h2"))

    async def probe(self, target: str, gate: Gate, timeout: float) -> Outcome:
        module, at = self._module, urlsplit(url_of(target))
        return await probe_grpc(
            GrpcOrder(
                host=at.hostname or "",
                port=at.port or (443 if module.tls else 80),
                gate=gate,
                timeout=timeout,
                service=module.service,
                encrypted=module.tls,
                contexts=self._contexts,
                prefer=module.preferred_ip_protocol,
                fallback=module.ip_protocol_fallback,
            )
        )
