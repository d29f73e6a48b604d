"""One server, one moment, two exporters: for every name that both have, ours says what the peer says.

A peer's table lists every shared name with how far apart two looks may lie. The peer is read before and after ours: a
figure that moves must lie between its two, and one that stands still must be the same. A name that is shared and not
in the table fails, and so does one in the table that is not shared: the tables are the list.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

Labels = tuple[tuple[str, str], ...]
Read = Callable[[], Awaitable["Page"]]


@dataclass(frozen=True, slots=True)
class Near:
    """What a value may lie outside of the peer's two: a share of the peer's, or so much."""

    share: float = 0.0
    apart: float = 0.0

    def holds(self, before: float, ours: float, after: float) -> bool:
        low, high = min(before, after), max(before, after)
        room = self.apart + self.share * max(abs(low), abs(high)) + 1e-9 * abs(high)
        return low - room <= ours <= high + room


SAME = Near()
ROUNDED = Near(share=1e-4)
# Each of the two sees itself there, or what its own look has just changed: only the series are compared.
MOVES = Near(apart=math.inf)

Table = Mapping[str, Near]


@dataclass(frozen=True, slots=True)
class Page:
    """An answer in the text format, under the names that it really has."""

    types: Mapping[str, str]
    series: Mapping[str, Mapping[tuple[str, Labels], float]]  # family → (sample, labels) → value


def read(text: str) -> Page:
    """The page of a text; prometheus_client would give every counter a `_total`."""
    declared = dict(
        line.split(" ")[2:4] for line in text.splitlines() if line.startswith("# TYPE ")
    )
    series: dict[str, dict[tuple[str, Labels], float]] = {}
    for family in text_string_to_metric_families(text):
        bare = family.name in declared
        name = family.name if bare else f"{family.name}_total"
        found = series.setdefault(name, {})
        for sample in family.samples:
            known = sample.name.removesuffix("_total") if family.type == "counter" else sample.name
            shown = known if bare else sample.name
            found[shown, tuple(sorted(sample.labels.items()))] = sample.value
    return Page(declared, series)


def at(url: str) -> Read:
    """Reads that address again and again."""

    async def page() -> Page:
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            assert response.status == 200, await response.text()
            return read(await response.text())

    return page


async def assert_parity(
    table: Table, ours: Read, theirs: Read, *, prefix: str, only: Collection[str] = ()
) -> None:
    """Holds the table against both; labels in `only` are of one of the two alone."""
    before = await theirs()
    mine = await ours()
    after = await theirs()
    shared = {name for name in _present(before) & _present(mine) if name.startswith(prefix)}
    unlisted, gone = sorted(shared - set(table)), sorted(set(table) - shared)
    assert not unlisted, f"shared, and not in the table: {unlisted}"
    assert not gone, f"in the table, and not shared: {gone}"
    wrong = [
        problem
        for name, near in table.items()
        for problem in _differences(name, near, (before, mine, after), only)
    ]
    assert not wrong, "\n".join(wrong)


def _present(page: Page) -> set[str]:
    """What has a value: ours leaves out what is unknown, where a peer says NaN."""
    return {
        name
        for name, found in page.series.items()
        if name in page.types and not all(map(math.isnan, found.values()))
    }


def _differences(
    name: str, near: Near, pages: tuple[Page, Page, Page], only: Collection[str]
) -> list[str]:
    before, mine, after = pages
    if before.types[name] != mine.types[name]:
        return [f"{name}: ours is a {mine.types[name]}, theirs a {before.types[name]}"]
    first, found, last = (_without(page.series[name], only) for page in (before, mine, after))
    wrong = []
    for key in first.keys() & last.keys():
        if key not in found and not math.isnan(first[key]):
            wrong.append(f"{key}: not ours")
        elif key in found and not near.holds(first[key], found[key], last[key]):
            wrong.append(f"{key}: {found[key]}, not within {first[key]}..{last[key]}")
    return wrong


def _without(
    series: Mapping[tuple[str, Labels], float], only: Collection[str]
) -> dict[tuple[str, Labels], float]:
    return {
        (sample, tuple(label for label in labels if label[0] not in only)): value
        for (sample, labels), value in series.items()
    }
