"""`prunella lint`: playbooks against the rules that fire their alerts. Needs files only."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator, Mapping

from prunella.service.settings import ConfigError, load
from receiver.actions.restart import Restart
from receiver.checks import parse_check
from receiver.cli.rulefiles import AlertmanagerFile, Unreadable, rules_of
from receiver.consistency import build_action
from receiver.decide.lint import Finding, Needs, Situation
from receiver.decide.lint import lint as findings_of
from receiver.decide.plan import Rung
from receiver.settings import ReceiverSettings


def lint(options: argparse.Namespace) -> int:
    """Prints one `path: message` a line: 0 for none, 1 for any, 2 when a file cannot be used."""
    try:
        settings = load(ReceiverSettings, options.config, os.environ)
        found = [*_findings(settings, options)]
    except (ConfigError, Unreadable) as error:
        print(error, file=sys.stderr)
        return 2
    if options.json:
        print(json.dumps([{"path": path, "message": message} for path, message in found], indent=2))
    else:
        print("\n".join(f"{path}: {message}" for path, message in found) or "nothing found")
    return 1 if found else 0


def _findings(settings: ReceiverSettings, options: argparse.Namespace) -> Iterator[Finding]:
    told = AlertmanagerFile(options.alertmanager) if options.alertmanager is not None else None
    situation = Situation(
        playbooks=settings.playbooks,
        targets=tuple(settings.targets.values()),
        rules=rules_of(options.rules),
        needs=Needs(_facet_of_rung, _least_time, _facet_of_check),
        lacks=lambda target, facet: getattr(settings.targets[target], facet, None) is None,
        group_interval=told.group_interval() if told is not None else 0.0,
    )
    yield from findings_of(situation)
    if told is not None:
        yield from told.findings()


def _facet_of_rung(rung: Rung) -> str | None:
    return build_action(rung.action, rung.options).needs()


def _least_time(rung: Rung) -> float:
    action = build_action(rung.action, rung.options)
    return action.up_for if isinstance(action, Restart) else 0.0


def _facet_of_check(check: Mapping[str, object]) -> str | None:
    return parse_check(check).needs()
