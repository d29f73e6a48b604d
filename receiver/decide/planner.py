"""Planning for many alerts: of hundreds of targets only those are asked that can hold for an alert at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Generic, Protocol, TypeVar

from receiver.decide.episode import Observation
from receiver.decide.matchers import Matcher, Matchers, Op
from receiver.decide.plan import Draft, Playbook, Selectable, draft


class Matching(Protocol):
    """Whatever has matchers."""

    @property
    def matchers(self) -> Matchers: ...


M = TypeVar("M", bound=Matching)


class Index(Generic[M]):
    """Items by the value of one label that they insist on; those that insist on none are always asked."""

    def __init__(self, items: Sequence[M]) -> None:
        self._always: list[tuple[int, M]] = []
        self._by: dict[str, dict[str, list[tuple[int, M]]]] = {}
        for place, item in enumerate(items):
            must = next(filter(_insists, item.matchers), None)
            if must is None:
                self._always.append((place, item))
            else:
                self._by.setdefault(must.name, {}).setdefault(must.value, []).append((place, item))

    def candidates(self, labels: Mapping[str, str]) -> list[M]:
        """In their order, all that may match and as few others as can be."""
        found = list(self._always)
        for name, by_value in self._by.items():
            found += by_value.get(labels.get(name, ""), ())
        if len(found) > 1:
            found.sort(key=lambda one: one[0])
        return [item for _, item in found]


class Planner:
    """`draft` for one config, made once."""

    def __init__(self, playbooks: Sequence[Playbook], targets: Sequence[Selectable]) -> None:
        self._playbooks = Index(playbooks)
        self._targets = Index(targets)

    def draft(self, seen: Observation) -> Draft | None:
        """What `seen` would open."""
        labels = seen.labels
        return draft(seen, self._playbooks.candidates(labels), self._targets.candidates(labels))


def _insists(matcher: Matcher) -> bool:
    return matcher.op is Op.EQUAL and matcher.value != ""
