"""What the actions about backups have in common: the facet that they need, as the parts of a backup read it."""

from __future__ import annotations

from receiver.actions.base import ActionFailed, Effect
from receiver.backups.base import Ground
from receiver.tools import Tools


def ground_of(effect: Effect, tools: Tools) -> Ground:
    """What the parts of a backup work with. Raises ActionFailed."""
    target = effect.target
    if target.backup is None:
        raise ActionFailed(f"{target.name} has no `backup:`", started=False)
    return Ground(target.name, target.backup, target.postgres, tools, effect.timeout)
