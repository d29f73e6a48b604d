"""Who stands in for whom, and what calendars say: kept here because letters are addressed without waiting."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict

from receiver.decide.rotation import Override, Rotation, Shift, on_call
from receiver.journal import Event, Journal

_KEY = "oncall:"


class OnCall:
    """The overrides that are known here; another receiver's are known within seconds."""

    def __init__(self) -> None:
        self._overrides: dict[str, Override] = {}
        self.shifts: dict[str, tuple[Shift, ...]] = {}  # by rotation, as its calendar was read last

    def called(self, name: str, rotation: Rotation, now: float) -> tuple[str, ...]:
        """The channels that are called now."""
        return on_call(rotation, self._overrides.get(name), now, self.shifts.get(name, ()))

    def turn(self, name: str, rotation: Rotation, now: float) -> tuple[str, ...]:
        """Whose turn it is, whoever stands in."""
        return rotation.turn(now, self.shifts.get(name, ()))

    def override(self, name: str, now: float) -> Override | None:
        """Who stands in now, if anybody does."""
        found = self._overrides.get(name)
        return found if found is not None and found.until > now else None

    async def refresh(self, journal: Journal, rotations: Mapping[str, Rotation]) -> None:
        """Raises JournalUnavailable."""
        for name in rotations:
            kept = await journal.recall(f"{_KEY}{name}")
            if kept is None:
                self._overrides.pop(name, None)
            else:
                self._overrides[name] = Override(**json.loads(kept))

    async def stand_in(self, journal: Journal, name: str, override: Override, now: float) -> None:
        """Says so to all receivers; one that has ended is said the same way. Raises JournalUnavailable."""
        said = {"rotation": name, **asdict(override)}
        await journal.record([Event("oncall", said)], (), now)
        await journal.remember(f"{_KEY}{name}", json.dumps(asdict(override)))
        self._overrides[name] = override
