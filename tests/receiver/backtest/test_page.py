from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

from receiver.backtest.diff import diff_of
from receiver.backtest.page import page
from receiver.backtest.timeline import timeline
from tests.receiver.backtest.builders import HOUR, book, cases_of, report, wrong

HOSTILE = '<script>alert("1")</script>'


class Elements(HTMLParser):
    """Every element with its attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


async def test_the_page_loads_nothing_runs_nothing_and_forbids_both() -> None:
    html = page([("receiver.yml", report(await cases_of([wrong(0, 60)])))])
    elements = Elements(html).found
    assert not {"script", "link", "img", "iframe"} & {tag for tag, _ in elements}
    names = {name for _, attributes in elements for name in attributes}
    assert not {name for name in names if name in {"style", "src", "href"} or name[:2] == "on"}


async def test_the_policy_allows_the_style_that_is_there_and_no_other() -> None:
    html = page([("receiver.yml", report(await cases_of([])))])
    style = re.search(r"<style>(.*?)</style>", html, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'sha256-{digest}'" in html


async def test_names_of_alerts_and_files_are_text() -> None:
    cases = await cases_of([wrong(0, 60, name=HOSTILE)])
    html = page([(HOSTILE, report(cases))])
    assert "<script" not in html
    assert "&lt;script&gt;" in html


async def test_the_timeline_has_a_row_a_bar_and_a_mark_for_each_action() -> None:
    blocked = book(name="held", matchers=['alertname="Slow"'], blocked_by=['alertname=~".+"'])
    playbooks = [book(), blocked]
    history = [wrong(0, 60), wrong(HOUR * 6, 60, "cache", "Slow")]
    svg = timeline(report(await cases_of(history, playbooks=playbooks), playbooks=playbooks))
    assert svg.count("<title>") == 2
    assert svg.count('class="broken"') == 2
    assert svg.count('class="refused"') >= 1
    assert '<line class="acted" x1="170" x2="170"' in svg


async def test_a_month_of_noise_is_drawn_in_few_marks() -> None:
    history = [wrong(minute * 120, 1) for minute in range(300)]
    svg = timeline(report(await cases_of(history, hours=720), hours=720))
    assert len(svg) < 20_000


async def test_two_files_are_shown_with_what_changes() -> None:
    history, other = [wrong(0, 60)], [book(ladder=book()["ladder"][:1])]
    first = report(await cases_of(history))
    second = report(await cases_of(history, playbooks=other), playbooks=other)
    html = page([("a.yml", first), ("b.yml", second)], diff_of(first, second))
    assert "From the first file to the second" in html
    assert html.index("<h2>a.yml</h2>") < html.index("<h2>b.yml</h2>")
