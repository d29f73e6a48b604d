"""Alertmanager's matcher syntax, so that what operators know from routes and silences means the same in playbooks.

Accepted is what Alertmanager 0.25 and newer both read the same way: `name="value"` with `=`, `!=`, `=~`, `!~`, several
in one string separated by commas, optional braces, bare values, quoted UTF-8 label names. Inside quotes `\\"`, `\\n` and
`\\\\` are escapes and any other backslash is itself, so that `"\\d+"` is a regular expression. A missing label is the
empty string. Regular expressions are anchored at both ends; patterns.py says which dialect.

No matchers at all match everything, as in Alertmanager: who must not touch "everything" has to ask for one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated

from pydantic import BeforeValidator, InstanceOf, PlainSerializer, WithJsonSchema

from receiver.decide.patterns import compile_pattern, full_match

_QUOTED = r'"((?:[^"\\]|\\.)*)"'
_MATCHER = re.compile(
    rf"""\s*(?:{_QUOTED}|([^\s{{}}!=~,\\"'`]+))"""
    rf"""\s*(=~|!=|!~|=)\s*(?:{_QUOTED}|([^\s{{}}!=~,"'`][^{{}},"]*)?)\s*(,|$)""",
    re.DOTALL,
)
_CLASSIC_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_ESCAPES = {"n": "\n", '"': '"', "\\": "\\"}


def escaped(text: str) -> str:
    """As it stands between quotes, in a matcher and in PromQL."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def quoted(text: str) -> str:
    """With its quotes."""
    return f'"{escaped(text)}"'


class Op(StrEnum):
    """How a label is compared."""

    EQUAL = "="
    NOT_EQUAL = "!="
    MATCHES = "=~"
    MATCHES_NOT = "!~"


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition on one label; its str() parses back to an equal one."""

    name: str
    op: Op
    value: str
    _pattern: re.Pattern[str] | None = field(init=False, repr=False, compare=False, default=None)

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("a label's name is missing")
        if self.op in {Op.MATCHES, Op.MATCHES_NOT}:
            object.__setattr__(self, "_pattern", compile_pattern(self.value))

    def __str__(self) -> str:
        name = self.name if _CLASSIC_NAME.fullmatch(self.name) else quoted(self.name)
        return f"{name}{self.op}{quoted(self.value)}"

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether the labels hold it; of a value too long to be asked neither `=~` nor `!~` holds."""
        value = labels.get(self.name, "")
        if self._pattern is None:
            return (value == self.value) is (self.op is Op.EQUAL)
        return full_match(self._pattern, value) is (self.op is Op.MATCHES)


def parse_matchers(text: str) -> tuple[Matcher, ...]:
    """The matchers of one string, at least one; ValueError says where it stops being one."""
    inner = _without_braces(text.strip())
    found: list[Matcher] = []
    at = 0
    while at < len(inner) or not found:
        match = _MATCHER.match(inner, at)
        if match is None:
            raise ValueError(_complaint(inner, inner[at:].strip()))
        found.append(_matcher(match))
        at = match.end()
        if not inner[at:].strip():
            break
    return tuple(found)


def matches_all(matchers: Iterable[Matcher], labels: Mapping[str, str]) -> bool:
    """Whether every matcher holds; true for none."""
    return all(matcher.matches(labels) for matcher in matchers)


def exclude_each_other(some: Iterable[Matcher], others: Iterable[Matcher]) -> bool:
    """Whether surely no labels hold both: one insists on a value with which another does not hold."""
    both = (*some, *others)
    insisted = {one.name: one.value for one in both if one.op is Op.EQUAL}
    return any(one.name in insisted and not one.matches(insisted) for one in both)


def _matcher(match: re.Match[str]) -> Matcher:
    quoted_name, bare_name, op, quoted_value, bare_value, _ = match.groups()
    name = bare_name if quoted_name is None else _unescape(quoted_name)
    value = (bare_value or "").rstrip() if quoted_value is None else _unescape(quoted_value)
    return Matcher(name, Op(op), value)


def _without_braces(text: str) -> str:
    if text.startswith("{") != text.endswith("}") and text.startswith("{"):
        raise ValueError(f"{text}: the closing brace is missing")
    return text[1:-1].strip() if text.startswith("{") else text


def _complaint(whole: str, rest: str) -> str:
    if not whole:
        return "an empty matcher: say for example 'alertname=\"HighErrorRate\"'"
    where = "" if rest == whole else f" (from {rest!r})"
    return f'{whole}: not a matcher{where}: say name="value" with =, !=, =~ or !~'


def _unescape(text: str) -> str:
    return re.sub(r"\\(.)", lambda m: _ESCAPES.get(m[1], m[0]), text, flags=re.DOTALL)


def _read(value: object) -> object:
    """Before-validator: a list of strings (or one string) becomes Matcher values; anything else is left to pydantic."""
    items = [value] if isinstance(value, str) else value
    if not isinstance(items, list | tuple):
        return value
    found: list[Matcher] = []
    wrong: list[str] = []
    for item in items:
        try:
            found.extend(_read_one(item))
        except ValueError as error:
            wrong.append(str(error))
    if wrong:
        raise ValueError("; ".join(dict.fromkeys(wrong)))
    return tuple(found)


def _read_one(item: object) -> Sequence[Matcher]:
    if isinstance(item, Matcher):
        return (item,)
    if not isinstance(item, str):
        wanted = "write each as text, as in 'service=\"api\"'"
        raise ValueError(wanted)  # noqa: TRY004 - pydantic collects ValueError only
    return parse_matchers(item)


def _write(value: tuple[Matcher, ...]) -> list[str]:
    return [str(matcher) for matcher in value]


Matchers = Annotated[
    tuple[InstanceOf[Matcher], ...],
    BeforeValidator(_read),
    PlainSerializer(_write),
    WithJsonSchema({"type": "array", "items": {"type": "string"}}),
]
