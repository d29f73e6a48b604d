"""The chart of an incident in a browser's own fonts: what is written in it can be read, however little there is between two moments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, ViewportSize

from receiver.console import frame, static
from receiver.console.chart import chart
from tests.servers.browser import DESKTOP, PHONE, visit

pytestmark = [
    pytest.mark.server,
    pytest.mark.timeout(180),
    pytest.mark.asyncio(loop_scope="package"),
]

NOWHERE = "http://127.0.0.1:1"
STYLE = (Path(static.__file__).parent / "prunella.css").read_text()
PAGE = """{% import "chart.html" as charts %}<style>{{ style | safe }}</style>
<main><div class="figure">{{ charts.draw(chart) }}</div></main>"""
END = 1200
MARKS = (
    ("broke", "began"),
    ("terminate_connections failed", "acted"),
    ("heal_orphaned_records failed", "acted"),
    ("rollback", "acted"),
    ("healed", "healed"),
)
# Pairs of texts of which one is over the other, and those that the picture's edge cuts off.
UNREADABLE = """() => {
  const texts = [...document.querySelectorAll('svg text')];
  const box = one => one.getBoundingClientRect();
  const over = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
  const edge = box(document.querySelector('svg'));
  const inside = a => a.left >= edge.left && a.right <= edge.right && a.top >= edge.top && a.bottom <= edge.bottom;
  return [
    ...texts.flatMap((one, at) => texts.slice(at + 1).filter(other => over(box(one), box(other)))
      .map(other => `${one.textContent} over ${other.textContent}`)),
    ...texts.filter(one => !inside(box(one))).map(one => `${one.textContent} is cut off`),
  ];
}"""


def drawn(begins: float, apart: float) -> str:
    """A page with a chart whose moments are `apart` seconds from each other."""
    marks = [
        {"at": begins + apart * at, "caption": caption, "kind": kind}
        for at, (caption, kind) in enumerate(MARKS)
    ]
    document: dict[str, Any] = {
        "query": "errors", "op": "<", "value": 0.02, "count": 1, "start": 0.0, "end": float(END), "step": 10.0,
        "series": [[(float(at), at / END) for at in range(0, END, 10)]], "marks": marks,
    }  # fmt: skip
    return frame._environment().from_string(PAGE).render(chart=chart(document), style=STYLE)


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE])
async def test_no_caption_of_a_chart_is_over_another(
    browser: Browser, viewport: ViewportSize
) -> None:
    async with visit(browser, NOWHERE, viewport=viewport) as page:
        for begins, apart in ((1190, 1), (1190, 0), (900, 12), (100, 2), (580, 7), (0, 270)):
            await page.set_content(drawn(begins, apart))
            found = await page.evaluate(UNREADABLE)
            assert found == [], f"from {begins} on, {apart} s apart"
