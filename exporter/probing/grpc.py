"""One probe of a gRPC server: its health check, asked over a connection of our own."""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING

from exporter.probing.allowed import Gate
from exporter.probing.certificates import shown_by
from exporter.probing.contexts import Contexts, Demands
from exporter.probing.grpc_message import SERVING, Code
from exporter.probing.outcome import Failed, Outcome, Reason, Serving, within
from exporter.probing.target import located
from exporter.probing.wire import Wire, connect
from prunella.service.units import ListenAddress

if TYPE_CHECKING:
    from exporter.probing.grpc_call import HealthCall


@dataclass(frozen=True, slots=True)
class GrpcOrder:
    """Whom to ask, and for which of its services; for all of it when that is empty."""

    host: str
    port: int
    gate: Gate
    timeout: float
    service: str = ""
    encrypted: bool = False
    contexts: Contexts = field(default_factory=lambda: Contexts(Demands()))
    prefer: str = "ip6"
    fallback: bool = True


async def probe_grpc(order: GrpcOrder) -> Outcome:
    """Whatever goes wrong on the way is the outcome. Raises Forbidden."""
    serving = Serving()
    outcome = Outcome(serving=serving)
    return await within(order.timeout, outcome, _probe(order, outcome, serving))


async def _probe(order: GrpcOrder, outcome: Outcome, serving: Serving) -> None:
    await located(order, outcome)
    began = perf_counter()
    serving.status = Code.DEADLINE_EXCEEDED  # unless it is done before
    try:
        call = await _asked(order, outcome)
    except Failed:
        serving.status = Code.UNAVAILABLE
        raise
    finally:
        serving.check = perf_counter() - began
    serving.status, serving.said = call.status, call.serving
    # of other answers blackbox_exporter shows no certificate
    outcome.answered = call.status == Code.OK
    if not outcome.answered:
        outcome.fail(Reason.STATUS, f"gRPC status {call.status}")
    elif call.serving != SERVING[1]:
        outcome.fail(Reason.BODY, f"the service is {call.serving}")


async def _asked(order: GrpcOrder, outcome: Outcome) -> HealthCall:
    wire = await connect(outcome.address, order.port)
    try:
        if order.encrypted:
            context = await order.contexts.context()
            name = order.contexts.demands.server_name or order.host
            outcome.shown = shown_by(await wire.encrypt(context, name))
        return await _answered(wire, _call(order))
    finally:
        wire.close()


def _call(order: GrpcOrder) -> HealthCall:
    authority = str(ListenAddress(order.host, order.port))
    scheme = "https" if order.encrypted else "http"
    with_h2 = importlib.import_module("exporter.probing.grpc_call")
    call: HealthCall = with_h2.HealthCall(order.service, authority, scheme, order.timeout)
    return call


async def _answered(wire: Wire, call: HealthCall) -> HealthCall:
    while True:
        wire.send(call.to_send())
        if call.ended:
            return call
        if not wire.buffer and not await wire.more():
            raise Failed(Reason.CONNECT, "the connection was closed without an answer")
        came = bytes(wire.buffer)
        wire.buffer.clear()
        call.take(came)
