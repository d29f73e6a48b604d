"""How a figure is said: what was measured, beside the goal, and whether it holds on this machine now."""

from __future__ import annotations

import sys


def say(text: str) -> None:
    """A line at once, so that whoever waits sees where it is."""
    print(text)
    sys.stdout.flush()


def at_least(what: str, value: float, goal: float, unit: str) -> None:
    """More is better."""
    _line(what, value, f">= {goal:,.10g} {unit}", unit, holds=value >= goal)


def at_most(what: str, value: float, goal: float, unit: str) -> None:
    """Less is better."""
    _line(what, value, f"<= {goal:,.10g} {unit}", unit, holds=value <= goal)


def _line(what: str, value: float, goal: str, unit: str, *, holds: bool) -> None:
    figure = f"{value:10,.1f}" if value >= 10 else f"{value:10.2f}"
    say(f"  {what:44} {figure} {unit:5}  goal {goal:14} {'holds' if holds else 'MISSED'}")
