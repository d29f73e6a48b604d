"""What names of series an expression reads. No parser: labels in braces, modifiers and functions are taken away, and what is left are names."""

from __future__ import annotations

import re

_WORDS = {
    *(
        "by",
        "without",
        "on",
        "ignoring",
        "group_left",
        "group_right",
        "and",
        "or",
        "unless",
        "bool",
    ),
    *("offset", "inf", "nan", "start", "end", "atan2"),
}
_TAKEN_AWAY = (
    r'"(?:[^"\\]|\\.)*"',  # strings
    r"\{[^}]*\}",  # matchers
    r"\[[^\]]*\]",  # ranges
    r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)",  # lists of labels
    r"\b(?:offset)\s+\S+",
)
_NAME = re.compile(r"(?<![\w:.])([a-zA-Z_:][\w:]*)(?!\w*\s*\()")


def series_of(expr: str) -> set[str]:
    """Of `sum by (a) (rate(b{c="d"}[5m]))` it is {b}."""
    for pattern in _TAKEN_AWAY:
        expr = re.sub(pattern, " ", expr)
    names = set(_NAME.findall(expr))
    functions = set(re.findall(r"([a-zA-Z_]\w*)\s*\(", expr))
    return {name for name in names if name.lower() not in _WORDS} - functions
