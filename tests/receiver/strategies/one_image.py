"""A `docker` that has one container of one image, and the facet that asks it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from receiver.strategies.compose import Compose
from receiver.tools import Finished, OutsideError
from tests.receiver.stand_ins import Ran, StandInPrograms

V1, V2, ID = ("sha256:" + letter * 64 for letter in "12a")
NAME = "registry.example.com:5000/team/shop"
CONTAINER = "c" * 64
DENIED = "permission denied while trying to connect to the Docker daemon socket at unix:///x"


def a_facet(folder: Path, **options: Any) -> Compose:
    facet = {"path": folder, "project": "shop", "file": folder / "compose.yml", "service": "web"}
    return Compose.model_validate({**facet, "image": NAME, "room": 0, **options})


def an_engine(
    *,
    digests: tuple[str, ...] = (f"{NAME}@{V1}",),
    asked_for: str = f"{NAME}@{V1}",
    labels: str = "null",
    answers: Mapping[str, Finished | OutsideError] | None = None,
) -> StandInPrograms:
    """One container of one image; `answers` for programs that have this word."""
    places = f'{{"id":"{CONTAINER}","state":"running","number":"1"}}\n'

    def answer(ran: Ran) -> Finished | OutsideError:
        special = next((said for word, said in (answers or {}).items() if word in ran.argv), None)
        if special is not None:
            return special
        if "image" in ran.argv:
            listed = ",".join(f'"{one}"' for one in digests)
            return Finished(0, f'{{"id":"{ID}","digests":[{listed}],"labels":{labels}}}\n')
        if "container" in ran.argv:
            image = f'{{"image":"{ID}","from":"{asked_for}","running":true}}\n'
            return Finished(0, image if "running" in ran.argv[4] else places)
        said = f"warning\n{NAME}@{V1}\n" if "config" in ran.argv else f"{CONTAINER}\n"
        return Finished(0, said)

    return StandInPrograms(answer)


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())
