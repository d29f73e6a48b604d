"""`docker compose` as a program, for one service of one project: what it is told, what it answers, and what its errors mean.

Only the compose plugin knows what a container of a service has to look like, so it is asked and not imitated. Nothing is
ever pulled or built. Of what `docker inspect` could say only what is named is asked for: the rest includes the environment.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator

from prunella.redaction import printable, redact
from receiver.managers.base import ManagerError
from receiver.tools import Finished, OutsideError, Tools

LOOK_TIMEOUT = 20.0
ORDER_TIMEOUT = 120.0
FROM_HERE = ("--no-build", "--pull", "never")  # what is not on the engine is not fetched or made
_PROJECT = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_SERVICE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,62}")
_ID = re.compile(r"^[0-9a-f]{64}$", re.MULTILINE)
_NOT_BEGUN = re.compile(
    r"(?i)permission denied|cannot connect to the docker daemon|no such service|^open \S+: no such file|unknown (?:shorthand )?flag"
    r"|is not a docker command|^yaml: |invalid signal",
    re.MULTILINE,
)
_NO_PLUGIN = re.compile(r"unknown (?:shorthand )?flag: .*-p|is not a docker command")


def _check_project(text: str) -> str:
    if not _PROJECT.fullmatch(text):
        raise ValueError("must be the name of a compose project: a-z, 0-9, _ and -")
    return text


def _check_service(text: str) -> str:
    if not _SERVICE.fullmatch(text):
        raise ValueError("must be the name of one service of the compose file")
    return text


ProjectName = Annotated[str, AfterValidator(_check_project)]
ServiceName = Annotated[str, AfterValidator(_check_service)]


@dataclass(frozen=True, slots=True)
class ComposeCli:
    """One service. `files` are merged as compose merges them, the last one wins."""

    project: str
    files: tuple[Path, ...]
    service: str
    url: str

    async def ids(self, tools: Tools) -> list[str] | None:
        """Its containers, also those that are down; None when the file knows no such service."""
        words = ("ps", "--all", "--quiet", "--no-trunc", self.service)
        ended = await self.compose(tools, *words, timeout=LOOK_TIMEOUT)
        if ended.exit_code == 0:
            return _ID.findall(ended.output)
        if "no such service" in ended.output:
            return None
        raise ManagerError(f"`docker compose ps`: {self.cure(ended)}", started=False)

    async def inspect(
        self, tools: Tools, template: str, ids: Sequence[str]
    ) -> list[Mapping[str, Any]]:
        """What the template, a JSON object, says of each container."""
        if not ids:
            return []
        ended = await self.docker(
            tools, "container", "inspect", "--format", template, *ids, timeout=LOOK_TIMEOUT
        )
        if ended.exit_code != 0:
            raise ManagerError(f"`docker inspect`: {self.cure(ended)}", started=False)
        found = list(objects(ended.output, template))
        if len(found) != len(ids):
            raise ManagerError("`docker inspect` did not print what was asked for", started=False)
        return found

    async def order(
        self, tools: Tools, verb: str, *arguments: str, timeout: float = ORDER_TIMEOUT
    ) -> None:
        """Has it do something. Raises ManagerError."""
        ended = await self.compose(tools, verb, *arguments, timeout=timeout)
        if ended.exit_code is None:
            raise ManagerError(f"`docker compose {verb}` took longer than {timeout:g} s")
        if ended.exit_code != 0:
            began = _NOT_BEGUN.search(ended.output) is None
            raise ManagerError(f"`docker compose {verb}`: {self.cure(ended)}", started=began)

    async def compose(self, tools: Tools, *words: str, timeout: float) -> Finished:
        """Runs it with our project and files. Raises ManagerError when it cannot be started."""
        files = [word for file in self.files for word in ("--file", str(file))]
        project = ("--project-name", self.project, *files)
        return await self.docker(tools, "compose", *project, *words, timeout=timeout)

    async def docker(self, tools: Tools, *words: str, timeout: float) -> Finished:
        """Runs it against our engine. Raises ManagerError when it cannot be started."""
        program = tools.executables.get("docker", "docker")
        host = self.url.replace("http://", "tcp://", 1)
        try:
            return await tools.programs.run(
                [program, *words], timeout=timeout, env={"DOCKER_HOST": host}, max_output=1 << 20
            )
        except OutsideError as error:
            raise ManagerError(str(error), started=error.sent) from error

    def cure(self, ended: Finished) -> str:
        """Why a look or an order failed, and what to do."""
        if ended.exit_code is None:
            return f"no answer within {LOOK_TIMEOUT:g} s"
        output = ended.output
        if "permission denied" in output and "socket" in output:
            return (
                f"no permission to open {self.url}: let the receiver's user into the group `docker` (which is as good as "
                "root on this machine), or give the http:// address of a filtering proxy"
            )
        if _NO_PLUGIN.search(output):
            return "`docker` has no compose plugin: install docker-compose-plugin (docker-compose of Debian 13)"
        lines = [line.strip() for line in output.splitlines() if line.strip()]
        return printable(redact(lines[-1]))[:200] if lines else f"exit code {ended.exit_code}"

    def unknown(self) -> str:
        """That there is no such service."""
        return f"{self.files[0]} of the project {self.project} has no service {self.service}"


def objects(output: str, template: str) -> Iterator[Mapping[str, Any]]:
    """The lines that the template made. Nothing of the output is quoted in an error: what is no answer of ours may be
    somebody's environment."""
    beginning = template.partition("{{")[0]
    for line in output.splitlines():
        if line.startswith(beginning):
            try:
                yield json.loads(line)
            except (ValueError, RecursionError):
                raise ManagerError("`docker inspect` printed no JSON", started=False) from None
