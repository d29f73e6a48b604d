"""Answers for people: short tables, colours only on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

_COLOURS = {
    "RESOLVED": "32",
    "HEALED_HOLD": "32",
    "ESCALATED": "31",
    "BLOCKED": "33",
    "AWAITING_APPROVAL": "33",
}


def coloured(word: str) -> str:
    """The state word, in its colour where colours are seen."""
    code = _COLOURS.get(word)
    return f"\033[{code}m{word}\033[0m" if code and sys.stdout.isatty() else word


def incidents_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """One line an incident, newest first."""
    if not rows:
        return "no incidents"
    lines = [f"{'ID':>6}  {'STATE':<18} {'SEVERITY':<9} {'PLAYBOOK':<16} {'REASON':<20} TITLE"]
    for row in rows:
        state = coloured(row["state"]) + " " * (18 - len(row["state"]))
        lines.append(
            f"{row['id']:>6}  {state} {row['severity']:<9} {row['playbook'] or '-':<16} "
            f"{row['reason']:<20} {row['title']}"
        )
    return "\n".join(lines)


def incident_story(row: Mapping[str, Any]) -> str:
    """One incident with its timeline."""
    head = f"incident {row['id']}  {coloured(row['state'])}  {row['severity']}  {row['title']}"
    targets = ", ".join(row["targets"]) or "-"
    about = (
        f"playbook {row['playbook'] or '-'}, rung {row['rung'] or '-'}, targets {targets}, "
        f"episode {row['episode']}"
    )
    start = row["timeline"][0]["t"] if row["timeline"] else 0.0
    return "\n".join([head, about, *(_moment(event, start) for event in row["timeline"])])


def _moment(event: Mapping[str, Any], start: float) -> str:
    return f"  +{event['t'] - start:8.1f}s  {event['ev']:<12} {event['text']}".rstrip()
