"""Tells any program that takes JSON over HTTP; it can check who sent it, and throw away what it has seen."""

from __future__ import annotations

import hashlib
import hmac

from prunella.service.settings import Secret
from receiver.channels.base import Channel, Notice
from receiver.channels.delivery import SecretUrl, address, encode, post
from receiver.tools import Tools


class Webhook(Channel):
    """POSTs each notice to `url`, signed with `secret` if there is one."""

    url: SecretUrl
    secret: Secret | None = None

    async def send(self, notice: Notice, tools: Tools) -> str | None:
        body = encode(_message(notice))
        headers = {"Idempotency-Key": notice.dedup_key}
        if self.secret is not None:
            timestamp = str(int(tools.clock.now()))
            headers["X-Prunella-Timestamp"] = timestamp
            headers["X-Prunella-Signature"] = f"v1={_sign(self.secret, timestamp, body)}"
        url = address(self.url, self.api_url)
        await post(tools, url, body, timeout=self.timeout, headers=headers)
        return None


def _message(notice: Notice) -> dict[str, object]:
    return {
        "event": notice.event,
        "incident": notice.incident,
        "episode": notice.episode,
        "step": notice.step,
        "severity": notice.severity,
        "title": notice.title,
        "text": notice.text,
        "links": dict(notice.links),
        "at": notice.at,
        "dedup_key": notice.dedup_key,
    }


def _sign(secret: Secret, timestamp: str, body: bytes) -> str:
    key = secret.get_secret_value().encode()
    return hmac.new(key, timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
