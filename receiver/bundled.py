"""Playbooks that come with Prunella: `{include: memory, mode: auto}` is the bundled one with the entry's own keys over it,
and those of `rungs` over single rungs.

Bundled ones answer the bundled rules by their `action` label and start in shadow like every other.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from receiver.raw_tree import Inconsistency

_KEYS = "a mapping of a rung's keys, as in {mode: auto}"
_SHAPES = {"rungs": "their keys: {rollback: {mode: auto}}", "on": "targets: {restart: [api]}"}
FOLDER = Path(__file__).parent / "playbooks"


@cache
def names() -> tuple[str, ...]:
    """Of all that can be included."""
    return tuple(sorted(file.stem for file in FOLDER.glob("*.yml")))


def bundled(name: str) -> dict[str, Any]:
    """The playbook as it stands in its file."""
    return deepcopy(_read(name))


@cache
def _read(name: str) -> dict[str, Any]:
    playbook: dict[str, Any] = yaml.safe_load((FOLDER / f"{name}.yml").read_text())
    return playbook


def expand(data: object) -> tuple[object, list[Inconsistency]]:
    """The file with every included playbook in its place, and what is wrong with how they are included."""
    books = data.get("playbooks") if isinstance(data, Mapping) else None
    if not isinstance(data, Mapping) or not isinstance(books, list):
        return data, []
    found: list[Inconsistency] = []
    expanded = [_expanded(number, entry, found) for number, entry in enumerate(books)]
    return {**data, "playbooks": expanded}, found


def _expanded(number: int, entry: object, found: list[Inconsistency]) -> object:
    if not isinstance(entry, Mapping) or "include" not in entry:
        return entry
    wanted, at = entry["include"], ("playbooks", number)
    if not isinstance(wanted, str) or wanted not in names():
        known = ", ".join(names())
        found.append(
            ((*at, "include"), f"there is no bundled playbook {wanted!r}; known: {known}", "config")
        )
        # something whole in its place, so that what it lacks is not told as well
        return {**bundled(names()[0]), "name": f"include-{number}"}
    book = bundled(wanted)
    for key, value in entry.items():
        if key not in {"include", "on", "rungs"}:
            both = isinstance(value, Mapping) and isinstance(book.get(key), Mapping)
            book[key] = {**book[key], **value} if both else value
    _lay_over(book.get("ladder"), entry, ("playbooks", number), found)
    return book


def _lay_over(
    ladder: object, entry: Mapping[str, Any], at: tuple[str | int, ...], found: list[Inconsistency]
) -> None:
    """Gives the rungs that `rungs` names its keys, and those that `on` names the targets that it names."""
    rungs = {
        str(rung.get("name", rung.get("action"))): rung
        for rung in (ladder if isinstance(ladder, list) else ())
        if isinstance(rung, dict)
    }
    for key, shape in _SHAPES.items():
        given = entry.get(key, {})
        if not isinstance(given, Mapping):
            found.append(((*at, key), f"must be a mapping of rungs to {shape}", "config"))
            continue
        for name, value in given.items():
            if name not in rungs:
                why = f"there is no rung {name!r}; known: {', '.join(rungs)}"
                found.append(((*at, key, name), why, "config"))
            elif key == "on":
                rungs[name]["on"] = value
            elif isinstance(value, Mapping):
                rungs[name].update(value)
            else:
                found.append(((*at, key, name), f"must be {_KEYS}", "config"))
