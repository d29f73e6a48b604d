"""Words of an operator's own for a channel: Jinja's expressions, and nothing that could take long or grow large.

A sandbox keeps a template away from the program, but not from the processor: `{{ 'a' * 10**9 }}` and two nested ranges
are polite Python. So what a template may use is a list, it is held against the list before anything of it is computed,
nothing on the list can multiply, and what it does with text is counted: too much, and the default words are sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from difflib import get_close_matches
from functools import lru_cache
from typing import Annotated

from jinja2 import StrictUndefined, Template, TemplateError, nodes
from jinja2.exceptions import SecurityError, UndefinedError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from pydantic import AfterValidator

from prunella.service.settings import Settings
from receiver.channels.effort import (
    FILTERS,
    HIDDEN,
    TESTS,
    WORDS_MOST,
    Counted,
    TooMuchWork,
    limited,
    worded,
)
from receiver.channels.notice import Notice

SOURCE_MOST, DEPTH_MOST = 4000, 25
TITLE_MOST, TEXT_MOST = 300, WORDS_MOST
_VALUE_MOST, _ENTRIES_MOST = 4000, 100  # of what a template is given
_MAPPINGS = ("facts", "labels", "links")
_NODES = (
    *(nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.Getattr),
    *(
        nodes.Getitem,
        nodes.Slice,
        nodes.Filter,
        nodes.Test,
        nodes.Compare,
        nodes.Operand,
        nodes.And,
    ),
    *(nodes.Or, nodes.Not, nodes.If, nodes.CondExpr, nodes.For, nodes.Concat, nodes.Call),
    *(nodes.Tuple, nodes.Keyword),
)
_WORDS: Mapping[type[nodes.Node], str] = {
    nodes.Mul: "`*`",
    nodes.Pow: "`**`",
    nodes.Add: "`+` (write `~`)",
    nodes.Mod: "`%`",
    nodes.Assign: "`set`",
    nodes.Macro: "`macro`",
    nodes.Include: "`include`",
    nodes.Import: "`import`",
    nodes.Extends: "`extends`",
}
_TESTS = frozenset(
    {"defined", "undefined", "none", "eq", "equalto", "ne", "in", "string", "number"}
)
_KNOWN_FILTERS = frozenset({*FILTERS, "default", "d"})
_METHODS = frozenset({"items", "keys", "values", "get"})


class TemplateFailed(Exception):
    """It cannot be made into words; the text is for an operator."""


@lru_cache
def _environment() -> ImmutableSandboxedEnvironment:
    made = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined,
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=worded,
    )  # not escaped: each channel does that for its own service
    default = made.filters["default"]
    made.filters = {**FILTERS, **HIDDEN, "default": default, "d": default}
    made.tests = {name: test for name, test in made.tests.items() if name in _TESTS} | TESTS
    made.globals = {}
    return made


@lru_cache(maxsize=256)
def _compiled(source: str) -> Template:
    """Raises TemplateFailed for what is not on the list, before any of it is computed."""
    if len(source) > SOURCE_MOST:
        raise TemplateFailed(f"is longer than {SOURCE_MOST} characters")
    try:
        tree = _environment().parse(source)
        _examine(tree, loops=0, depth=0)
        Counted(_environment()).visit(tree)
        return _environment().from_string(tree)
    except TemplateError as error:
        raise TemplateFailed(f"is not a template: {error.message or 'cannot be read'}") from error
    except (RecursionError, MemoryError, SyntaxError) as error:
        raise TemplateFailed("is nested too deeply") from error


def _examine(node: nodes.Node, loops: int, depth: int) -> None:
    if depth > DEPTH_MOST:
        raise TemplateFailed("is nested too deeply")
    if not isinstance(node, _NODES):
        word = _WORDS.get(type(node), f"`{type(node).__name__.lower()}`")
        raise TemplateFailed(f"{word} cannot be used in a template")
    if isinstance(node, nodes.For):
        _examine_loop(node, loops)
        loops += 1
    _examine_names(node)
    for child in node.iter_child_nodes():
        _examine(child, loops, depth + 1)


def _examine_names(node: nodes.Node) -> None:
    if isinstance(node, nodes.Filter) and node.name not in _KNOWN_FILTERS:
        known = ", ".join(sorted(_KNOWN_FILTERS))
        raise TemplateFailed(f"unknown filter {node.name!r}; known: {known}")
    if isinstance(node, nodes.Test) and node.name not in _TESTS:
        raise TemplateFailed(f"unknown test {node.name!r}; known: {', '.join(sorted(_TESTS))}")
    if isinstance(node, nodes.Call) and not _may_be_called(node):
        raise TemplateFailed(f"only {', '.join(sorted(_METHODS))} of a mapping can be called")


def _examine_loop(loop: nodes.For, loops: int) -> None:
    source: nodes.Node = loop.iter
    while isinstance(source, nodes.Call | nodes.Getattr):
        source = source.node
    over = source.name if isinstance(source, nodes.Name) else ""
    if loops or loop.recursive or over not in _MAPPINGS:
        names = " or ".join(f"{name}.items()" for name in _MAPPINGS)
        raise TemplateFailed(f"a loop goes over {names}, and has no other inside")


def _may_be_called(call: nodes.Call) -> bool:
    method = call.node
    return (
        isinstance(method, nodes.Getattr)
        and method.attr in _METHODS
        and isinstance(method.node, nodes.Name)
        and method.node.name in _MAPPINGS
        and not call.dyn_args
        and not call.dyn_kwargs
    )


def render(source: str, notice: Notice, environment: str | None, most: int) -> str:
    """The template's words about this notice, at most so many characters. Raises TemplateFailed."""
    try:
        with limited():
            words = _made(source, _data(notice, environment), most).strip()
    except TooMuchWork as error:
        raise TemplateFailed(str(error)) from error
    except (TemplateError, ValueError, TypeError, LookupError, AttributeError) as error:
        raise TemplateFailed(_why(error)) from error
    if not words:
        raise TemplateFailed("makes no words")
    return words


