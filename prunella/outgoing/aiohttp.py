"""Every request of an aiohttp session carries the correlation id: `ClientSession(trace_configs=[correlation()])`."""

from __future__ import annotations

from types import SimpleNamespace

from aiohttp import ClientSession, TraceConfig, TraceRequestStartParams

from prunella.correlation import outgoing_headers


def correlation() -> TraceConfig:
    """For a session's `trace_configs`. A header that the call sets itself is left alone."""
    config = TraceConfig()
    config.on_request_start.append(_add)
    return config


async def _add(_: ClientSession, __: SimpleNamespace, request: TraceRequestStartParams) -> None:
    for name, value in outgoing_headers().items():
        request.headers.setdefault(name, value)
