"""A real gRPC server (grpcio) whose services are as a test says: `with grpc_server({"shop": "SERVING"}) as address:`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from tests.prunella.service.certificates import Pair


@contextmanager
def grpc_server(services: Mapping[str, str] | None, pair: Pair | None = None) -> Iterator[str]:
    """The server as a whole is SERVING; with None nobody has told it of health checks. `pair`: in TLS."""
    with ThreadPoolExecutor(4) as threads:
        server = grpc.server(threads)
        if services is not None:
            health_pb2_grpc.add_HealthServicer_to_server(_states(services), server)
        port = _listening(server, pair)
        server.start()
        try:
            yield f"127.0.0.1:{port}"
        finally:
            server.stop(grace=None).wait()


def _states(services: Mapping[str, str]) -> Any:
    found = health.HealthServicer()
    for service, state in services.items():
        found.set(service, health_pb2.HealthCheckResponse.ServingStatus.Value(state))
    return found


def _listening(server: Any, pair: Pair | None) -> Any:
    if pair is None:
        return server.add_insecure_port("127.0.0.1:0")
    key_and_chain = (pair.key.read_bytes(), pair.certificate.read_bytes())
    return server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([key_and_chain]))