def _made(source: str, data: Mapping[str, object], most: int) -> str:
    pieces: list[str] = []
    room = most
    for piece in _compiled(source).generate(data):
        pieces.append(piece[:room])
        room -= len(piece)
        if room <= 0:
            break
    return "".join(pieces)


def _why(error: Exception) -> str:
    """What is wrong and what to write instead."""
    said = str(error)[:300]
    if isinstance(error, SecurityError):
        names = ", ".join(f"`{name}`" for name in _MAPPINGS)
        return f"{said} What stands after a dot is a key of {names} or `question`, such as `labels.service`"
    if not isinstance(error, UndefinedError):
        return f"{type(error).__name__}: {said}"
    name, undefined, _ = said.partition("' is undefined")
    if not undefined:
        return f"{said}; for what not every message has, write `| default('…')` after it"
    close = get_close_matches(name.strip("'"), NAMES, n=1)
    meant = f" (did you mean {close[0]}?)" if close else ""
    return f"{said}{meant}; there are {', '.join(NAMES)}"


def _data(notice: Notice, environment: str | None) -> dict[str, object]:
    asked = None if notice.question is None else asdict(notice.question)
    mappings = (notice.facts, notice.labels, notice.links)
    return {
        "event": notice.event,
        "incident": notice.incident,
        "episode": notice.episode,
        "step": notice.step,
        "severity": notice.severity,
        "title": notice.title[:_VALUE_MOST],
        "text": notice.text[:_VALUE_MOST],
        "at": f"{datetime.fromtimestamp(notice.at, UTC):%Y-%m-%d %H:%M:%S} UTC",
        "ended": notice.ended,
        "question": asked,
        "environment": environment or "",
        **{name: _few(values) for name, values in zip(_MAPPINGS, mappings, strict=True)},
    }


def _few(values: Mapping[str, str]) -> dict[str, str]:
    pairs = list(values.items())[:_ENTRIES_MOST]
    return {name[:_VALUE_MOST]: value[:_VALUE_MOST] for name, value in pairs}


SAMPLE = Notice(
    event="opened",
    incident=1,
    episode="f1@1700000000",
    step="restart",
    severity="critical",
    title="[firing] the shop answers with errors",
    text="Playbook errors answers.",
    at=1_700_000_000.0,
    dedup_key="prunella-sample-1-opened",
    links={"Runbook": "https://prunella.example/runbooks/HighErrorRate"},
    labels={"alertname": "HighErrorRate", "service": "shop", "severity": "critical"},
    facts={"Target": "shop", "Since": "2023-11-14 22:12:20 UTC, for 1m", "Next": "restart on shop"},
)


def _renders(source: str) -> str:
    try:
        render(source, SAMPLE, "production", TEXT_MOST)
    except TemplateFailed as error:
        raise ValueError(str(error)) from None
    return source


NAMES = tuple(sorted(_data(SAMPLE, None)))
Source = Annotated[str, AfterValidator(_renders)]


class Templates(Settings):
    """What is said instead of the default; what is left out stays as it is."""

    title: Source | None = None
    text: Source | None = None
