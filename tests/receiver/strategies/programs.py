"""Programs as operators write them, which keep a record of how they were called."""

from __future__ import annotations

from pathlib import Path


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
