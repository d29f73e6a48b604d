"""The compose file beside the operator's own that says which image a service runs: read, made and replaced as a whole.

Other services may have their pins in it, of other targets: they are left as they are.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from prunella.redaction import printable
from receiver.strategies.base import StrategyError

_HEAD = "# Written by Prunella: the images that were chosen last. Give it to compose after your own file.\n"
_LARGEST = 1 << 20


@dataclass(frozen=True, slots=True)
class Pins:
    """The file `path`. Everything here blocks: call it in a thread."""

    path: Path

    def image(self, service: str) -> str | None:
        """What is pinned for the service; None when nothing is. Raises StrategyError when it cannot be read."""
        services = self._read().get("services") or {}
        image = (services.get(service) or {}).get("image")
        return image if isinstance(image, str) else None

    def candidate(self, service: str, image: str) -> Path:
        """A file beside it, with that image pinned, to be looked at and taken away. Raises StrategyError."""
        self._require_ours()
        return self._beside(service, self._with(service, image))

    def pin(self, service: str, image: str) -> None:
        """Pins that image in one step: who reads sees all of it or nothing, also after a power cut. Raises StrategyError."""
        self._require_ours()
        try:
            with _alone(self.path.parent) as folder:
                self._beside(service, self._with(service, image)).replace(self.path)
                # what is lost with the power is the choice, and not the file
                with suppress(OSError):
                    os.fsync(folder)
        except OSError as error:
            raise self._unchanged(error) from error

    def _require_ours(self) -> None:
        if self.path.is_symlink() or (self.path.exists() and not self.path.is_file()):
            raise StrategyError(f"{self.path} is no plain file", started=False)

    def _with(self, service: str, image: str) -> str:
        tree = self._read()
        services = dict(tree.get("services") or {})
        services[service] = {**(services.get(service) or {}), "image": image}
        text = yaml.safe_dump({**tree, "services": services}, sort_keys=False, allow_unicode=True)
        return _HEAD + text

    def _read(self) -> Mapping[str, Any]:
        try:
            with self.path.open("rb") as file:
                tree = yaml.safe_load(file.read(_LARGEST))
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise self._unchanged(error) from error
        except (yaml.YAMLError, RecursionError, ValueError) as error:
            raise StrategyError(
                f"{self.path} is no YAML that we can read", started=False
            ) from error
        if not _is_compose(tree):
            raise StrategyError(f"{self.path} is no compose file", started=False)
        return tree or {}

    def _beside(self, service: str, text: str) -> Path:
        """A file of which the disk has every byte; one that a killed run left is made anew."""
        coming = self.path.with_name(f".{self.path.stem}.{service}.yml")
        try:
            coming.unlink(missing_ok=True)
            with coming.open("x", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise self._unchanged(error) from error
        return coming

    def _unchanged(self, error: OSError) -> StrategyError:
        why = error.strerror or type(error).__name__
        return StrategyError(printable(f"{self.path}: {why}"), started=False)


@contextmanager
def _alone(folder: Path) -> Iterator[int]:
    """Nobody else of us changes anything there meanwhile: two targets may have their pins in one file."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield handle
    finally:
        os.close(handle)


def _is_compose(tree: object) -> bool:
    services = (tree.get("services") or {}) if isinstance(tree, Mapping) else tree
    if services is None:
        return True
    return isinstance(services, Mapping) and all(
        one is None or isinstance(one, Mapping) for one in services.values()
    )
