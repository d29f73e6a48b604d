"""axe-core in a page of the browser: what a person with a screen reader, a keyboard or weak eyes would stumble over."""

from __future__ import annotations

import asyncio
from pathlib import Path

from playwright.async_api import Page

from tests.servers.npm import installed

WANTED = Path(__file__).parent / "axe" / "package.json"
INSTALLED = Path(__file__).parents[2] / "var" / "axe"
GRAVE = ("serious", "critical")
_RUN = """async grave => {
  const {violations} = await axe.run(document, {resultTypes: ['violations']});
  return violations.filter(one => grave.includes(one.impact)).flatMap(
    one => one.nodes.map(node => `${one.id}: ${node.target} ${node.failureSummary}`));
}"""


async def violations(page: Page) -> list[str]:
    """The serious and the critical ones, by rule and place."""
    await asyncio.to_thread(installed, WANTED, INSTALLED)
    source = INSTALLED / "node_modules" / "axe-core" / "axe.min.js"
    # by the debugger's hand, to which the page's policy does not apply
    await page.evaluate(source.read_text())
    found: list[str] = await page.evaluate(_RUN, GRAVE)
    return found
