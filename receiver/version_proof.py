"""Which version serves, asked of the target itself: what a deploy or a rollback claims is proven by this and nothing else."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Annotated, Self

from pydantic import AliasChoices, Field, model_validator

from prunella.service.settings import Duration, Settings
from receiver.argv import Argv
from receiver.endpoints import WebUrl
from receiver.tools import OutsideError, Tools


@dataclass(frozen=True, slots=True)
class Reading:
    """What the target said: `version` is None when it could not be asked or named none; `detail` says why, for people."""

    version: str | None
    detail: str


class VersionProof(Settings):
    """`{url, json}`: the member (dotted, as in `build.version`) of a JSON answer. `{command: [argv]}`: the last line of
    what the program says, when it ends with 0."""

    url: WebUrl | None = None
    member: Annotated[
        str | None,
        Field(min_length=1, validation_alias=AliasChoices("json"), serialization_alias="json"),
    ] = None
    command: Argv | None = None
    timeout: Annotated[Duration, Field(gt=0)] = 5.0

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.url is None) == (self.command is None):
            raise ValueError("give either `url` and `json`, or `command`")
        if (self.url is None) != (self.member is None):
            raise ValueError(
                "`url` and `json` belong together: `json` names the member that holds the version"
            )
        return self

    def programs(self) -> tuple[str, ...]:
        """Those that it starts, by their names under `executables:`."""
        return () if self.command is None else self.command[:1]

    async def read(self, tools: Tools) -> Reading:
        """Asks once. Never raises for what the target does."""
        try:
            return await (self._answer(tools) if self.url is not None else self._said(tools))
        except OutsideError as error:
            return Reading(None, str(error))

    async def _answer(self, tools: Tools) -> Reading:
        response = await tools.http.request("GET", self.url or "", timeout=self.timeout)
        if response.status != 200:
            return Reading(None, f"the version's address answered {response.status}")
        try:
            found = json.loads(response.body)
            for name in (self.member or "").split("."):
                found = found[name]
        except (ValueError, KeyError, TypeError):
            return Reading(None, f"the answer has no `{self.member}`")
        if not isinstance(found, str | int | float) or isinstance(found, bool):
            return Reading(None, f"`{self.member}` is no version")
        return Reading(str(found), f"it says that it is {found}"[:200])

    async def _said(self, tools: Tools) -> Reading:
        name, *arguments = self.command or ("",)
        ended = await tools.programs.run(
            [tools.executables.get(name, name), *arguments], timeout=self.timeout
        )
        if ended.exit_code != 0:
            return Reading(None, f"the version's command ended with {ended.exit_code}")
        lines = ended.output.split("\n")
        said = next((line.strip() for line in reversed(lines) if line.strip()), "")
        return Reading(
            said or None, f"it says that it is {said}"[:200] if said else "it said nothing"
        )
