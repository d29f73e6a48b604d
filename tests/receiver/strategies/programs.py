"""Programs as operators write them, which keep a record of how they were called."""

from __future__ import annotations

import asyncio
from pathlib import Path

from receiver.strategies.command import Command
from tests.receiver.strategies.places import PROOF
from tests.receiver.strategies.repositories import tools


def a_script(folder: Path, name: str = "switch", body: str = "") -> Path:
    """A shell script with that body."""
    path = folder / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


def a_recorder(folder: Path, name: str = "switch", body: str = "") -> Path:
    """One that first writes its arguments, each in brackets, to the file `record`."""
    said = f'{{ printf "%s" {name}; printf " [%s]" "$@"; echo; }} >> {folder}/record'
    return a_script(folder, name, f"{said}\n{body}")


def record(folder: Path) -> list[str]:
    """What was called, one line a call."""
    path = folder / "record"
    return path.read_text().splitlines() if path.exists() else []


def deploy(folder: Path, version: str) -> None:
    """Two programs one after the other, which may both be run again. Blocks, for a process of its own."""
    stage = a_script(folder, "stage", f'echo "$1" > {folder}/staged')
    switch = a_script(
        folder, "switch", f"cp {folder}/staged {folder}/new && mv {folder}/new {folder}/live"
    )
    steps = [[str(stage), "{version}"], [str(switch), "{version}"]]
    strategy = Command.model_validate({"activate": steps, "version": PROOF})
    asyncio.run(strategy.activate(version, tools()))
