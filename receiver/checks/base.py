"""What a check is: a look at the world that passes, fails, or cannot tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from prunella.service.settings import Settings
from receiver.decide.verdict import Sample
from receiver.targets import Target
from receiver.tools import Tools


@dataclass(frozen=True, slots=True)
class FiringAlert:
    """An alert of the incident; `open` says whether our own journal still holds it as firing."""

    fingerprint: str
    labels: Mapping[str, str]
    open: bool


@dataclass(frozen=True, slots=True)
class Scene:
    """What a check may look at: the target that was acted on and the incident's alerts."""

    target: Target
    alerts: tuple[FiringAlert, ...]


class Check(Settings):
    """One way to look. An empty answer, NaN or an error is Outcome.NO_DATA; a check never raises for those."""

    direct: ClassVar[bool] = True
    shorthand: ClassVar[str | None] = None  # the field that a bare value fills: {alert: cleared}

    def needs(self) -> str | None:
        """The target's facet without which it cannot look, if any: checked when the config is read."""
        return None

    async def sample(self, scene: Scene, tools: Tools) -> Sample:
        """Looks once, within the verification's own deadline."""
        raise NotImplementedError
