"""A report as one HTML file: no script, nothing loaded from anywhere, and a policy that would forbid both."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from html import escape

from receiver.backtest.diff import Diff
from receiver.backtest.report import Report
from receiver.backtest.text import ASSUMED, tally, when
from receiver.backtest.timeline import timeline

MOST = 5000  # actions in the table
STYLE = """
:root{color-scheme:light dark}
body{font:15px/1.5 system-ui,sans-serif;margin:0 auto;max-width:70rem;padding:1rem;color:#1f2328;background:#fff}
h1{font-size:1.4rem}h2{font-size:1.1rem;margin-top:2rem}
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:.25rem .6rem;border-bottom:1px solid #8c959f;vertical-align:top}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
.timeline{width:100%;min-width:44rem;height:auto;font-size:12px;fill:currentColor}
.day{stroke:#8c959f;stroke-width:.5}.date{font-size:10px}
.broken{fill:#d4a72c}.acted{stroke:#0969da;stroke-width:2}.refused{fill:#cf222e}
.key{white-space:nowrap;margin-right:1.2rem}.key svg{width:1em;height:1em;vertical-align:-.1em}
@media (prefers-color-scheme:dark){body{color:#e6edf3;background:#0d1117}.acted{stroke:#58a6ff}.refused{fill:#ff7b72}}
"""
_KEYS = (
    ("broken", '<rect class="broken" x="0" y="5" width="16" height="7"/>'),
    ("would have acted", '<line class="acted" x1="8" x2="8" y1="0" y2="16"/>'),
    ("refused", '<circle class="refused" cx="8" cy="8" r="5"/>'),
)
_RUNGS = (
    "playbook", "rung", "action", "mode", "its turn", "would act", "cleared before", "human", "helped", "refused",
)  # fmt: skip


def page(reports: Sequence[tuple[str, Report]], diff: Diff | None = None) -> str:
    """`reports` with the name of the file that each one's playbooks are of."""
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    body = [part for name, report in reports for part in _report(name, report)]
    return "\n".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>Prunella: backtest</title><style>{STYLE}</style></head><body>",
            "<h1>What Prunella would have done</h1>",
            *([] if diff is None else _diff(diff)),
            *body,
            f"<p>{escape(ASSUMED)}</p></body></html>",
        ]
    )


def _report(name: str, report: Report) -> Iterator[str]:
    span = f"{when(report.span.start)} to {when(report.span.end)} UTC"
    yield f"<h2>{escape(name)}</h2><p>{span}: {report.alerts} alerts fired {report.episodes} times,"
    yield f" {len(report.cases)} incidents, {len(report.actions)} actions.</p>"
    yield f'<div class="scroll">{timeline(report)}</div><p>{"".join(_keys())}</p>'
    rungs = (
        (
            one.playbook, one.rung, one.action, one.mode, one.reached, one.acted, one.cleared, one.human, one.helped,
            tally(one.refused),
        )
        for one in report.rungs
    )  # fmt: skip
    yield _table(_RUNGS, rungs)
    yield f"<p>Refused: {tally(report.refused)}. A human called: {tally(report.human)}.</p>"
    yield f"<p>No playbook answers: {escape(tally(report.unanswered))}.</p>"
    busiest = report.busiest
    if busiest.actions:
        yield f"<p>Worst hour: {busiest.actions} actions from {when(busiest.begins)}.</p>"
    yield _table(("day", "actions"), report.days.items())
    conflicts = (
        (when(one.at), when(one.until), one.target, " and ".join(one.playbooks))
        for one in report.conflicts
    )
    yield "<h2>Conflicts: two playbooks that want one target</h2>"
    yield _table(("from", "to", "target", "playbooks"), conflicts)
    acted = (
        (when(one.at), one.action, one.target, one.playbook, one.rung)
        for one in report.actions[:MOST]
    )
    yield "<h2>What would have been done</h2>"
    yield _table(("at", "action", "target", "playbook", "rung"), acted)


def _diff(diff: Diff) -> Iterator[str]:
    yield "<h2>From the first file to the second</h2>"
    rows = (
        (one.playbook, one.rung, one.figure, _or_dash(one.before), _or_dash(one.after))
        for one in diff.changes
    )
    yield _table(("playbook", "rung", "figure", "first", "second"), rows)
    both = ((sign, one) for sign, of in (("-", diff.gone), ("+", diff.new)) for one in of[:MOST])
    acted = (
        (sign, when(one.at), one.action, one.target, one.playbook, one.rung) for sign, one in both
    )
    yield _table(("", "at", "action", "target", "playbook", "rung"), acted)


def _or_dash(value: int | None) -> object:
    return "-" if value is None else value


def _keys() -> Iterator[str]:
    for word, mark in _KEYS:
        yield f'<span class="key"><svg viewBox="0 0 16 16" aria-hidden="true">{mark}</svg> {word}</span>'


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    if not body:
        return "<p>none</p>"
    names = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    return f'<div class="scroll"><table><thead><tr>{names}</tr></thead><tbody>{body}</tbody></table></div>'


def _cell(value: object) -> str:
    number = ' class="n"' if isinstance(value, int) else ""
    return f"<td{number}>{escape(str(value))}</td>"
