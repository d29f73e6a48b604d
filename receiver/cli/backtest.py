"""`prunella backtest` and `prunella replay`: what playbooks would have done. Need the config and who remembers; nothing is run."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvloop
from pydantic import ValidationError

from prunella.service.document import read_document
from prunella.service.problems import problems_of
from prunella.service.settings import ConfigError, load
from prunella.service.units import parse_duration
from receiver.backtest.cases import read_cases
from receiver.backtest.deliveries import stored
from receiver.backtest.diff import Diff, diff_of
from receiver.backtest.history import Heard, HistoryError, Stretch, heard
from receiver.backtest.page import page
from receiver.backtest.prometheus import PrometheusHistory
from receiver.backtest.replay import Span, Wish
from receiver.backtest.replay import replay as play
from receiver.backtest.report import Report, report_of
from receiver.backtest.rulebook import AlertRule, fired, unknown
from receiver.backtest.text import changes, diff_text, text, values
from receiver.backtest.world import harmless
from receiver.cli.progress import Bar
from receiver.cli.rulefiles import Unreadable, rules_in
from receiver.decide.plan import Mode
from receiver.outside.http import open_http
from receiver.settings import ReceiverSettings

KEEP = 2.0
AFTER = 3600.0  # what was under way at the last delivery may come to its end


@dataclass(frozen=True, slots=True)
class _Told:
    """A history, from whoever it is."""

    heard: Sequence[Heard]
    span: Span


_Ask = Callable[[argparse.Namespace, ReceiverSettings], _Told]


def backtest(options: argparse.Namespace) -> int:
    """Prints the report: 0, 1 when Prometheus cannot tell, 2 when a file or an option is wrong."""
    return _careful(options, _of_prometheus)


def replay(options: argparse.Namespace) -> int:
    """The same from a file."""
    return _careful(options, _of_file)


def _careful(options: argparse.Namespace, ask: _Ask) -> int:
    try:
        settings = [*_settings(options)]
        return _show(options, settings, ask(options, settings[0][1]))
    except (ConfigError, Unreadable) as error:
        print(error, file=sys.stderr)
        return 2
    except ValueError as error:
        print(f"prunella: {error}", file=sys.stderr)
        return 2
    except (HistoryError, OSError) as error:
        print(f"prunella: {error}", file=sys.stderr)
        return 1


def _settings(options: argparse.Namespace) -> Iterator[tuple[str, ReceiverSettings]]:
    if len(options.playbooks) > 2:
        raise ValueError("--playbooks: one file, or two to compare")
    if not options.playbooks:
        name = "the defaults" if options.config is None else options.config.name
        yield name, load(ReceiverSettings, options.config, os.environ)
    for file in options.playbooks:
        yield file.name, _with_playbooks(options.config, file)


def _with_playbooks(config: Path | None, file: Path) -> ReceiverSettings:
    """The config with the playbooks of the file, which may be a whole config itself. Raises ConfigError."""
    own, wrong = read_document(file, os.environ)
    if "targets" in own:
        return load(ReceiverSettings, file, os.environ)
    base, problems = read_document(config, os.environ) if config else ({}, [])
    if wrong or problems:
        raise ConfigError([*wrong, *problems])
    folder = (config or file).absolute().parent
    tree = {**base, **own}
    try:
        return ReceiverSettings.model_validate(tree, context={"folder": folder})
    except ValidationError as error:
        raise ConfigError(problems_of(error, tree, str(file))) from error


def _of_file(options: argparse.Namespace, _: ReceiverSettings) -> _Told:
    found = stored(options.file)
    if not found:
        raise HistoryError(f"{options.file}: no delivery in it")
    return _Told(found, Span(found[0].at, found[-1].at + AFTER))


def _of_prometheus(options: argparse.Namespace, settings: ReceiverSettings) -> _Told:
    url = options.prometheus or (settings.prometheus and settings.prometheus.url)
    if not url:
        raise ValueError(
            "say where Prometheus is: --prometheus URL, or `prometheus:` in the config"
        )
    since, step = parse_duration(options.since), parse_duration(options.step)
    if step < 1 or since < step:
        raise ValueError("--step is at least 1s, and --since at least one step")
    end = time.time() if options.until is None else options.until
    span = Span(end - since, end)
    rules = rules_in(options.rules)
    return _Told(heard(uvloop.run(_asked(str(url), step, span, rules))), span)


async def _asked(
    url: str, step: float, span: Span, rules: Sequence[Mapping[str, object]]
) -> list[Stretch]:
    async with open_http(KEEP) as http:
        history = PrometheusHistory(http, url, step)
        found = await history.alerts(span, Bar("reading alerts"))
        known = {one.labels.get("alertname", "") for one in found}
        for rule in unknown(rules, known):
            found += await _rule(history, rule, step, span)
    return found


async def _rule(
    history: PrometheusHistory, rule: AlertRule, step: float, span: Span
) -> Iterator[Stretch]:
    times = await history.times(rule.expr, span, Bar(f"reading {rule.name}"))
    return (
        one for series, at in times.items() for one in fired(rule, dict(series), at, step, span.end)
    )


def _show(
    options: argparse.Namespace, settings: Sequence[tuple[str, ReceiverSettings]], told: _Told
) -> int:
    reports = [(name, _report(options, name, one, told)) for name, one in settings]
    diff = diff_of(reports[0][1], reports[1][1]) if len(reports) > 1 else None
    if options.html is not None:
        options.html.write_text(page(reports, diff), encoding="utf-8")
    if options.json:
        print(json.dumps(_json(reports, diff), indent=2))
        return 0
    for name, report in reports:
        print(*([f"== {name}"] if diff else []), text(report), sep="\n")
    if diff is not None:
        print(f"\n{diff_text(diff)}")
    return 0


def _json(reports: Sequence[tuple[str, Report]], diff: Diff | None) -> Mapping[str, Any]:
    if diff is None:
        return values(reports[0][1])
    both = [{"playbooks": name, **values(report)} for name, report in reports]
    return {"reports": both, "diff": changes(diff)}


def _report(
    options: argparse.Namespace, name: str, settings: ReceiverSettings, told: _Told
) -> Report:
    world = harmless(settings, None if options.as_configured else Mode.AUTO)
    wish = Wish(options.helps, Bar(f"replaying {name}"))
    rows = uvloop.run(play(world, told.heard, told.span, wish))
    ladders = {book.name: [rung.name for rung in book.ladder] for book in settings.playbooks}
    fires = [one.alert["labels"] for one in told.heard if one.alert["status"] == "firing"]
    alerts = {frozenset(labels.items()) for labels in fires}
    cases = read_cases(rows, ladders)
    counted = len(alerts), len(fires)
    return report_of(cases, settings.playbooks, settings.mode, told.span, counted)
