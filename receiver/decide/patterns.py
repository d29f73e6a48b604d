"""Regular expressions as Alertmanager means them, on Python's engine.

Alertmanager compiles matchers with RE2, which never backtracks; Python's `re` does. A matcher has to mean the same in
both or be refused when the config is read, and a label (an attacker's input) must not be able to hold the event loop:

- what RE2 refuses (look-around, back-references, atomic groups, possessive repeats) is refused here too;
- what only RE2 knows (`[[:alpha:]]`, `\\pL`, `\\z`, `\\Q…\\E`) is refused, because `re` would read it differently or not at all;
- `\\d`, `\\w`, `\\s` and `(?i)` are ASCII, as in RE2 (where `(?i)` alone folds beyond ASCII: the one silent difference);
- a repeat inside a repeat without a delimiter, the shape that backtracks exponentially, is refused;
- a value longer than MAX_VALUE matches nothing.
"""

from __future__ import annotations

import re
import warnings

MAX_VALUE = 4096

_FOREIGN = re.compile(r"\(\?(?:[=!>(]|<[=!]|P=)|[*+?}]\+")
_POSIX_CLASS = re.compile(r"\[:\^?[a-z]+:\]")
_ATOMS = re.compile(
    r"(?P<literal>\\.|[^\\()\[\]*+?{}|.^$])"
    r"|(?P<set>\[\^?\]?(?:\\.|[^\]\\])*\]|\.)"
    r"|(?P<open>\((?:\?(?:P<\w+>|[a-zA-Z-]*:))?)|(?P<close>\))"
    r"|(?P<repeat>[*+]\??|\{\d*,?\d*\}\??)|(?P<other>.)",
    re.DOTALL,
)
_SETS = frozenset("dDwWsS")  # escapes that stand for many characters, so they delimit nothing


def compile_pattern(text: str) -> re.Pattern[str]:
    """The compiled expression for a full match; ValueError says what Alertmanager or we cannot do with it."""
    bare = _without_sets_and_escapes(text)
    if _FOREIGN.search(bare) or re.search(r"(?<!\\)(?:\\\\)*\\[1-9]", text):
        raise ValueError("look-around, back-references and possessive repeats are not in RE2")
    if _POSIX_CLASS.search(text):
        raise ValueError("POSIX classes are not supported: write [a-z] or \\w instead")
    if _repeats_a_repeat(text):
        raise ValueError("a repeat inside a repeat can take for ever on a long label: put it apart")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", FutureWarning)
            return re.compile(text, re.ASCII)
    except (re.error, FutureWarning, OverflowError, RecursionError) as error:
        raise ValueError(f"not a regular expression: {error}") from error


def full_match(pattern: re.Pattern[str], value: str) -> bool | None:
    """Whether the whole value matches; None when it is too long to be asked."""
    return None if len(value) > MAX_VALUE else pattern.fullmatch(value) is not None


def _without_sets_and_escapes(text: str) -> str:
    return "".join(
        "a" if atom.lastgroup == "set" or atom.group().startswith("\\") else atom.group()
        for atom in _ATOMS.finditer(text)
    )


class _Group:
    """What an open group has shown so far: a repeat inside, and whether a delimiter begins or ends it."""

    def __init__(self) -> None:
        self.repeats = False
        self.forks = False
        self._atoms: list[bool] = []

    def saw(self, *, plain: bool) -> None:
        self._atoms.append(plain)

    def repeat_last(self) -> None:
        self.repeats = True
        self._atoms[-1:] = [False]

    def ambiguous(self) -> bool:
        delimited = bool(self._atoms) and (self._atoms[0] or self._atoms[-1])
        return self.repeats and (self.forks or not delimited)


def _repeats_a_repeat(text: str) -> bool:
    stack = [_Group()]
    closed: _Group | None = None
    for atom in _ATOMS.finditer(text):
        kind, just_closed, closed = atom.lastgroup, closed, None
        if kind == "open":
            stack.append(_Group())
        elif kind == "close" and len(stack) > 1:
            closed = stack.pop()
            stack[-1].saw(plain=False)
            stack[-1].repeats |= closed.repeats
        elif kind == "repeat":
            if just_closed is not None and just_closed.ambiguous():
                return True
            stack[-1].repeat_last()
        else:
            stack[-1].forks |= atom.group() == "|"
            stack[-1].saw(plain=kind == "literal" and atom.group()[1:] not in _SETS)
    return False
