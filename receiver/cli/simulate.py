"""`prunella simulate FILE`: what a delivery would lead to. Needs the config and no server; nothing is run."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from prunella.service.settings import ConfigError, load
from receiver.consistency import build_action
from receiver.decide.episode import Observation, Status
from receiver.decide.guards import Facts
from receiver.decide.matchers import matches_all
from receiver.decide.plan import Playbook, Rung, draft, strictest
from receiver.decide.rehearsal import Rehearsal, Word, rehearse
from receiver.settings import ReceiverSettings
from receiver.webhook import BadDelivery, Delivery, decode

NOT_ASKED = "Asked at the moment only: promotions, pause, maintenance, silences, limits, cooldown, busy targets."


def simulate(options: argparse.Namespace) -> int:
    """Prints the plan: 0, 1 when the body cannot be read, 2 when the config cannot."""
    try:
        settings = load(ReceiverSettings, options.config, os.environ)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    try:
        body = sys.stdin.buffer.read() if options.file == "-" else Path(options.file).read_bytes()
        delivery = decode(body, "alertmanager", time.time())
    except (OSError, BadDelivery) as error:
        print(f"prunella: {options.file}: {error}", file=sys.stderr)
        return 1
    plan = [*_rehearsals(settings, delivery)]
    if options.json:
        spoiled = [one.why for one in delivery.spoiled]
        shown = {"alerts": [asdict(one) for one in plan], "quarantined": spoiled}
        print(json.dumps({**shown, "not_asked": NOT_ASKED}, indent=2, default=str))
    else:
        print("\n".join(_story(plan, delivery)))
    return 0


def _rehearsals(settings: ReceiverSettings, delivery: Delivery) -> Iterator[Rehearsal]:
    targets = tuple(settings.targets.values())
    known = _Known(settings, delivery.observations, time.time())
    for seen in delivery.observations:
        yield rehearse(seen, settings.playbooks, targets, known.facts)


@dataclass(frozen=True, slots=True)
class _Known:
    """What can be known of the guards' facts from the config and one delivery."""

    settings: ReceiverSettings
    delivery: Sequence[Observation]
    now: float

    def facts(self, book: Playbook, rung: Rung, name: str) -> Facts:
        settings, target = self.settings, self.settings.targets.get(name)
        action = build_action(rung.action, rung.options)
        has_facet = target is None or action.fits(target)
        group = settings.group_of(name)
        stop = settings.stop_file
        return Facts(
            now=self.now,
            mode=strictest(settings.mode, book.mode, rung.mode),
            target=name,
            playbook=book.name,
            target_known=target is not None,
            facet=has_facet,
            stop_file=stop is not None and stop.exists(),
            last_seen=self.now,
            dependency=self._dependency(book),
            disruptive=action.disruptive,
            unhealthy=len(group & self._sick()),
            group_size=len(group),
            limits=settings.limits.limits,
        )

    def _dependency(self, book: Playbook) -> str | None:
        if not book.blocked_by:
            return None
        open_ones = (
            one.labels for one in self._firing() if matches_all(book.blocked_by, one.labels)
        )
        found = next(open_ones, None)
        return None if found is None else found.get("alertname", "")

    def _sick(self) -> frozenset[str]:
        settings = self.settings
        targets = tuple(settings.targets.values())
        planned = (draft(one, settings.playbooks, targets) for one in self._firing())
        return frozenset(name for one in planned if one is not None for name in one.targets)

    def _firing(self) -> Iterator[Observation]:
        return (one for one in self.delivery if one.status is Status.FIRING)


def _story(plan: Sequence[Rehearsal], delivery: Delivery) -> Iterator[str]:
    for number, one in enumerate(plan, start=1):
        labels = ", ".join(f"{name}={value!r}" for name, value in sorted(one.labels.items()))
        yield f"alert {number}  {one.labels.get('alertname', '?')}  {one.status}  {{{labels}}}"
        yield f"  → {one.outcome}"
        yield from _words("playbook", one.playbooks)
        yield from _words("target", one.targets)
        for step in one.ladder:
            on = step.target or "no target"
            yield f"  rung {step.rung}: {step.action} on {on} {step.answer} ({step.reason})"
        if one.incident:
            yield f"  incident {one.incident}"
    for spoiled in delivery.spoiled:
        yield f"set aside: {spoiled.why}"
    yield NOT_ASKED if plan else "no alert in it could be read"


def _words(kind: str, words: Sequence[Word]) -> Iterator[str]:
    for word in words:
        yield f"  {kind} {word.name}: {'yes' if word.yes else 'no'}, {word.why}"
