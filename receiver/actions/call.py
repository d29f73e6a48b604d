"""Asks the application to repair itself by one HTTP request: a cache flush, a reload, a failover hook."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated, ClassVar

from pydantic import JsonValue, StringConstraints

from prunella.service.rules import Rule, is_given
from receiver.actions.base import Action, ActionFailed, Done, Effect
from receiver.endpoints import Statuses, WebPath, WebUrl, is_expected, join
from receiver.tools import OutsideError, Tools

_REPEATABLE = frozenset({"GET", "HEAD"})


class Call(Action):
    """Sends one request to `path` below the target's http.base_url, or to `url`; `expect` is what counts as done."""

    from_config_only: ClassVar[bool] = True

    path: WebPath | None = None
    url: WebUrl | None = None
    method: Annotated[str, StringConstraints(pattern="^[A-Za-z]+$", to_upper=True)] = "POST"
    body: JsonValue = None
    expect: Statuses = ("2xx",)

    @Rule
    def _one_address(self) -> Iterator[str]:
        if is_given(self, "path") is is_given(self, "url"):
            yield "give either path or url"

    @property
    def idempotent(self) -> bool:
        return self.method in _REPEATABLE

    def needs(self) -> str | None:
        return "http" if self.path is not None else None

    async def run(self, effect: Effect, tools: Tools) -> Done:
        url, where = self._address(effect)
        headers, body = self._content()
        headers["Idempotency-Key"] = effect.action_id
        began = tools.clock.monotonic()
        try:
            response = await tools.http.request(
                self.method, url, timeout=effect.timeout, headers=headers, body=body
            )
        except OutsideError as error:
            raise ActionFailed(str(error), started=error.sent, unknown=error.sent) from error
        if not is_expected(self.expect, response.status):
            raise ActionFailed(f"{self.method} {where} was answered with {response.status}")
        took = tools.clock.monotonic() - began
        return Done(f"{self.method} {where} was answered with {response.status} in {took:.1f} s")

    def _address(self, effect: Effect) -> tuple[str, str]:
        """The whole address, and what of it may be shown: a url's path and query may hold a token."""
        if self.path is None:
            return self.url or "", "url"
        if effect.target.http is None:
            raise ActionFailed(f"{effect.target.name} has no http address", started=False)
        return join(effect.target.http.base_url, self.path), self.path.partition("?")[0]

    def _content(self) -> tuple[dict[str, str], bytes | None]:
        if self.body is None:
            return {}, None
        if isinstance(self.body, str):
            return {"Content-Type": "text/plain; charset=utf-8"}, self.body.encode()
        return {"Content-Type": "application/json"}, json.dumps(self.body).encode()
