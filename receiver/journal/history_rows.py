"""Looking back as both engines do it: what is asked, and rows to values."""

from __future__ import annotations

import json
from collections.abc import Iterable

from receiver.journal.chain import Anchor, Walk, follow
from receiver.journal.history import AuditRow, Search, Stretch
from receiver.journal.rows import Row, row_id

AUDIT = (
    "SELECT seq, t, ev, incident, data, hash FROM event"
    " WHERE CAST($1 AS bigint) IS NULL OR seq < $1 ORDER BY seq DESC LIMIT $2"
)
CHAIN = "SELECT * FROM event WHERE seq > $1 ORDER BY seq LIMIT $2"
WAITING = "resolved_at IS NULL AND acknowledged_by IS NULL"  # as the index of those says
KNOWN = "SELECT hash FROM event WHERE seq = $1"


def conditions(search: Search, like: str) -> tuple[str, list[object]]:
    """The WHERE of a search and its values; `like` is the engine's word for it that minds no case."""
    said: list[tuple[str, object | None]] = [
        ("id < {}", None if search.before is None else row_id(search.before)),
        ("state = {}", search.state),
        ("playbook = {}", search.playbook),
        ("severity = {}", search.severity),
        ("opened_at >= {}", search.since),
        ("opened_at <= {}", search.until),
        ("targets LIKE {} ESCAPE '!'", _holding(search.target and json.dumps(search.target))),
        (f"title {like} {{}} ESCAPE '!'", _holding(search.text)),
    ]
    given = [(sql, value) for sql, value in said if value is not None]
    parts = [WAITING] if search.waiting else []
    parts += [sql.format(f"${place}") for place, (sql, _) in enumerate(given, 1)]
    return " AND ".join(parts) or "true", [value for _, value in given]


def _holding(text: str | None) -> str | None:
    """What LIKE takes for a text that is somewhere in it, whatever it is made of."""
    if not text:
        return None
    for sign in "!%_":
        text = text.replace(sign, f"!{sign}")
    return f"%{text}%"


def audit_row_of(row: Row) -> AuditRow:
    """A row of the audit."""
    return AuditRow(row["seq"], row["t"], row["ev"], row["incident"], row["data"], row["hash"])


def begins_at(seq: int, digest: str, known: Row | None, anchor: Anchor) -> Anchor:
    """Where to follow on: behind that row if it is still what it was, else where the chain begins."""
    same = known is not None and known["hash"] == digest and seq >= anchor.seq
    return Anchor(seq, digest) if same else anchor


def followed(begins: Anchor, rows: Iterable[Row], highest: int) -> Stretch:
    """What the rows come to."""
    walk, digest, after = Walk(begins), begins.hash, begins.seq
    for row in rows:
        wrong = follow(walk, row)
        if wrong is not None:
            return Stretch(after, digest, walk.rows, highest, wrong.bad, wrong.why)
        after, digest = row["seq"], row["hash"]
    return Stretch(after, digest, walk.rows, highest)
