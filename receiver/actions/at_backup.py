"""What the actions about backups have in common: the facet that they need, as the parts of a backup read it, and that
one kind which fails does not keep the others from being made or proven."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol, TypeVar

from receiver.actions.base import ActionFailed, Effect
from receiver.backups.base import BackupError, Ground
from receiver.decide.backups import Kind
from receiver.tools import Tools


class Told(Protocol):
    """What became of one kind."""

    @property
    def text(self) -> str:
        """For people."""
        ...


T = TypeVar("T", bound=Told)


def ground_of(effect: Effect, tools: Tools) -> Ground:
    """What the parts of a backup work with. Raises ActionFailed."""
    target = effect.target
    if target.backup is None:
        raise ActionFailed(f"{target.name} has no `backup:`", started=False)
    return Ground(target.name, target.backup, target.postgres, tools, effect.timeout)


async def each(
    ground: Ground, kinds: Iterable[Kind], work: Callable[[Kind], Awaitable[T]]
) -> list[T]:
    """One that fails does not stop the others; the whole has failed then. Raises BackupError."""
    done: list[T] = []
    failed: list[tuple[Kind, BackupError]] = []
    for kind in kinds:
        ground.tools.require_lease()
        try:
            done.append(await work(kind))
        except BackupError as error:
            failed.append((kind, error))
    if failed:
        said = [f"{kind}: {error}" for kind, error in failed] + [one.text for one in done]
        began = bool(done) or any(error.started for _, error in failed)
        raise BackupError("; ".join(said), started=began)
    return done
