"""What the actions on queues have in common: which queues of the facet are meant, and what was done if it ends half-way."""

from __future__ import annotations

from receiver.actions.base import ActionFailed, Effect
from receiver.queues.base import QueueNames, QueueSystem
from receiver.targets import Target


def system_of(effect: Effect) -> QueueSystem:
    """The target's queue facet. Raises ActionFailed."""
    if effect.target.queue is None:
        raise ActionFailed(f"{effect.target.name} has no queue", started=False)
    return effect.target.queue


def unknown_queues(queues: QueueNames | None, target: Target) -> str | None:
    """What to say when an option names queues that are not the facet's."""
    if target.queue is None or queues is None:
        return None
    strange = [name for name in queues if name not in target.queue.queues]
    known = ", ".join(target.queue.queues)
    return f"its queue facet does not name {', '.join(strange)}, only {known}" if strange else None
