"""The names that the peers' own public dashboards ask for: `testdata/dashboards/<peer>.txt`, one a line.

Lines that begin with `#` say where they are from. A line `-name  reason` is asked for there and not ours.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tests.exporter.parity.frame import Page

FOLDER = Path(__file__).parent / "testdata" / "dashboards"


def asked_for(peer: str) -> tuple[str, ...]:
    """Sample names, as the dashboards' expressions have them, without those that are not ours."""
    lines = (FOLDER / f"{peer}.txt").read_text().splitlines()
    assert lines[0].startswith("# "), "it begins with where the names are from"
    return tuple(line for line in lines if line and line[0] not in "#-")


def without_data(peer: str, *pages: Page) -> list[str]:
    """What the peer's dashboards ask for and none of our pages has."""
    return [name for name in asked_for(peer) if name not in _samples(pages)]


def _samples(pages: Iterable[Page]) -> set[str]:
    return {sample for page in pages for found in page.series.values() for sample, _ in found}
