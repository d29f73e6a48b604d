"""A name that nothing is known by: what was asked for, what it may have meant, and what there is."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

_LONGEST = 200
_MOST = 50


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """The sentence that says it."""
    names = sorted(known)
    listed = ", ".join(names[:_MOST]) or "none"
    return f"there is no {kind} {name[:_LONGEST]!r}{did_you_mean(name, names)}; known: {listed}"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """What is spelled much like it, to be appended; nothing where nothing is."""
    close = get_close_matches(name.lower(), list(known), n=1)
    return f" (did you mean {close[0]}?)" if close else ""
