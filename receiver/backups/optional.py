"""Libraries that only some backups need: loaded with the first of those, and missed with a word that says what to do."""

from __future__ import annotations

import importlib
from importlib.util import find_spec
from typing import Any

from receiver.backups.base import BackupError

EXTRAS = {"zstandard": "backups", "pyrage": "backups", "aiobotocore": "s3", "botocore": "s3"}


def missing(name: str) -> str | None:
    """What to do when it is not installed; None when it is."""
    if find_spec(name) is not None:
        return None
    return f"needs the library {name}: pip install 'prunella[{EXTRAS[name]}]'"


def library(name: str) -> Any:
    """The library. Raises BackupError."""
    why = missing(name.partition(".")[0])
    if why is not None:
        raise BackupError(why, started=False)
    return importlib.import_module(name)
