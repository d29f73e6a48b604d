"""Which playbook answers an alert, on which targets, with which ladder.

The models here are the config's own, so what a user writes, what the journal snapshots and what the stages read are
one thing: `model_dump(mode="json")` of a playbook validates again.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Literal, Protocol

from msgspec import Struct
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    JsonValue,
    field_validator,
)

from prunella.service.rules import Rule
from prunella.service.settings import Duration, Settings
from receiver.decide.episode import Observation
from receiver.decide.matchers import Matchers, matches_all
from receiver.decide.reason import Reason


def _name(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}", text):
        raise ValueError(
            "a name has letters, digits, _ . and - only, at most 64, and none of . - first"
        )
    return text


Name = Annotated[str, AfterValidator(_name)]
Severity = Literal["info", "warning", "critical"]


class Mode(StrEnum):
    """How far a playbook may go by itself, strictest first."""

    SHADOW = "shadow"
    APPROVE = "approve"
    AUTO = "auto"


LADDER_OF_MODES = (Mode.SHADOW, Mode.APPROVE, Mode.AUTO)


def strictest(*modes: Mode | None) -> Mode:
    """The mode that holds where several are said; None says nothing."""
    return min(
        (mode for mode in modes if mode is not None), key=LADDER_OF_MODES.index, default=Mode.SHADOW
    )


class Verify(Settings):
    """How it is proven that an action helped. Defaults are the contract's."""

    settle: Duration = 10.0
    within: Duration = 300.0
    every: Annotated[Duration, Field(gt=0)] = 5.0
    need: Annotated[int, Field(ge=1)] = 2
    decay: Duration = 600.0
    hold: Duration = 0.0
    checks: Annotated[tuple[dict[str, JsonValue], ...], Field(min_length=1)] = (
        {"alert": "cleared"},
    )


_RUNG_KEYS = frozenset({"name", "action", "on", "mode", "timeout", "optional", "options"})


class Rung(Settings):
    """One step of a ladder. The action's options stand inline beside `action`; every other key is one of them."""

    name: Name
    action: str
    on: Annotated[tuple[Name, ...], Field(min_length=1)] | None = None
    mode: Mode | None = None
    timeout: Annotated[Duration, Field(gt=0)] = 60.0
    optional: bool = False  # left out on a target that has not what the action needs
    options: dict[str, JsonValue] = Field(default_factory=dict)

    @field_validator("on")
    @classmethod
    def _each_target_once(cls, on: tuple[str, ...] | None) -> tuple[str, ...] | None:
        twice = sorted({name for name in on or () if (on or ()).count(name) > 1})
        if twice:
            raise ValueError(f"names {', '.join(twice)} twice: a rung acts on each target once")
        return on


def gather_options(value: object) -> object:
    """Moves what stands inline beside `action` under `options`."""
    if not isinstance(value, Mapping) or "options" in value:
        return value
    inline = {key: item for key, item in value.items() if key not in _RUNG_KEYS}
    known = {key: item for key, item in value.items() if key in _RUNG_KEYS}
    return {"name": value.get("action"), **known, "options": inline}


