"""`prunella release report` and `prunella releases --reports`: what a launch watch has seen, as text or as a picture."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from receiver.cli.api import Api, ApiError, UsageError
from receiver.cli.show import show

PATH = "/api/v1/releases"
PATIENCE = 90.0  # the first picture takes long


def add_report(words: Any, shared: argparse.ArgumentParser) -> None:
    """`release report TARGET [VERSION] [--png FILE]`."""
    parser = words.add_parser(
        "report",
        help="what its launch watch has seen; without a version what serves",
        parents=[shared],
    )
    parser.add_argument("target")
    parser.add_argument("version", nargs="?")
    parser.add_argument("--png", type=Path, metavar="FILE", help="draws it into this file as well")


async def report(options: argparse.Namespace, api: Api) -> int:
    """The report of one release; 1 when there is none."""
    number = await _number(api, options.target, options.version)
    show(options, await api.get(f"{PATH}/{number}/watch"), _text)
    if options.png is not None:
        await _draw(api, number, options.png)
    return 0


async def reports(api: Api, target: str | None) -> list[Any]:
    """Those of all that serves, or of what serves on one target."""
    rows = [one for one in await _listed(api, target, None) if one["serves"]]
    return [await api.get(f"{PATH}/{one['id']}/watch") for one in rows]


def reports_text(found: Sequence[Mapping[str, Any]]) -> str:
    """One below the other."""
    return "\n\n".join(map(_text, found)) or "nothing serves"


async def _number(api: Api, target: str, version: str | None) -> int:
    """The newest deploy of that version that went live, or what serves."""
    rows = await _listed(api, target, version)
    live = [one for one in rows if one["finished_at"] and (version or one["serves"])]
    if not live:
        what = f"{version} was never live" if version else "no release is known to serve"
        raise ApiError(f"{what} on {target}")
    return int(live[0]["id"])


async def _listed(api: Api, target: str | None, version: str | None) -> list[dict[str, Any]]:
    query = {"target": target, "version": version, "limit": "1000"}
    said = {key: value for key, value in query.items() if value is not None}
    rows: list[dict[str, Any]] = await api.get(f"{PATH}?{urlencode(said)}")
    return rows


async def _draw(api: Api, number: int, file: Path) -> None:
    drawn = await api.fetch(f"{PATH}/{number}/picture", PATIENCE)
    try:
        await asyncio.to_thread(file.write_bytes, drawn)
    except OSError as error:
        raise UsageError(f"--png {file}: {error.strerror}") from error


def _text(said: Mapping[str, Any]) -> str:
    return "\n".join(said["report"])
