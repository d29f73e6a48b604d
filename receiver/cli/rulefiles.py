"""Reads what is not ours, as far as lint needs it: Prometheus' rule files and Alertmanager's config."""

from __future__ import annotations

import glob
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from prunella.service.units import parse_duration
from receiver.decide.lint import Finding
from receiver.decide.rules import Rules, read_rules

DEFAULT_INTERVAL = 300.0  # Alertmanager's own group_interval


class Unreadable(Exception):
    """A file is missing or is not what it should be; the text names it."""


def rules_of(patterns: Sequence[str]) -> Rules:
    """The rules of all files that the patterns name. Raises Unreadable."""
    try:
        return read_rules(rules_in(patterns))
    except ValueError as error:
        raise Unreadable(f"--rules: {error}") from error


def rules_in(patterns: Sequence[str]) -> list[Mapping[str, object]]:
    """The same, as they are written. Raises Unreadable."""
    found: list[Mapping[str, object]] = []
    for pattern in patterns:
        files = sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207 - a pattern may be absolute
        if not files:
            raise Unreadable(f"--rules: no file is named {pattern}")
        for file in files:
            groups = _sequence(_loaded(Path(file)).get("groups"))
            rules = (_sequence(_mapping(group).get("rules")) for group in groups)
            found += [_mapping(rule) for of_group in rules for rule in of_group]
    return found


class AlertmanagerFile:
    """Alertmanager's config: which of its webhooks are ours, and how they are treated."""

    def __init__(self, file: Path) -> None:
        """Raises Unreadable."""
        self._name = file.name
        self._tree = _loaded(file)

    def findings(self) -> Iterator[Finding]:
        """What would have us miss alerts or resolves."""
        for at, _, hook in self._webhooks():
            if hook.get("send_resolved") is False:
                yield f"{at}.send_resolved", "is false: nobody tells that an alert has ended"
            if hook.get("max_alerts"):
                yield f"{at}.max_alerts", "cuts deliveries short: alerts beyond it are not heard of"

    def group_interval(self) -> float:
        """The longest of the routes that lead to us: so long may a resolve take. Raises Unreadable."""
        ours = {receiver for _, receiver, _ in self._webhooks()}
        try:
            intervals = dict(
                self._intervals(_mapping(self._tree.get("route")), DEFAULT_INTERVAL, "")
            )
        except ValueError as error:
            raise Unreadable(f"{self._name}: {error}") from error
        return max((intervals[name] for name in intervals.keys() & ours), default=0.0)

    def _webhooks(self) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
        for number, receiver in enumerate(_sequence(self._tree.get("receivers"))):
            hooks = _sequence(_mapping(receiver).get("webhook_configs"))
            for place, hook in enumerate(map(_mapping, hooks)):
                if urlsplit(str(hook.get("url", ""))).path.rstrip("/").endswith("/alerts"):
                    at = f"{self._name} receivers[{number}].webhook_configs[{place}]"
                    yield at, str(_mapping(receiver).get("name")), hook

    def _intervals(
        self, route: Mapping[str, Any], inherited: float, above: str
    ) -> Iterator[tuple[str, float]]:
        said = route.get("group_interval")
        interval = inherited if said is None else parse_duration(said)
        receiver = str(route.get("receiver") or above)
        found = {receiver: interval}
        for child in _sequence(route.get("routes")):
            for name, one in self._intervals(_mapping(child), interval, receiver):
                found[name] = max(one, found.get(name, 0.0))
        yield from found.items()


def _loaded(file: Path) -> Mapping[str, Any]:
    try:
        tree = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise Unreadable(f"{file}: cannot be read: {error}") from error
    if not isinstance(tree, dict):
        raise Unreadable(f"{file}: is not a mapping of keys")
    return tree


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _sequence(value: object) -> Sequence[Any]:
    return value if isinstance(value, list) else ()
