"""What `docker inspect` prints of the images and containers of the stand-in compose, and the pins that its files hold."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import yaml

from tests.servers.docker_engine import Container

STATE = '{"restarts":{{.RestartCount}},"state":{{json .State}}}'
PLACES = (
    '{"id":{{json .Id}},"state":{{json .State.Status}},'
    '"number":{{json (index .Config.Labels "com.docker.compose.container-number")}}}'
)
RUNS = '{"image":{{json .Image}},"from":{{json .Config.Image}},"running":{{json .State.Running}}}'
IMAGE = '{"id":{{json .Id}},"digests":{{json .RepoDigests}},"labels":{{json .Config.Labels}}}'
NO_IMAGE = "Error response from daemon: no such image: {0}: No such image: {0}"
BUILT = "sha256:" + "0" * 64  # of what the file names where a test says nothing of images


class Refused(Exception):
    """What the program says before it ends."""

    def __init__(self, said: str, code: int) -> None:
        super().__init__(said)
        self.code = code


@dataclass(frozen=True)
class Image:
    """One on the engine; `names` are the references that mean it, besides its id."""

    id: str
    names: tuple[str, ...] = ()
    labels: dict[str, str] | None = None

    @property
    def digests(self) -> list[str]:
        return [name for name in self.names if "@" in name]


def image_named(images: Sequence[Image], name: str) -> Image:
    for one in images:
        if name in {one.id, *one.names}:
            return one
    raise Refused(NO_IMAGE.format(name), 1)


def inspected(container: Container) -> str:
    shown = container.shown()
    return line({"restarts": shown["RestartCount"], "state": shown["State"]})


def runs(container: Container) -> str:
    shown, labels = container.shown(), container.labels
    said = {"image": labels["image"], "from": labels["from"], "running": shown["State"]["Running"]}
    return line(said)


SHOWN: Mapping[str, Callable[[Container], str]] = {
    STATE: inspected,
    RUNS: runs,
    PLACES: lambda one: line(
        {"id": one.id, "state": one.status, "number": one.name.rpartition("-")[2]}
    ),
}


def shown_image(image: Image) -> dict[str, Any]:
    return {"id": image.id, "digests": image.digests, "labels": image.labels}


def line(said: dict[str, Any]) -> str:
    return json.dumps(said, separators=(",", ":")) + "\n"


def pinned(files: Sequence[str], service: str) -> str | None:
    for file in files:
        try:
            tree = yaml.safe_load(Path(file).read_text())
        except FileNotFoundError:
            raise Refused(f"open {file}: no such file or directory", 14) from None
        except yaml.YAMLError:
            raise Refused("yaml: line 1: did not find expected node content", 15) from None
        found: str | None = tree["services"].get(service, {}).get("image")
        return found
    return None


def measured(container: Container) -> str:
    if not container.pid:
        return "0B / 0B\n"
    return f"{psutil.Process(container.pid).memory_info().rss / (1 << 20):.4g}MiB / 23.54GiB\n"
