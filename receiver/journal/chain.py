"""The audit chain: each row's hash covers the row before it, so that nothing can be taken out or slipped in."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256

from receiver.journal import Chain, Event
from receiver.journal.rows import LARGEST, Row
from receiver.journal.spelling import canonical, canonicals

GENESIS = "0" * 64
PRUNED = "pruned"


def link(previous: str, seq: int, at: float, ev: str, data: str) -> str:
    """The hash of a row whose predecessor's is `previous`; `data` is the row's canonical JSON."""
    text = f"{previous}\n{seq}\n{at!r}\n{ev}\n{data}"
    return sha256(text.encode()).hexdigest()


def chained(
    seq: int, digest: str, events: Iterable[tuple[float, Event]]
) -> list[tuple[int, float, str, object, str, str]]:
    """The rows of these events, which happened at those moments, behind the row `seq` with that hash."""
    told = list(events)
    texts = canonicals([event.data for _, event in told])
    rows, said, moment = [], math.nan, ""
    for (at, event), data in zip(told, texts, strict=True):
        # a delivery is of one moment, and to write a float takes as long as to hash a row
        if at != said:
            said, moment = at, repr(at)
        seq += 1
        text = f"{digest}\n{seq}\n{moment}\n{event.ev}\n{data}"
        digest = sha256(text.encode()).hexdigest()
        rows.append((seq, at, event.ev, event.data.get("incident"), data, digest))
    return rows


def line(seq: int, at: float, ev: str, data: str, digest: str, previous: str | None = None) -> str:
    """A row as `prunella journal export` writes it; the first one left of a longer chain names its predecessor's hash."""
    row = {"t": at, "ev": ev, "seq": seq, "hash": digest, **json.loads(data)}
    if previous is not None:
        row["prev"] = previous
    return json.dumps(row, separators=(",", ":"))


def exported(rows: Sequence[Row], after: int, begins: Anchor | None) -> tuple[int, list[str]]:
    """Rows as lines, and the seq to go on from; of the whole journal, the first line names what it follows."""
    lines = [line(row["seq"], row["t"], row["ev"], row["data"], row["hash"]) for row in rows]
    if rows and begins is not None and begins.seq and rows[0]["seq"] == begins.seq + 1:
        one = rows[0]
        lines[0] = line(one["seq"], one["t"], one["ev"], one["data"], one["hash"], begins.hash)
    return (rows[-1]["seq"] if rows else after), lines


@dataclass(frozen=True, slots=True)
class Anchor:
    """The last row that was taken away for its age: the chain begins behind it."""

    seq: int = 0
    hash: str = GENESIS

    @property
    def after(self) -> int:
        """What rows are read after; without an anchor a row slipped in before the first is read, too."""
        return self.seq or -LARGEST


def pruned_event(anchor: Anchor) -> Event:
    """The audit row that says so: rows that are gone without one were stolen."""
    return Event(PRUNED, {"upto": anchor.seq, "digest": anchor.hash})


class Walk:
    """Follows a chain from its anchor, row by row."""

    def __init__(self, begins: Anchor) -> None:
        self.begins = begins
        self.seq = begins.seq
        self._digest = begins.hash
        self._said = Anchor()  # what the chain's own last word on the matter is

    @property
    def rows(self) -> int:
        """How many were followed."""
        return self.seq - self.begins.seq

    def step(self, seq: int, at: float, ev: str, data: str, claimed: str) -> str | None:
        """What is wrong with the next row, if anything."""
        if seq != self.seq + 1:
            return f"row {self.seq + 1} is missing"
        self.seq = seq
        self._digest = link(self._digest, seq, at, ev, data)
        if self._digest != claimed:
            return f"row {seq} was changed"
        if ev == PRUNED:
            said = json.loads(data)
            self._said = Anchor(said["upto"], said["digest"])
        return None

    def untold(self) -> str | None:
        """At the end: what was taken away before the first row, unless a row of the chain says so."""
        if self.begins == self._said or not self.begins.seq:
            return None
        return f"rows up to {self.begins.seq} were taken away, and no row says so"


def follow(walk: Walk, row: Row) -> Chain | None:
    """The verdict if the next row of the table does not follow."""
    expected = walk.seq + 1
    wrong = walk.step(row["seq"], row["t"], row["ev"], row["data"], row["hash"])
    if wrong is None and row["incident"] != json.loads(row["data"]).get("incident"):
        wrong = f"row {expected} was changed"
    return None if wrong is None else Chain(walk.rows, expected, wrong)


def verdict(walk: Walk, highest: int) -> Chain:
    """After the last row: `highest` is the number of the last that was ever written."""
    if walk.seq < highest:
        return Chain(walk.rows, walk.seq + 1, f"row {walk.seq + 1} is missing")
    untold = walk.untold()
    return Chain(walk.rows) if untold is None else Chain(walk.rows, walk.begins.seq, untold)


def broken_link(lines: Iterable[str]) -> tuple[int, str | None]:
    """Checks exported lines, from the first: how many there are, and what is wrong with the first bad one."""
    walk: Walk | None = None
    for text in lines:
        row = json.loads(text)
        seq, at, ev, claimed = (row.pop(key) for key in ("seq", "t", "ev", "hash"))
        if walk is None:
            walk = Walk(Anchor(seq - 1, row.pop("prev")) if "prev" in row else Anchor())
        wrong = walk.step(seq, float(at), ev, canonical(row), claimed)
        if wrong is not None:
            return walk.rows, wrong.replace(f"row {seq} was", f"row {seq} ({ev}) was")
    return (walk.rows, walk.untold()) if walk is not None else (0, None)
