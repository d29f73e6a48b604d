"""docs/exporters.md speaks of all six peers, and promises no name that we do not have."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
PEERS = (
    "node_exporter",
    "process-exporter",
    "blackbox_exporter",
    "redis_exporter",
    "postgres_exporter",
    "celery-exporter",
)
OURS = re.compile(r"^(node|namedprocess|redis|pg|pgbouncer|probe|prunella|app|http)_[a-zA-Z0-9_]+\*?$")  # fmt: skip
# In back quotes, and no metrics: roles, functions, options and programs.
OTHERS = re.compile(
    r"_exporter$|^pg_(monitor|read_all_stats|stat_statements|stat_activity|settings|hba)$|^http_(2xx|post_2xx)"
)


def text() -> str:
    return (DOCS / "exporters.md").read_text()


def documented() -> set[str]:
    return set(
        re.findall(r"^\| `([a-zA-Z0-9_]+)` \|", (DOCS / "metrics.md").read_text(), re.MULTILINE)
    )


def rows() -> Iterator[tuple[str, str]]:
    """What the peer has, and what is said of it here."""
    for line in text().splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if line.startswith("|") and len(cells) == 2 and not set(cells[0]) <= {"-"}:
            yield cells[0], cells[1]


def names(cell: str) -> list[str]:
    """The metrics in back quotes, without their labels; of what the cell has "without x", x is not ours.

    `_b` after `redis_a` is short for a name of redis_ that ends so: `redis_…_b`.
    """
    said = re.sub(r"without `[^`]+`((, | and |, and )`[^`]+`)*", "", cell)
    found: list[str] = []
    for quoted in re.findall(r"`([^`]+)`", said):
        name = quoted.partition("{")[0]
        if OURS.match(name) and not OTHERS.search(name):
            found.append(name)
        elif found and re.match(r"^_[a-z_]+$", name):
            found.append(f"{found[-1].partition('_')[0]}_…{name}")
    return found


def is_ours(name: str) -> bool:
    """A star stands for whatever follows, and a histogram is known by its family."""
    known = documented()
    if "…" in name:
        begin, _, end = name.partition("…")
        return any(one.startswith(begin) and one.endswith(end) for one in known)
    if name.endswith("*"):
        return any(one.startswith(name[:-1]) for one in known)
    return name in known or re.sub(r"_(bucket|count|sum)$", "", name) in known


@pytest.mark.parametrize("peer", PEERS)
def test_every_peer_has_its_section(peer: str) -> None:
    headings = [line for line in text().splitlines() if line.startswith("## ")]
    assert any(peer in heading for heading in headings), headings


def test_every_name_that_it_says_is_here_is_documented() -> None:
    told = {name for _, here in rows() for name in names(here)}
    assert len(told) >= 10
    assert sorted(name for name in told if not is_ours(name)) == []


def test_what_it_calls_the_same_is_there_under_that_name() -> None:
    told = {name for theirs, here in rows() if here.startswith("the same") for name in names(theirs)}  # fmt: skip
    assert told
    assert sorted(name for name in told if not is_ours(name)) == []


def test_every_queue_metric_is_named_by_something_to_come_from_or_as_ours_alone() -> None:
    queues = {name for name in documented() if name.startswith("prunella_queue_")}
    found = set(re.findall(r"prunella_queue_[a-z_]+", text()))
    assert found <= queues
    # of the exporter, not of a queue
    ours = {"prunella_queue_source_up", "prunella_queue_discovery_timestamp_seconds"}
    assert queues - ours == found
