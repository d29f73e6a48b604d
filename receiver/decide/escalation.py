"""Who is called when, until somebody acknowledges: the config's policies, and what follows from one at a moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, TypeAdapter

from prunella.service.settings import Duration, Settings
from prunella.service.units import at_least
from receiver.decide.plan import Name


class EscalationStep(Settings):
    """Who is called when nobody has acknowledged for so long."""

    after: Duration
    notify: Annotated[tuple[Name, ...], Field(min_length=1)]


class Escalation(Settings):
    """The steps, and after the last of them how often it is repeated; a list is the steps alone."""

    steps: Annotated[tuple[EscalationStep, ...], Field(min_length=1)]
    repeat: Annotated[Duration, at_least("1m")] | None = None


_STEPS: TypeAdapter[tuple[EscalationStep, ...]] = TypeAdapter(
    Annotated[tuple[EscalationStep, ...], Field(min_length=1)]
)


def parse_escalation(value: object) -> object:
    """`[{after, notify}, …]` as a policy that does not repeat."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        return Escalation(steps=_STEPS.validate_python(value))
    return value


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy with the channels that stand behind its names now. Times are seconds since the escalation began."""

    steps: tuple[tuple[float, tuple[str, ...]], ...] = ()
    repeat: float | None = None

    @property
    def at_once(self) -> int:
        """How many steps are told with the escalation itself."""
        return sum(1 for after, _ in self.steps if after == 0)

    def call(self, level: int) -> tuple[float, tuple[str, ...]] | None:
        """The call of that level: its time and whom; None when there is none any more."""
        if level < len(self.steps):
            return self.steps[level]
        if self.repeat is None or not self.steps:
            return None
        last, names = self.steps[-1]
        return last + (level - len(self.steps) + 1) * self.repeat, names

    def following(self, level: int, waited: float) -> int:
        """The level after that one; repeats that nobody was there to make are not made up for."""
        if level < len(self.steps) or self.repeat is None:
            return level + 1
        missed = int((waited - self.steps[-1][0]) // self.repeat)
        return max(level + 1, len(self.steps) + missed)

    def calls(self, waited: float) -> tuple[tuple[float, tuple[str, ...]], ...]:
        """All steps, and the repeat that comes next."""
        if self.repeat is None or not self.steps:
            return self.steps
        last, names = self.steps[-1]
        coming = max(1, int((waited - last) // self.repeat) + 1)
        return (*self.steps, (last + coming * self.repeat, names))


def policy_name(plan: Mapping[str, object], severity: str) -> str | None:
    """The policy that a playbook names for this severity."""
    said = plan.get("escalate")
    if isinstance(said, Mapping):
        said = said.get(severity)
    return said if isinstance(said, str) else None
