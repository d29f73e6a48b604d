"""`prunella oncall`: whose turn it is, and who stands in."""

from __future__ import annotations

import argparse
from typing import Any

from receiver.cli.api import Api
from receiver.cli.operate import Command
from receiver.cli.show import show

PATH = "/api/v1/oncall"


def add_oncall(command: Command, shared: argparse.ArgumentParser) -> None:
    """The words `list`, `override` and `end`."""
    parser = command("oncall", "whose turn it is to be called, and who stands in")
    words = parser.add_subparsers(dest="what", required=True, metavar="list|override|end")
    words.add_parser("list", help="every rotation", parents=[shared])
    override = words.add_parser("override", help="somebody stands in from now", parents=[shared])
    override.add_argument("rotation")
    override.add_argument("member")
    override.add_argument("--for", dest="duration", required=True, help="8h, 2d, …")
    end = words.add_parser("end", help="whose turn it is has it again", parents=[shared])
    end.add_argument("rotation")


async def oncall(options: argparse.Namespace, api: Api) -> int:
    """Runs one of the three words."""
    match options.what:
        case "override":
            body: dict[str, object] = {"member": options.member, "duration": options.duration}
            show(options, await api.post(f"{PATH}/{options.rotation}", body), _line)
        case "end":
            show(options, await api.delete(f"{PATH}/{options.rotation}"), _line)
        case _:
            show(options, await api.get(PATH), lambda said: "\n".join(map(_line, said["oncall"])))
    return 0


def _line(one: dict[str, Any]) -> str:
    if one["until"] is None:
        return f"{one['rotation']}: {one['member']}"
    return (
        f"{one['rotation']}: {one['member']} until {one['until']} ({one['by']}), then {one['turn']}"
    )
