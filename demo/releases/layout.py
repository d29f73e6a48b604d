"""Where the shop's releases lie: `repo`, `releases/<version>/` and `current`, a link to the one that is started."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from demo.releases import repository
from demo.releases.versions import GOOD, VERSIONS
from demo.shop.faults import Kind
from demo.shop.release import read


@dataclass(frozen=True, slots=True)
class Layout:
    """The one that both the `symlink` and the `git` strategy know."""

    path: Path

    @property
    def repository(self) -> Path:
        return self.path / "repo"

    @property
    def releases(self) -> Path:
        return self.path / "releases"

    @property
    def current(self) -> Path:
        return self.path / "current"

    def make(self) -> None:
        """All of it; what an earlier day has left serves on if it is whole and well, else the first release does."""
        self.releases.mkdir(mode=0o700, parents=True, exist_ok=True)
        remade, serving = repository.make(self.repository), self.serving()
        keep = serving if serving is not None and not remade and self.well(serving) else None
        for folder in self.releases.iterdir():
            if folder.name != keep:
                shutil.rmtree(folder)
        for version in VERSIONS.values():
            if version.flaw is None and version.name != keep:
                self.add(version.name)
        self.point(keep or GOOD)

    def add(self, version: str) -> Path:
        """The folder of that release, from the repository. Raises GitError."""
        folder = self.releases / version
        if not folder.exists():
            repository.unpack(self.repository, version, folder)
        return folder

    def serving(self) -> str | None:
        """The version that `current` means, if its folder is there."""
        return self.current.resolve().name if self.current.exists() else None

    def point(self, version: str) -> None:
        """At once or not at all: nobody ever sees no link."""
        beside = self.path / f".current.{os.getpid()}"
        beside.unlink(missing_ok=True)
        beside.symlink_to(Path("releases") / version)
        beside.replace(self.current)

    def well(self, version: str) -> bool:
        """Whether that release is whole, and nothing is wrong with it."""
        try:
            release = read(self.releases / version)
        except (OSError, ValueError, LookupError):
            return False
        return release.flaw.kind is Kind.NONE and release.says == version
