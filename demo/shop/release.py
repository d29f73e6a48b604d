"""Which release of the shop this is: a file beside the code says it, with what is wrong with that release.

What is wrong is in the release and not in the memory of the process, so that no restart helps: only another release does.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from demo.shop.faults import Fault, from_mapping
from prunella.version import version

FILE = "release.json"


@dataclass(frozen=True, slots=True)
class Release:
    """`says` is the version that it answers with: it should be its own."""

    version: str
    says: str
    flaw: Fault = field(default_factory=Fault)


def read(folder: Path = Path(__file__).parents[2]) -> Release:
    """The release in that folder; without the file it is a work tree, which has this package's version. Raises ValueError."""
    file = folder / FILE
    if not file.exists():
        return Release(version(), version())
    told = json.loads(file.read_text())
    name = str(told["version"])
    flaw = from_mapping(told["flaw"]) if told.get("flaw") else Fault()
    return Release(name, str(told.get("says", name)), flaw)
