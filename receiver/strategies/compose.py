"""Releases that are images: which one a service runs stands in a compose file of ours, and compose makes the containers.

Nothing is pulled, built or taken down, no other service is touched, and no volume. The image of every running container
is what proves which version serves; what the app says of itself has to fit to it.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, Field

from prunella.service.settings import LocalPath, Size
from receiver.decide.release import DIGEST, image_digest
from receiver.managers.base import Manager, ManagerError
from receiver.managers.compose import Compose as ComposeManager
from receiver.managers.compose_cli import (
    FROM_HERE,
    LOOK_TIMEOUT,
    ComposeCli,
    ProjectName,
    ServiceName,
    objects,
)
from receiver.managers.container_engine import OnEngine
from receiver.strategies.base import Strategy, StrategyError
from receiver.strategies.pins import Pins
from receiver.strategies.wholeness import require_room
from receiver.tools import Tools
from receiver.version_proof import Reading, VersionProof

OVERRIDE = "prunella.override.yml"
_UP_TIMEOUT = 300.0  # the action's own timeout is the one that counts
_NAME = re.compile(
    r"(?:[A-Za-z0-9][A-Za-z0-9.-]*(?::\d{1,5})?/)?[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*"
)
_SAYS_VERSION = ("org.opencontainers.image.version", "org.opencontainers.image.revision")
_PLACES = (
    '{"id":{{json .Id}},"state":{{json .State.Status}},'
    '"number":{{json (index .Config.Labels "com.docker.compose.container-number")}}}'
)
_RUNS = '{"image":{{json .Image}},"from":{{json .Config.Image}},"running":{{json .State.Running}}}'
_IMAGE = '{"id":{{json .Id}},"digests":{{json .RepoDigests}},"labels":{{json .Config.Labels}}}'


def _check_image(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError(
            "must be the name of an image without tag and digest, as in registry.example.com/shop"
        )
    return text


class Compose(OnEngine, Strategy):
    """A service of a compose project whose `image` is pinned by its digest in `path/prunella.override.yml`, which compose
    reads after `file`. A version is `sha256:` and 64 hexadecimal digits: the digest that the registry gave the image, or,
    for one that was built on the machine and never pushed, its id. `<image>@sha256:…` is taken as well.

    Before anything is touched: the engine has that image (nothing is pulled), `docker compose config` reads the file with
    the new pin beside it, `path` can be written to and has `room`. Then the pin is replaced in one step and
    `docker compose up --detach --no-deps --no-build --pull never` makes the containers of this one service anew, as many
    as there are. Other changes of the file since it was last applied come with it. Volumes stay.

    It is proven by the image of every running container. Where `version: {url, json}` is given as well, the app has to say
    the digest, or what the image's label `org.opencontainers.image.version` or `.revision` says.

    Privileges: as for the manager `compose`, and the receiver's user writes to `path`.
    """

    executable: ClassVar[str | None] = "docker"
    starts: ClassVar[bool] = True
    proves_itself: ClassVar[bool] = True

    path: LocalPath
    project: ProjectName
    file: LocalPath
    service: ServiceName
    image: Annotated[str, AfterValidator(_check_image)]
    version: VersionProof = Field(default_factory=VersionProof)
    room: Annotated[Size, Field(ge=0)] = 64 << 20

    @property
    def override(self) -> Path:
        """Where the pin stands."""
        return self.path / OVERRIDE

    @property
    def _cli(self) -> ComposeCli:
        return ComposeCli(self.project, (self.file,), self.service, self.url)

    def version_of(self, text: str) -> str:
        return image_digest(text, self.image)

    def beside(self, process: Manager) -> Manager:
        """With the pin: else the next replica, or a start without a container, would undo what was chosen."""
        if not isinstance(process, ComposeManager) or process.override is not None:
            return process
        theirs = process.project, process.file, process.service
        if theirs != (self.project, self.file, self.service):
            return process
        return process.model_copy(update={"override": self.override})

    async def active(self, tools: Tools) -> str | None:
        try:
            pinned = await asyncio.to_thread(Pins(self.override).image, self.service)
            return None if pinned is None else self.version_of(pinned)
        except (StrategyError, ValueError):
            return None

    async def preflight(self, version: str, tools: Tools) -> str:
        free = await asyncio.to_thread(require_room, self.path, self.room)
        try:
            reference = await self._present(version, tools)
            await self._require_config(reference, tools)
        except ManagerError as error:
            raise StrategyError(str(error), started=False) from error
        return f"{reference} is on the engine, compose reads {self.file} with it; {free} bytes free"

    async def activate(self, version: str, tools: Tools) -> None:
        try:
            reference = await self._present(version, tools)
            places = await self._places(tools)
        except ManagerError as error:
            raise StrategyError(str(error), started=False) from error
        tools.require_lease()
        await asyncio.to_thread(Pins(self.override).pin, self.service, reference)
        # without a number `up` would go back to the one of the file
        scale = ("--scale", f"{self.service}={len(places)}") if places else ()
        words = ("--detach", "--no-deps", *FROM_HERE, *scale, self.service)
        try:
            await self._clear(places, tools)
            await self._with(self.override).order(tools, "up", *words, timeout=_UP_TIMEOUT)
        except ManagerError as error:
            raise StrategyError(str(error)) from error

    def proofs(self, process: Manager | None, tools: Tools) -> Iterator[Awaitable[Reading]]:
        yield self._image_that_runs(tools)
        yield from super().proofs(process, tools)

    def _with(self, override: Path) -> ComposeCli:
        return ComposeCli(self.project, (self.file, override), self.service, self.url)

    async def _present(self, version: str, tools: Tools) -> str:
        """The reference by which the engine knows that version. Raises StrategyError when it has it not."""
        try:
            digest = self.version_of(version)
        except ValueError as error:
            raise StrategyError(str(error), started=False) from error
        for reference in (f"{self.image}@{digest}", digest):
            if await self._looked_up(reference, tools) is not None:
                return reference
        raise StrategyError(
            f"the engine has no {self.image}@{digest}: it was never there, or was cleaned away; nothing is pulled",
            started=False,
        )

    async def _looked_up(self, reference: str, tools: Tools) -> Mapping[str, Any] | None:
        words = ("image", "inspect", "--format", _IMAGE, reference)
        ended = await self._cli.docker(tools, *words, timeout=LOOK_TIMEOUT)
        if ended.exit_code == 0:
            return next(objects(ended.output, _IMAGE), None)
        if "no such image" in ended.output.lower():
            return None
        raise ManagerError(f"`docker image inspect`: {self._cli.cure(ended)}", started=False)

    async def _require_config(self, reference: str, tools: Tools) -> None:
        """Without the pin first: with it, a service that the file has not would be one of ours alone."""
        words = ("config", "--images", self.service)
        alone = await self._cli.compose(tools, *words, timeout=LOOK_TIMEOUT)
        if alone.exit_code != 0:
            raise ManagerError(f"`docker compose config`: {self._cli.cure(alone)}", started=False)
        candidate = await asyncio.to_thread(Pins(self.override).candidate, self.service, reference)
        try:
            ended = await self._with(candidate).compose(tools, *words, timeout=LOOK_TIMEOUT)
        finally:
            candidate.unlink(missing_ok=True)
        if ended.exit_code != 0:
            raise ManagerError(f"`docker compose config`: {self._cli.cure(ended)}", started=False)
        if reference not in ended.output.splitlines():
            raise ManagerError(
                f"compose would not run {reference} for {self.service}", started=False
            )

    async def _places(self, tools: Tools) -> Mapping[str, Sequence[Mapping[str, Any]]]:
        """The containers by their number; those that were never started come first."""
        ids = await self._cli.ids(tools)
        if ids is None:
            raise ManagerError(self._cli.unknown(), started=False)
        places: dict[str, list[Mapping[str, Any]]] = {}
        for one in await self._cli.inspect(tools, _PLACES, ids):
            places.setdefault(str(one.get("number")), []).append(one)
        for several in places.values():
            several.sort(key=lambda one: one.get("state") != "created")
        return places

    async def _clear(self, places: Mapping[str, Sequence[Mapping[str, Any]]], tools: Tools) -> None:
        """An `up` that was killed leaves successors that were never started, and their names are in the way of the next.
        Each was to take the place of one that is still there; not forced, so that nothing that runs goes, nor a volume."""
        left = [one for several in places.values() for one in several[:-1]]
        never = [str(one.get("id")) for one in left if one.get("state") == "created"]
        if never:
            ended = await self._cli.docker(tools, "container", "rm", *never, timeout=LOOK_TIMEOUT)
            if ended.exit_code != 0 and "no such container" not in ended.output.lower():
                raise ManagerError(f"`docker container rm`: {self._cli.cure(ended)}")

    async def _image_that_runs(self, tools: Tools) -> Reading:
        try:
            ids = await self._cli.ids(tools)
            if ids is None:
                return Reading(None, self._cli.unknown())
            found = await self._cli.inspect(tools, _RUNS, ids)
            running = [one for one in found if one.get("running") is True]
            images = {str(one.get("image")) for one in running}
            if len(images) > 1:
                said = f"the containers of {self.service} run {len(images)} different images"
                return Reading(None, said, divided=True)
            if not images:
                return Reading(None, f"no container of {self.service} runs")
            image = await self._looked_up(images.pop(), tools)
        except ManagerError as error:
            return Reading(None, str(error))
        if image is None:
            return Reading(None, f"the engine has not the image that {self.service} runs")
        return self._named(image, {str(one.get("from")) for one in running})

    def _named(self, image: Mapping[str, Any], asked_for: set[str]) -> Reading:
        """By the digest that was asked for; one image may have several."""
        own = str(image.get("id"))
        names = [*sorted(_digests(image, self.image)), own]
        wanted = (one for one in names if any(asked.endswith(one) for asked in asked_for))
        version = next(wanted, names[0])
        if not DIGEST.fullmatch(version):
            return Reading(None, "`docker image inspect` did not print what was asked for")
        labels = image.get("labels")
        said = labels if isinstance(labels, Mapping) else {}
        words = {str(said[label]) for label in _SAYS_VERSION if said.get(label)}
        detail = f"every container of {self.service} runs {version}"
        return Reading(version, detail, also=frozenset({*names, *words}))


def _digests(image: Mapping[str, Any], name: str) -> Iterator[str]:
    for one in image.get("digests") or ():
        theirs, _, digest = str(one).partition("@")
        if _familiar(theirs) == _familiar(name):
            yield digest


def _familiar(name: str) -> str:
    """As the engine shows it."""
    return name.removeprefix("docker.io/").removeprefix("library/")
