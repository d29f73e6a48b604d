"""Alerting rules as far as a playbook cares: which labels they surely set, how long they wait and how far they look back.

What labels a series brings cannot be known from the text, so a label that a rule does not set itself may have any value.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from prunella.service.units import parse_duration
from receiver.decide.matchers import Matcher

_TEXT = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|`[^`]*`")
_RANGE = re.compile(r"\[\s*([0-9a-z]+)\s*(?::[^\]]*)?\]")
_WORD = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_EVERY_SERIES = frozenset({"job", "instance"})  # Prometheus sets them itself


@dataclass(frozen=True, slots=True)
class Rule:
    """One alerting rule. `labels` are those it sets to a fixed value, `open` those it fills from a template."""

    name: str
    labels: Mapping[str, str]
    open: frozenset[str]
    for_: float
    lookback: float
    passes_on: bool  # labels of the series that its text does not name

    def allows(self, matcher: Matcher) -> bool:
        """Whether an alert of this rule could hold the matcher."""
        if matcher.name == "alertname":
            return matcher.matches({"alertname": self.name})
        if matcher.name in self.labels:
            return matcher.matches(self.labels)
        return True

    def ensures(self, matcher: Matcher) -> bool:
        """Whether every alert of this rule holds the matcher."""
        known = matcher.name == "alertname" or matcher.name in self.labels
        return known and self.allows(matcher)


@dataclass(frozen=True, slots=True)
class Rules:
    """Every alerting rule, and every word in the text of all rules: labels that are aggregated by are among them."""

    alerts: tuple[Rule, ...]
    words: frozenset[str]

    def knows(self, label: str) -> bool:
        """Whether an alert could have a label of this name. A rule that aggregates by nothing may pass on any, but one
        that is nearly what some rule sets is a slip of the pen."""
        known = {
            "alertname",
            *(name for rule in self.alerts for name in (*rule.labels, *rule.open)),
        }
        if label in known | self.words | _EVERY_SERIES:
            return True
        return any(rule.passes_on for rule in self.alerts) and not get_close_matches(label, known)

    def could_fire(self, rule: Rule, matcher: Matcher) -> bool:
        """Whether an alert of this rule could hold the matcher; a label that nobody brings is missing."""
        return rule.allows(matcher) if self.knows(matcher.name) else matcher.matches({})


def read_rules(rules: Iterable[Mapping[str, object]]) -> Rules:
    """The `rules` of all groups of all files. Raises ValueError."""
    given = list(rules)
    records = {str(rule["record"]): str(rule.get("expr", "")) for rule in given if "record" in rule}
    words = {word for rule in given for word in _WORD.findall(str(rule.get("expr", "")))}
    alerts = tuple(_rule(rule, records) for rule in given if "alert" in rule)
    return Rules(alerts, frozenset(words))


def _rule(rule: Mapping[str, object], records: Mapping[str, str]) -> Rule:
    said = rule.get("labels")
    labels = {
        str(name): str(value) for name, value in (said if isinstance(said, dict) else {}).items()
    }
    fixed = {name: value for name, value in labels.items() if "{{" not in value}
    return Rule(
        name=str(rule["alert"]),
        labels=fixed,
        open=frozenset(labels.keys() - fixed.keys()),
        for_=parse_duration(rule.get("for") or "0"),
        lookback=lookback(str(rule.get("expr", "")), records),
        passes_on="by" not in _WORD.findall(_TEXT.sub("", str(rule.get("expr", "")))),
    )


def lookback(expr: str, records: Mapping[str, str], seen: frozenset[str] = frozenset()) -> float:
    """How long the expression remembers what is over: of `and` the side that forgets first, else the longest range."""
    either = _apart(_TEXT.sub('""', expr), "or")
    return max(min(_longest(side, records, seen) for side in _apart(one, "and")) for one in either)


def _apart(expr: str, operator: str) -> list[str]:
    """The sides of an operator, outside of all parentheses."""
    depth, begin, sides = 0, 0, []
    for found in re.finditer(rf"[({{\[]|[)}}\]]|\b{operator}\b", expr, re.IGNORECASE):
        if found[0] in "({[":
            depth += 1
        elif found[0] in ")}]":
            depth -= 1
        elif depth == 0:
            sides.append(expr[begin : found.start()])
            begin = found.end()
    return [*sides, expr[begin:]]


def _longest(expr: str, records: Mapping[str, str], seen: frozenset[str]) -> float:
    own = [parse_duration(found) for found in _RANGE.findall(expr)]
    recorded = [
        lookback(records[word], records, seen | {word})
        for word in set(_WORD.findall(expr))
        if word in records and word not in seen
    ]
    return max([0.0, *own, *recorded])
