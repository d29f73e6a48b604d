"""The timeline as SVG: a row for each playbook, what was broken as bars, what would have been done and refused as marks.

No style attributes and no script, so that a page with a strict policy shows it. Marks that fall on the same spot are
one, so that a month of noise is no larger than a month of peace.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from html import escape

from receiver.backtest.cases import Case
from receiver.backtest.report import DAY, NO_GUARD, Report

WIDE, LEFT, ROW, TOP = 1000, 170, 34, 26
TICKS = 15  # dates, at most
NOBODY = "(no playbook)"


def timeline(report: Report) -> str:
    """The picture; every row has a title that a pointer, or a reader of the page, is told."""
    rows = sorted({case.playbook for case in report.cases}, key=lambda name: (name == "", name))
    high = TOP + ROW * max(1, len(rows))
    parts = [
        f'<svg viewBox="0 0 {WIDE} {high}" role="img" aria-label="timeline" class="timeline">',
        *_days(report, high),
    ]
    for place, name in enumerate(rows):
        top = TOP + ROW * place
        shown = escape((name or NOBODY)[:26])
        parts.append(f"<g><title>{shown}</title>")
        parts.append(f'<text x="0" y="{top + 19}">{shown}</text>')
        parts.extend(dict.fromkeys(_marks(report, name, top)))
        parts.append("</g>")
    return "".join([*parts, "</svg>"])


def _x(report: Report, at: float) -> float:
    share = (at - report.span.start) / max(1.0, report.span.end - report.span.start)
    return round((LEFT + (WIDE - LEFT) * min(1.0, max(0.0, share))) * 2) / 2


def _days(report: Report, high: int) -> Iterator[str]:
    first, last = -(-report.span.start // DAY), report.span.end // DAY
    every = max(1, -(-int(last - first + 1) // TICKS))
    for day in range(int(first), int(last) + 1, every):
        x = _x(report, day * DAY)
        date = f"{datetime.fromtimestamp(day * DAY, UTC):%d %b}"
        yield f'<line class="day" x1="{x:g}" x2="{x:g}" y1="16" y2="{high}"/>'
        yield f'<text class="date" x="{x:g}" y="11">{date}</text>'


def _marks(report: Report, playbook: str, top: int) -> Iterator[str]:
    cases = [case for case in report.cases if case.playbook == playbook]
    for case in cases:
        yield _bar(report, case, top)
    for case in cases:
        for refused in case.refused:
            if refused.reason not in NO_GUARD:
                yield _dot(report, refused.at, top)
        for acted in case.acted:
            x = _x(report, acted.at)
            yield f'<line class="acted" x1="{x:g}" x2="{x:g}" y1="{top + 3}" y2="{top + 27}"/>'


def _bar(report: Report, case: Case, top: int) -> str:
    begins = _x(report, case.opened)
    ends = _x(report, report.span.end if case.closed is None else case.closed)
    wide = max(1.0, ends - begins)
    return f'<rect class="broken" x="{begins:g}" y="{top + 10}" width="{wide:g}" height="10"/>'


def _dot(report: Report, at: float, top: int) -> str:
    return f'<circle class="refused" cx="{_x(report, at):g}" cy="{top + 15}" r="3"/>'
