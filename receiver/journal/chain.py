"""The audit chain: each row's hash covers the row before it, so that nothing can be taken out or slipped in."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping

GENESIS = "0" * 64
_spell = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode


def link(previous: str, seq: int, at: float, ev: str, data: str) -> str:
    """The hash of a row whose predecessor's is `previous`; `data` is the row's canonical JSON."""
    text = f"{previous}\n{seq}\n{at!r}\n{ev}\n{data}"
    return hashlib.sha256(text.encode()).hexdigest()


def canonical(data: Mapping[str, object]) -> str:
    """One spelling for one value, so that a hash can be computed again."""
    return _spell(data)


def line(seq: int, at: float, ev: str, data: str, digest: str) -> str:
    """A row as `prunella journal export` writes it."""
    return json.dumps(
        {"t": at, "ev": ev, "seq": seq, "hash": digest, **json.loads(data)}, separators=(",", ":")
    )


def broken_link(lines: Iterable[str]) -> tuple[int, str | None]:
    """Checks exported lines, from the first: how many there are, and what is wrong with the first bad one."""
    digest, rows = GENESIS, 0
    for text in lines:
        row = json.loads(text)
        seq, at, ev, claimed = (row.pop(key) for key in ("seq", "t", "ev", "hash"))
        if seq != rows + 1:
            return rows, f"row {rows + 1} is missing"
        rows = seq
        digest = link(digest, seq, float(at), ev, canonical(row))
        if digest != claimed:
            return rows, f"row {seq} ({ev}) was changed"
    return rows, None
