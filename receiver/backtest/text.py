"""A report as text for a terminal, and as plain values for JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from prunella.redaction import printable
from receiver.backtest.diff import Diff
from receiver.backtest.report import Evidence, Report

SHOWN = 40  # actions and conflicts in the text; JSON and the page have all
ASSUMED = (
    "Assumed: nothing that would have been done changes when an alert ended (unless --helps); nobody approves, pauses,"
    " silences or announces work; every action ends at once and well; releases are not known, so nothing is rolled back."
)
_HEAD = ("PLAYBOOK", "RUNG", "ACTION", "MODE", "TURN", "ACTS", "CLEARED", "HUMAN", "HELPED")


def values(report: Report) -> Mapping[str, Any]:
    """As `--json` prints it."""
    shown = asdict(report)
    shown.update(assumed=ASSUMED, actions=[asdict(one) for one in report.actions])
    return shown


def changes(diff: Diff) -> Mapping[str, Any]:
    """A diff as `--json` prints it."""
    return asdict(diff)


def text(report: Report) -> str:
    """What a terminal shows."""
    return "\n".join(printable(line) for line in _lines(report))


def _lines(report: Report) -> Iterator[str]:
    yield (
        f"{when(report.span.start)} to {when(report.span.end)}: {report.alerts} alerts fired"
        f" {report.episodes} times, {len(report.cases)} incidents, {len(report.actions)} actions"
    )
    yield from ("", *_table(report.rungs), "")
    yield f"refused: {tally(report.refused)}"
    yield f"a human would have been called: {tally(report.human)}"
    yield f"no playbook answers: {tally(report.unanswered)}"
    worst = max(report.days.items(), key=lambda day: day[1])
    mean = len(report.actions) / len(report.days)
    yield f"actions a day: {mean:.1f}, at most {worst[1]} ({worst[0]})"
    if report.busiest.actions:
        begins = when(report.busiest.begins)
        yield f"worst hour: {report.busiest.actions} actions from {begins}"
    yield f"conflicts: {len(report.conflicts)}"
    for one in report.conflicts[:SHOWN]:
        both = " and ".join(one.playbooks)
        yield f"  {when(one.at)}  {one.target}  {both}, for {(one.until - one.at) / 60:.0f} min"
    yield from ("", "what would have been done")
    for acted in report.actions[:SHOWN]:
        yield f"  {when(acted.at)}  {acted.action} on {acted.target} ({acted.playbook}, {acted.rung})"
    if len(report.actions) > SHOWN:
        yield f"  … {len(report.actions) - SHOWN} more: --json and --html have all"
    yield from ("", ASSUMED)


def _table(rungs: Sequence[Evidence]) -> Iterator[str]:
    rows = [_HEAD, *(_row(one) for one in rungs)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    for row, one in zip(rows, [None, *rungs], strict=True):
        cells = (
            f"{cell:<{width}}" if column < 4 else f"{cell:>{width}}"
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        refused = "REFUSED" if one is None else tally(one.refused)
        yield f"{'  '.join(cells)}  {refused}".rstrip()


def _row(one: Evidence) -> tuple[str, ...]:
    figures = (one.reached, one.acted, one.cleared, one.human, one.helped)
    return (one.playbook, one.rung, one.action, one.mode, *map(str, figures))


def tally(counts: Mapping[str, int]) -> str:
    """`3 cooldown, 1 limit_target`."""
    return ", ".join(f"{count} {word}" for word, count in counts.items()) or "none"


def when(at: float) -> str:
    """A moment, in UTC."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M}"


def diff_text(diff: Diff) -> str:
    """What a terminal shows of a diff."""
    return "\n".join(printable(line) for line in _differences(diff))


def _differences(diff: Diff) -> Iterator[str]:
    yield "from the first file to the second"
    for one in diff.changes:
        before, after = ("-" if value is None else value for value in (one.before, one.after))
        yield f"  {one.playbook}, {one.rung}: {one.figure} {before} → {after}"
    for sign, actions in (("-", diff.gone), ("+", diff.new)):
        for acted in actions[:SHOWN]:
            yield f"{sign} {when(acted.at)}  {acted.action} on {acted.target} ({acted.playbook}, {acted.rung})"
        if len(actions) > SHOWN:
            yield f"{sign} … {len(actions) - SHOWN} more"
    if not (diff.changes or diff.gone or diff.new):
        yield "  no difference"
