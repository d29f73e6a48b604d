"""What every part of a backup works with: whose it is, how it is to be made, and how it says that it could not be."""

from __future__ import annotations

from dataclasses import dataclass

from receiver.backups.facet import BackupFacet
from receiver.stores.base import StoreError
from receiver.stores.postgres_store import PostgresFacet
from receiver.tools import Tools


class BackupError(StoreError):
    """It was not made, not proven, or not brought back; what was there before is still there."""


class Disproved(BackupError):
    """The backup itself was looked at, and is not what it should be: whatever was said of it before does not hold."""


@dataclass(frozen=True, slots=True)
class Ground:
    """One target with its `backup` facet, and the tools to work with."""

    target: str
    facet: BackupFacet
    postgres: PostgresFacet | None
    tools: Tools
    timeout: float

    @property
    def database(self) -> PostgresFacet:
        """The server that is backed up. Raises BackupError."""
        if self.postgres is None:
            raise BackupError(
                f"{self.target} has no `postgres:` beside its `backup:`", started=False
            )
        return self.postgres

    def program(self, name: str) -> str:
        """Where one of PostgreSQL's own programs is."""
        return self.tools.executables.get(name, name)
