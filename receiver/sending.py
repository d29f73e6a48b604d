"""Whether a request went out: what was never sent did not happen and may be sent again; of what was, nobody knows."""

from __future__ import annotations

from types import SimpleNamespace

import aiohttp


def sent_marker() -> aiohttp.TraceConfig:
    """For a session's `trace_configs`: the `trace_request_ctx` of a request is told `sent` once its head has gone out."""
    trace = aiohttp.TraceConfig()
    trace.on_request_headers_sent.append(_mark_sent)
    return trace


async def _mark_sent(
    session: aiohttp.ClientSession,
    context: SimpleNamespace,
    params: aiohttp.TraceRequestHeadersSentParams,
) -> None:
    context.trace_request_ctx.sent = True
