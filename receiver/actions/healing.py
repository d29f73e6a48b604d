"""What the heals of rows have in common: how many may go, how many at once, and whether only to count."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from receiver.actions.base import Action, Effect
from receiver.stores.postgres_rows import Heal

MOST_ROWS = 10_000_000
MOST_AT_ONCE = 10_000


class Healing(Action):
    """Takes out at most `max_rows` a run, `batch` at once, each batch a short transaction; `dry_run` only counts."""

    disruptive: ClassVar[bool] = False
    cancel_safe: ClassVar[bool] = True

    max_rows: Annotated[int, Field(ge=1, le=MOST_ROWS)] = 10_000
    batch: Annotated[int, Field(ge=1, le=MOST_AT_ONCE)] = 500
    dry_run: bool = False

    @property
    def idempotent(self) -> bool:
        return True

    def _heal(self, effect: Effect, *, allow_majority: bool = False) -> Heal:
        """As the stores read it."""
        return Heal(
            max_rows=self.max_rows,
            batch=self.batch,
            dry_run=self.dry_run,
            allow_majority=allow_majority,
            seconds=effect.timeout,
        )
