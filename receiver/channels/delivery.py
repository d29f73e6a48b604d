"""What HTTP channels share: one request, and whether its answer means taken, later, or never.

A server that is busy (429), late (408, 425) or broken (5xx) and a connection that fails are worth another try; every
other refusal stays one however often it is asked. Errors quote neither the address nor the answer, which may hold
tokens.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator

from prunella.service.settings import Secret
from receiver.channels.base import ChannelError
from receiver.endpoints import check_url
from receiver.tools import OutsideError, Response, Tools

_TRY_AGAIN = frozenset({408, 425, 429})
_LONGEST_WAIT = 3600.0


def _check(secret: Secret) -> Secret:
    check_url(secret.get_secret_value())
    return secret


SecretUrl = Annotated[Secret, AfterValidator(_check)]


def address(url: Secret, api_url: str | None) -> str:
    """The address to post to: the configured one, or its path and query below `api_url`."""
    given = url.get_secret_value()
    if api_url is None:
        return given
    parsed = urlsplit(given)
    query = f"?{parsed.query}" if parsed.query else ""
    return f"{api_url.rstrip('/')}{parsed.path}{query}"


def encode(message: object) -> bytes:
    """The message as JSON in ASCII, so that no label can make it something else."""
    return json.dumps(message, separators=(",", ":"), allow_nan=False).encode()


def kept_keys(thread: str) -> dict[str, str]:
    """What `send` returned as JSON of words; nothing of what a channel of another kind left under the same name."""
    try:
        kept = json.loads(thread) if thread else {}
    except ValueError:
        return {}
    whole = isinstance(kept, dict) and all(isinstance(value, str) for value in kept.values())
    return kept if whole else {}


def answer_of(response: Response) -> Mapping[str, object]:
    """The object that was answered; nothing for what is none."""
    try:
        answer = json.loads(response.body)
    except (ValueError, RecursionError):
        return {}
    return answer if isinstance(answer, dict) else {}


async def post(
    tools: Tools, url: str, body: bytes, *, timeout: float, headers: Mapping[str, str] | None = None
) -> Response:
    """Posts JSON once and returns a 2xx answer. Raises ChannelError."""
    response = await ask(tools, "POST", url, body, timeout=timeout, headers=headers)
    if 200 <= response.status < 300:
        return response
    raise refusal(response, tools.clock.now())


async def ask(
    tools: Tools,
    method: str,
    url: str,
    body: bytes,
    *,
    timeout: float,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Sends JSON once and returns whatever was answered. Raises ChannelError when nothing was."""
    all_headers = {"Content-Type": "application/json", **(headers or {})}
    try:
        return await tools.http.request(
            method, url, timeout=timeout, headers=all_headers, body=body
        )
    except OutsideError as error:
        raise ChannelError(str(error), unknown=error.sent) from error


def refusal(response: Response, now: float, *, said: str = "") -> ChannelError:
    """What an answer that is not 2xx means; `said` is the service's word for it, where it is known to be harmless."""
    status = response.status
    again = status in _TRY_AGAIN or status >= 500
    return ChannelError(
        f"answered with {status}{f' ({said})' if said else ''}",
        permanent=not again,
        retry_after=retry_after(response, now) if again else None,
    )


def retry_after(response: Response, now: float) -> float | None:
    """The seconds that the server asks for: a number or a date, no longer than an hour."""
    headers = {name.lower(): value for name, value in response.headers.items()}
    text = headers.get("retry-after", "").strip()
    try:
        seconds = float(text)
    except ValueError:
        seconds = _until(text, now)
    return patience(seconds)


def patience(seconds: object) -> float | None:
    """A wait as it was asked for, no longer than an hour; None for what is no wait."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not seconds > 0:
        return None
    return min(float(seconds), _LONGEST_WAIT)


def _until(date: str, now: float) -> float:
    try:
        moment = parsedate_to_datetime(date)
    except ValueError:
        return 0.0
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - now
