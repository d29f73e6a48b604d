"""Looks at what the target itself answers. Silence is a failure here: the thing that was repaired is what is asked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from prunella.service.rules import Rule, is_given
from prunella.service.settings import Duration
from receiver.checks.base import Check, Scene
from receiver.decide.verdict import Outcome, Sample
from receiver.endpoints import Statuses, WebPath, WebUrl, is_expected, join
from receiver.tools import OutsideError, Response, Tools


class HttpAnswer(Check):
    """GETs `path` below the target's http.base_url, or `url`; `body` is a text that the answer must contain."""

    path: WebPath | None = None
    url: WebUrl | None = None
    status: Statuses = ("200",)
    body: Annotated[str, Field(min_length=1)] | None = None
    timeout: Annotated[Duration, Field(gt=0)] = 5.0

    @Rule
    def _one_address(self) -> Iterator[str]:
        if is_given(self, "path") is is_given(self, "url"):
            yield "give either path or url"

    def needs(self) -> str | None:
        return "http" if self.path is not None else None

    async def sample(self, scene: Scene, tools: Tools) -> Sample:
        url = self._address(scene)
        if url is None:
            return Sample(Outcome.NO_DATA, f"{scene.target.name} has no http address")
        try:
            response = await tools.http.request("GET", url, timeout=self.timeout)
        except OutsideError as error:
            return Sample(Outcome.FAIL, str(error))
        return self._judge(response)

    def _address(self, scene: Scene) -> str | None:
        if self.path is None:
            return self.url
        return join(scene.target.http.base_url, self.path) if scene.target.http else None

    def _judge(self, response: Response) -> Sample:
        if not is_expected(self.status, response.status):
            wanted = " or ".join(self.status)
            return Sample(Outcome.FAIL, f"answered {response.status}, wanted {wanted}")
        if self.body is not None and self.body.encode() not in response.body:
            return Sample(Outcome.FAIL, f"answered {response.status} without the wanted body")
        return Sample(Outcome.PASS, f"answered {response.status}")
