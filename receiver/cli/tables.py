"""Answers for people: columns as wide as what stands in them, colours only where somebody sees them."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any

_COLOURS = {
    **dict.fromkeys(("RESOLVED", "HEALED_HOLD", "stable"), "32"),
    **dict.fromkeys(("ESCALATED", "critical", "failed", "quarantined"), "31"),
    **dict.fromkeys(("BLOCKED", "AWAITING_APPROVAL", "warning", "rolled_back"), "33"),
}
_CODE = re.compile(r"\033\[\d*m")
BETWEEN = "  "


def coloured(word: str, environ: Mapping[str, str] = os.environ) -> str:
    """The word in its colour, on a terminal whose user has not said NO_COLOR."""
    code = _COLOURS.get(word)
    seen = sys.stdout.isatty() and not environ.get("NO_COLOR")
    return f"\033[{code}m{word}\033[0m" if code and seen else word


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """One line a row; the last column is as long as it is."""
    lines = [head, *rows]
    wide = [max(map(_length, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        BETWEEN.join(
            cell + " " * (width - _length(cell)) for cell, width in zip(line, wide, strict=True)
        ).rstrip()
        for line in lines
    )


def _length(cell: str) -> int:
    return len(_CODE.sub("", cell))


def incidents_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """One line an incident, newest first."""
    if not rows:
        return "no incidents"
    return table(
        ("ID", "STATE", "SEVERITY", "PLAYBOOK", "REASON", "TITLE"),
        [
            (
                *(str(row["id"]), coloured(row["state"]), coloured(row["severity"])),
                *(row["playbook"] or "-", row["reason"], row["title"]),
            )
            for row in rows
        ],
    )


def incident_story(row: Mapping[str, Any]) -> str:
    """One incident with its timeline."""
    head = f"incident {row['id']}  {coloured(row['state'])}  {coloured(row['severity'])}  {row['title']}"
    targets = ", ".join(row["targets"]) or "-"
    about = (
        f"playbook {row['playbook'] or '-'}, rung {row['rung'] or '-'}, targets {targets}, "
        f"episode {row['episode']}"
    )
    start = row["timeline"][0]["t"] if row["timeline"] else 0.0
    return "\n".join([head, about, *(_moment(event, start) for event in row["timeline"])])


def _moment(event: Mapping[str, Any], start: float) -> str:
    return f"  +{event['t'] - start:8.1f}s  {event['ev']:<12} {event['text']}".rstrip()
