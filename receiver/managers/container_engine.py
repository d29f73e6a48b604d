"""What managers of containers share, whether they ask the Engine API or a program: which engine, and what of it is ours."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar

from pydantic import AfterValidator

from prunella.service.rules import Rule
from prunella.service.settings import Settings
from receiver.managers.base import Manager
from receiver.managers.docker_engine import check_engine_url
from receiver.managers.own_container import Surroundings


class OnEngine(Settings):
    """A facet of something that lives behind the engine at `url`."""

    surroundings: ClassVar[Surroundings] = Surroundings()

    url: Annotated[str, AfterValidator(check_engine_url)] = "unix:///var/run/docker.sock"
    unfiltered_socket: bool = False

    @Rule
    def _filtered(self) -> Iterator[str]:
        if why := self.surroundings.objection(self.url, self.unfiltered_socket):
            yield why

    @property
    def shares_our_pids(self) -> bool:
        """Elsewhere, and seen from a container, the numbers are those of other processes than here."""
        return self.url.startswith("unix:") and self.surroundings.own_id() is None


class ContainerEngine(OnEngine, Manager):
    """A manager whose processes live behind an engine."""

    gap: ClassVar[str] = "a container engine knows no other reload"
