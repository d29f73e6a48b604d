"""What `restart`, `reload` and `scale` share: the target's process, and a manager that can do it."""

from __future__ import annotations

from typing import ClassVar

from receiver.actions.base import Action
from receiver.managers.base import Verb
from receiver.targets import Target


def programs_of(target: Target) -> tuple[str, ...]:
    """Those that the manager of its process starts."""
    return () if target.process is None else target.process.programs()


class ByManager(Action):
    """Has the manager of the target's process do what the `verb` says."""

    verb: ClassVar[Verb]

    def needs(self) -> str | None:
        return "process"

    def objection(self, target: Target) -> str | None:
        return None if target.process is None else target.process.objection(self.verb)

    def executables(self, target: Target) -> tuple[str, ...]:
        return programs_of(target)