class Playbook(Settings):
    """Which alerts, which ladder, how to verify, whom to tell. A new one starts in shadow."""

    name: Name
    matchers: Annotated[Matchers, Field(min_length=1)]
    mode: Mode = Mode.SHADOW
    group_by: tuple[str, ...] = ("service",)
    for_: Annotated[Duration, Field(alias="for")] = 0.0
    blocked_by: Matchers = ()
    cooldown: Duration = 600.0
    reopen_window: Duration = 600.0
    blocked_max: Duration = 1800.0
    approval_expires: Duration = 1800.0
    ladder: Annotated[
        tuple[Annotated[Rung, BeforeValidator(gather_options)], ...], Field(min_length=1)
    ]
    verify: Verify = Field(default_factory=Verify)
    notify: tuple[Name, ...] | None = None
    escalate: Name | dict[Severity, Name] | None = None  # or by severity

    @cached_property
    def snapshot(self) -> dict[str, JsonValue]:
        """As an incident keeps it."""
        return self.model_dump(mode="json", by_alias=True)

    @cached_property
    def likeness(self) -> str:
        """Tells whether it still is what somebody trusted. Whom it tells does not matter, nor what it says by default."""
        untold = {"name", "notify", "escalate"}
        said = self.model_dump(mode="json", by_alias=True, exclude=untold, exclude_defaults=True)
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]

    @cached_property
    def rung_likenesses(self) -> Mapping[str, str]:
        """By name, what a rung is whatever it is called: what it does to which targets, and when its turn comes."""
        said = {
            rung.name: json.dumps([place, rung.action, rung.on, rung.options], sort_keys=True)
            for place, rung in enumerate(self.ladder)
        }
        return {name: hashlib.sha256(text.encode()).hexdigest()[:16] for name, text in said.items()}

    @Rule
    def _rung_names_differ(self) -> Iterator[str]:
        known = (getattr(rung, "name", None) for rung in self.ladder)
        names = [name for name in known if name is not None]
        if len(set(names)) != len(names):
            yield "two rungs of one ladder have the same name: give one of them another `name`"


class Selectable(Protocol):
    """What planning needs of a target."""

    @property
    def name(self) -> str: ...

    @property
    def matchers(self) -> Matchers: ...


_SEVERITIES = {
    "critical": "critical",
    "high": "critical",
    "warning": "warning",
    "medium": "warning",
}
RANK = ("info", "warning", "critical")  # severities, the gravest last


def severity_of(labels: Mapping[str, str]) -> str:
    """critical, warning or info, from the words that teams use."""
    return _SEVERITIES.get(labels.get("severity", "").lower(), "info")


def highest(first: str, second: str) -> str:
    """The graver of two severities."""
    return max(first, second, key=RANK.index)


class Draft(Struct, frozen=True, gc=False):
    """The incident that an alert would open, or join when one with this key is open."""

    key: str
    playbook: str
    targets: tuple[str, ...]
    severity: str
    title: str
    plan: Mapping[str, object]
    reason: Reason  # FIRING, or why nothing can be done


def draft(
    seen: Observation, playbooks: Sequence[Playbook], targets: Sequence[Selectable]
) -> Draft | None:
    """What `seen` would open; None for a marker (severity `none`) that no playbook asks for."""
    playbook = next((book for book in playbooks if matches_all(book.matchers, seen.labels)), None)
    if playbook is None:
        return None if seen.labels.get("severity") == "none" else _unplanned(seen)
    chosen = select(seen.labels, targets)
    # quoted, so that no label value can look like two and join another group's incident
    group = ",".join(
        f"{name}={json.dumps(seen.labels.get(name, ''))}" for name in playbook.group_by
    )
    needs_target = any(rung.on is None for rung in playbook.ladder)
    return Draft(
        key=f"{playbook.name}|{group}|{','.join(chosen)}",
        playbook=playbook.name,
        targets=chosen,
        severity=severity_of(seen.labels),
        title=title_of(seen),
        plan=playbook.snapshot,
        reason=Reason.UNKNOWN_TARGET if needs_target and not chosen else Reason.FIRING,
    )


def select(labels: Mapping[str, str], targets: Sequence[Selectable]) -> tuple[str, ...]:
    """Names of the targets whose matchers all hold; one without matchers is reached by `on` alone."""
    return tuple(
        target.name
        for target in targets
        if target.matchers and matches_all(target.matchers, labels)
    )


def title_of(seen: Observation) -> str:
    """The line that people read first."""
    name = seen.labels.get("alertname", "alert")
    return (seen.annotations.get("summary") or name)[:300]


_NO_PLAN: Mapping[str, object] = {}


def _unplanned(seen: Observation) -> Draft:
    return Draft(
        key=f"|{seen.alert}",
        playbook="",
        targets=(),
        severity=severity_of(seen.labels),
        title=title_of(seen),
        plan=_NO_PLAN,
        reason=Reason.NO_PLAYBOOK,
    )
