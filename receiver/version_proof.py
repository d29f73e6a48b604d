"""Which version serves, asked of the target itself: what a deploy or a rollback claims is proven by this and nothing else.

What answers is not trusted: it may be broken, slow, or somebody else's. Whatever it says becomes a short printable word
or a reason why there is none.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, NoReturn

import psutil
from pydantic import Field

from prunella.redaction import printable
from prunella.service.rules import Rule, is_given
from prunella.service.settings import Duration, Settings
from receiver.argv import Argv
from receiver.decide.release import LONGEST
from receiver.endpoints import WebUrl
from receiver.quoting import last_words, without_colours
from receiver.tools import OutsideError, Tools

LONGEST_ANSWER = 64 << 10


@dataclass(frozen=True, slots=True)
class Reading:
    """What the target said: `version` is None when no one version can be named; `detail` says why, for people.

    `also` are other words for the same version. `divided`: several versions serve, or its proofs contradict each other;
    whatever should serve does not serve everywhere.
    """

    version: str | None
    detail: str
    also: frozenset[str] = frozenset()
    divided: bool = False

    def is_of(self, version: str) -> bool | None:
        """Whether it is that version and no other which serves; None when that is not known."""
        if self.version is None:
            return False if self.divided else None
        return version == self.version or version in self.also


class VersionProof(Settings):
    """`{url, json}`: the member (dotted, as in `build.version`) of a JSON answer. `{command: [argv]}`: the last line of
    what the program says, when it ends with 0. `cwd: true`, alone or beside one of them: every process of the target runs
    in the folder of that version."""

    url: WebUrl | None = None
    member: Annotated[str | None, Field(min_length=1, alias="json")] = None
    command: Argv | None = None
    cwd: bool = False
    timeout: Annotated[Duration, Field(gt=0)] = 5.0

    @Rule
    def _some_way(self) -> Iterator[str]:
        if is_given(self, "url") and is_given(self, "command"):
            yield "give either `url` and `json`, or `command`"
        if is_given(self, "url") is not is_given(self, "member"):
            yield "`url` and `json` belong together: `json` names the member that holds the version"

    @property
    def asks(self) -> bool:
        """Whether the target, or a program, is asked; else its processes are looked at only."""
        return self.url is not None or self.command is not None

    def programs(self) -> tuple[str, ...]:
        """Those that it starts, by their names under `executables:`."""
        return () if self.command is None else self.command[:1]

    async def read(self, tools: Tools) -> Reading:
        """Asks once. Never raises for what the target does."""
        try:
            return await (self._answer(tools) if self.command is None else self._said(tools))
        except OutsideError as error:
            return Reading(None, str(error))

    async def _answer(self, tools: Tools) -> Reading:
        response = await tools.http.request(
            "GET", self.url or "", timeout=self.timeout, max_body=LONGEST_ANSWER + 1
        )
        if response.status != 200:
            return Reading(None, f"the version's address answered {response.status}, wanted 200")
        if len(response.body) > LONGEST_ANSWER:
            return Reading(None, f"the version's address answered more than {LONGEST_ANSWER} bytes")
        return self._found(response.body)

    def _found(self, body: bytes) -> Reading:
        try:
            found = _parsed(body)
            for name in (self.member or "").split("."):
                found = found[name]
        except (ValueError, RecursionError):
            return Reading(None, "the version's address answered no JSON")
        except (KeyError, TypeError):
            return Reading(None, f"the answer has no `{self.member}`")
        if not isinstance(found, str):
            return Reading(None, f"`{self.member}` is no version")
        return _spoken(found, f"`{self.member}`")

    async def _said(self, tools: Tools) -> Reading:
        name, *arguments = self.command or ("",)
        ended = await tools.programs.run(
            [tools.executables.get(name, name), *arguments], timeout=self.timeout
        )
        if ended.exit_code is None:
            return Reading(None, f"the version's command had no end within {self.timeout:g} s")
        if ended.exit_code != 0:
            said = last_words(ended.output)
            return Reading(None, f"the version's command ended with {ended.exit_code}{said}")
        lines = [line for line in without_colours(ended.output).splitlines() if line.strip()]
        return _spoken(lines[-1] if lines else "", "the version's command")


def _parsed(body: bytes) -> Any:
    """Numbers as they are spelled: 1.10 is not 1.1."""
    return json.loads(body, parse_float=str, parse_int=str, parse_constant=_no_number)


def _no_number(text: str) -> NoReturn:
    raise ValueError(text)


def _spoken(said: str, who: str) -> Reading:
    word = said.strip()
    if not word:
        return Reading(None, f"{who} says nothing")
    if len(word) > LONGEST or not word.isprintable():
        return Reading(
            None, f"what {who} says is no version: that is 1 to {LONGEST} printable characters"
        )
    return Reading(word, f"{who} says {word}")


async def read_cwd(pids: Sequence[int], releases: Path) -> Reading:
    """The version in whose folder below `releases` every one of the processes runs."""
    return await asyncio.to_thread(_folders, pids, releases)


def _folders(pids: Sequence[int], releases: Path) -> Reading:
    if not pids:
        return Reading(None, "the process manager names no process to look at")
    try:
        found = {pid: Path(psutil.Process(pid).cwd()) for pid in pids}
        root = releases.resolve(strict=True)
    except psutil.AccessDenied as error:
        return Reading(
            None, f"no permission to see where process {error.pid} runs: it is another user's"
        )
    except (psutil.Error, OSError):
        return Reading(None, f"the processes, or {releases}, went away while they were looked at")
    return agreed(_inside(pid, folder, root) for pid, folder in found.items())


def _inside(pid: int, folder: Path, root: Path) -> Reading:
    if not folder.is_relative_to(root) or folder == root:
        where = printable(str(folder))[:200]
        return Reading(None, f"process {pid} runs in {where}, which is no version's folder")
    return _spoken(folder.relative_to(root).parts[0], f"the folder in which process {pid} runs")


def agreed(readings: Iterable[Reading]) -> Reading:
    """All proofs, or all instances, as one: what one of them denies does not serve, what one cannot say is not known."""
    every = list(readings)
    against = next((one for one in every if one.divided), None)
    if against is not None:
        return against
    first = next((one for one in every if one.version is not None), None)
    if first is None or first.version is None:
        return every[0] if every else Reading(None, "there is nothing to ask")
    for one in every:
        if one.version is not None and not _same(first, one):
            return Reading(None, f"{first.detail}, but {one.detail}", divided=True)
    unknown = next((one for one in every if one.version is None), None)
    return unknown or replace(first, also=frozenset().union(*(one.also for one in every)))


def _same(one: Reading, other: Reading) -> bool:
    return not {one.version, *one.also}.isdisjoint({other.version, *other.also})
