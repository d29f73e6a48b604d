"""What a template does, counted while it does it: a list of what may be said does not bound how often it is said.

`labels ~ labels ~ …` in the condition of a loop is short, on the list, and a gigabyte of text that nobody ever sees. So
all that handles text (putting together, comparing, cutting, every filter) goes through here and pays by the character.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from jinja2 import Environment, nodes
from jinja2.visitor import NodeTransformer

WORDS_MOST = 8000  # of any value that a template makes: no message is longer
WORK_MOST = 1_000_000  # characters, over all of a template
_ENTRY = 32  # what an entry of a mapping costs beside its characters
_NEEDLE = 100  # characters up to which looking for something costs no more than reading what it is looked for in


class TooMuchWork(Exception):
    """The template has handled more than it may; the text is for an operator."""


class _Effort:
    def __init__(self) -> None:
        self.left = WORK_MOST


_effort: ContextVar[_Effort | None] = ContextVar("effort", default=None)


@contextmanager
def limited() -> Iterator[None]:
    """What is rendered inside may cost so much and no more. Raises TooMuchWork."""
    before = _effort.set(_Effort())
    try:
        yield
    finally:
        _effort.reset(before)


def spend(units: int) -> None:
    """Raises TooMuchWork when that is more than is left."""
    effort = _effort.get()
    if effort is None:
        return
    effort.left -= units
    if effort.left < 0:
        raise TooMuchWork(
            f"handles more than {WORK_MOST:,} characters: take single keys (`labels.service`) "
            "instead of whole mappings, and less inside the loop"
        )


_MANY: tuple[type[Iterable[object]], ...] = (
    tuple,
    list,
    type({}.keys()),
    type({}.values()),
    type({}.items()),
)


def _weight(value: object) -> int:
    if isinstance(value, str):
        return len(value) + 1
    if isinstance(value, dict):
        return sum(_ENTRY + _weight(key) + _weight(one) for key, one in value.items())
    if isinstance(value, _MANY):
        return sum(_ENTRY + _weight(one) for one in value)
    return _ENTRY


def weighed(value: object) -> object:
    """The same, paid for."""
    spend(_weight(value))
    return value


def worded(value: object) -> str:
    """As text, paid for, and no longer than a message."""
    return str(weighed(value))[:WORDS_MOST]


def _concat(*values: object) -> str:
    pieces, room = list[str](), WORDS_MOST
    for value in values:
        if room <= 0:
            break
        pieces.append(worded(value)[:room])
        room -= len(pieces[-1])
    return "".join(pieces)


def _join(values: Iterable[object], between: object = "") -> str:
    glue, words = worded(between), list[str]()
    for value in values:
        spend(_ENTRY)
        words.append(worded(value))
    if sum(map(len, words)) + len(glue) * len(words) > WORDS_MOST:
        raise TooMuchWork("`join` makes more than a message holds")
    return glue.join(words)


def _shortened(text: object, most: int) -> str:
    words = worded(text)
    return words if len(words) <= most else f"{words[: max(0, most - 1)]}…"


def _within(one: object, many: object) -> bool:
    if isinstance(one, str) and isinstance(many, str):
        spend(_ENTRY + len(many) * (1 + len(one) // _NEEDLE))
    else:
        spend(_weight(one) + _weight(many))
    return operator.contains(many, one)  # type: ignore[arg-type]  # what holds nothing is a TypeError


def _counted(compare: Callable[[Any, Any], object]) -> Callable[[object, object], bool]:
    def counted(left: object, right: object) -> bool:
        return bool(compare(weighed(left), weighed(right)))

    return counted


_COMPARISONS: Mapping[str, Callable[[object, object], bool]] = {
    "eq": _counted(operator.eq),
    "ne": _counted(operator.ne),
    "gt": _counted(operator.gt),
    "gteq": _counted(operator.ge),
    "lt": _counted(operator.lt),
    "lteq": _counted(operator.le),
    "in": _within,
    "notin": lambda one, many: not _within(one, many),
}
TESTS = {
    "eq": _COMPARISONS["eq"],
    "equalto": _COMPARISONS["eq"],
    "ne": _COMPARISONS["ne"],
    "in": _within,
}


def _compare(left: object, *steps: object) -> bool:
    """`a < b < c` as its values with the names of the comparisons between them."""
    for name, right in zip(steps[::2], steps[1::2], strict=True):
        if not _COMPARISONS[str(name)](left, right):
            return False
        left = right
    return True


FILTERS: Mapping[str, Callable[..., object]] = {
    "capitalize": lambda text: worded(text).capitalize(),
    "first": lambda values: next(iter(values), ""),
    "join": _join,
    "length": len,
    "lower": lambda text: worded(text).lower(),
    "title": lambda text: worded(text).title(),
    "trim": lambda text: worded(text).strip(),
    "truncate": _shortened,
    "upper": lambda text: worded(text).upper(),
}
# Named as no template can name a filter: what `Counted` puts in the place of Jinja's own.
_CONCAT, _COMPARE, _WEIGH = "~", "<>", "[:]"
HIDDEN: Mapping[str, Callable[..., object]] = {
    _CONCAT: _concat,
    _COMPARE: _compare,
    _WEIGH: weighed,
}


class Counted(NodeTransformer):
    """Puts what is counted in the place of Jinja's own `~`, comparisons and slices."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment

    def _filter(self, name: str, on: nodes.Expr, *others: nodes.Expr) -> nodes.Filter:
        return nodes.Filter(
            *(on, name, list(others), [], None, None),
            lineno=on.lineno,
            environment=self._environment,
        )

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802 - Jinja's name for it
        self.generic_visit(node)
        return self._filter(_CONCAT, *node.nodes)

    def visit_Compare(self, node: nodes.Compare) -> nodes.Node:  # noqa: N802 - Jinja's name for it
        self.generic_visit(node)
        steps = list[nodes.Expr]()
        for operand in node.ops:
            name = nodes.Const(operand.op, lineno=node.lineno, environment=self._environment)
            steps += [name, operand.expr]
        return self._filter(_COMPARE, node.expr, *steps)

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Node:  # noqa: N802 - Jinja's name for it
        self.generic_visit(node)
        if isinstance(node.arg, nodes.Slice):
            node.node = self._filter(_WEIGH, node.node)
        return node
