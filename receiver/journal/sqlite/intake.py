"""Deliveries become episodes and incidents: what is known is read, judged at the desk, and written together."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence

from receiver.journal import Ingested, OpenAlert, Seen
from receiver.journal.chunks import Chunk, Delivery, Reply, chunks
from receiver.journal.desk import Alert, Desk, Episode, OpenIncident
from receiver.journal.rows import progress_json, waits
from receiver.journal.spelling import compact
from receiver.journal.sqlite import bulk
from receiver.journal.sqlite.letters import post_all
from receiver.journal.sqlite.returns import healed_incidents, reopen
from receiver.journal.sqlite.rows import append_all
from receiver.journal.sqlite.storms import weather


def ingest(db: sqlite3.Connection, deliveries: Sequence[Delivery]) -> list[Ingested]:
    """Writes every observation, in order; one result for each delivery."""
    replies = [Reply() for _ in deliveries]
    for chunk in chunks(deliveries, replies):
        desk = _lay_out(db, chunk.seen)
        chunk.lie_on(desk)
        mailed = _write(db, desk, chunk)
        chunk.answer(desk, mailed=mailed)
    return [reply.ingested for reply in replies]


def nudge(db: sqlite3.Connection, incidents: Iterable[int | None], now: float) -> None:
    """Has open incidents looked at now, or as soon as whoever holds them lets go."""
    rows = [(one, now) for one in incidents if one is not None]
    bulk.write(
        db,
        "UPDATE incident SET nudged = owner IS NOT NULL,"
        " due = CASE WHEN owner IS NULL THEN v.column2 ELSE due END"
        " FROM (VALUES {rows}) AS v WHERE id = v.column1 AND resolved_at IS NULL",
        rows,
    )


def close_all(db: sqlite3.Connection, incident: int, now: float) -> None:
    """Closes what is still open of an incident that was seen to be over before Alertmanager said so."""
    rows = db.execute(
        "UPDATE episode SET closed_at = ? WHERE incident = ? AND closed_at IS NULL RETURNING alert",
        (now, incident),
    ).fetchall()
    bulk.write(
        db,
        "UPDATE alert SET open_episode = NULL, last_ended = v.column2"
        " FROM (VALUES {rows}) AS v WHERE alert = v.column1",
        [(row["alert"], now) for row in rows],
    )
    nudge(db, [incident], now)


def open_alerts(db: sqlite3.Connection) -> tuple[OpenAlert, ...]:
    """Every alert that we hold to be firing."""
    rows = db.execute("SELECT * FROM episode WHERE closed_at IS NULL ORDER BY id")
    return tuple(
        OpenAlert(
            source=row["alert"].removesuffix(f":{row['fingerprint']}"),
            fingerprint=row["fingerprint"],
            labels=json.loads(row["labels"]),
            starts_at=row["starts_at"],
            last_seen=row["last_seen"],
            muted=row["muted"],
        )
        for row in rows
    )


def confirm(db: sqlite3.Connection, muted: Mapping[str, str], now: float) -> None:
    """Alertmanager still holds these alerts; a mute that came or went has the incident looked at."""
    found = bulk.read(
        db,
        "SELECT id, alert, muted, incident FROM episode WHERE closed_at IS NULL AND alert IN {rows}",
        muted,
    )
    rows = [(row, muted[row["alert"]]) for row in found]
    bulk.write(
        db,
        "UPDATE episode SET muted = v.column2, last_seen = v.column3"
        " FROM (VALUES {rows}) AS v WHERE id = v.column1",
        [(row["id"], mute, now) for row, mute in rows],
    )
    nudge(db, {row["incident"] for row, mute in rows if row["muted"] != mute}, now)


def _lay_out(db: sqlite3.Connection, seen: Sequence[Seen]) -> Desk:
    alerts = {one.observation.alert: Alert() for one in seen}
    known = bulk.read(
        db,
        "SELECT a.alert, a.last_ended, a.stale_since, e.id, e.starts_at, e.last_seen, e.incident"
        " FROM alert a LEFT JOIN episode e ON e.id = a.open_episode WHERE a.alert IN {rows}",
        alerts,
    )
    for row in known:
        alert = alerts[row["alert"]]
        alert.last_ended, alert.stale_since = row["last_ended"], row["stale_since"]
        if row["id"] is not None:
            alert.open = Episode(row["id"], row["starts_at"], row["last_seen"], row["incident"])
    drafts = {one.draft.key: one.draft for one in seen if one.draft is not None}
    sql = "SELECT id, key, severity FROM incident WHERE resolved_at IS NULL AND key IN {rows}"
    found = {
        row["key"]: OpenIncident(row["id"], row["severity"], drafts[row["key"]])
        for row in bulk.read(db, sql, drafts)
    }
    gone = [key for key, draft in drafts.items() if draft.playbook and key not in found]
    return Desk(alerts, found, healed=healed_incidents(db, gone, alerts))


def _write(db: sqlite3.Connection, desk: Desk, chunk: Chunk) -> bool:
    now = chunk.now
    # what ends first: an alert has one open episode
    _update_episodes(db, [one for one in desk.episodes if one.id])
    desk.begin(_numbers(db, len(desk.new)))
    _insert_incidents(db, desk)
    for one in desk.opened:
        if one.back is not None:
            reopen(db, one.back, now)
    _insert_episodes(db, desk)
    _remember_alerts(db, desk.alerts)
    _raise(db, [one for one in desk.incidents.values() if one.graver])
    nudge(db, desk.nudged, now)
    append_all(db, desk.events())
    mailed = post_all(db, now, list(desk.letters()), new=True)
    return weather(db, desk.new, chunk.reception, now) or mailed


def _numbers(db: sqlite3.Connection, count: int) -> range:
    if not count:
        return range(0)
    row = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'incident'").fetchone()
    first = int(row["seq"]) + 1 if row is not None else 1
    return range(first, first + count)


def _update_episodes(db: sqlite3.Connection, episodes: Sequence[Episode]) -> None:
    bulk.write(
        db,
        "UPDATE episode SET starts_at = v.column2, last_seen = v.column3, seen = seen + v.column4,"
        " closed_at = v.column5 FROM (VALUES {rows}) AS v WHERE id = v.column1",
        [(one.id, one.starts_at, one.last_seen, one.seen, one.closed_at) for one in episodes],
    )


def _insert_incidents(db: sqlite3.Connection, desk: Desk) -> None:
    bulk.write(
        db,
        "INSERT INTO incident (id, key, playbook, state, reason, severity, title, targets, episode,"
        " opened_at, labels, annotations, plan, progress, due) VALUES {rows}",
        [_incident_row(one, desk) for one in desk.new],
    )


def _incident_row(one: OpenIncident, desk: Desk) -> tuple[object, ...]:
    assert one.move is not None  # noqa: S101 - the desk has begun it
    assert one.first is not None  # noqa: S101 - a new one is opened by an observation
    born, due = one.move.incident, one.move.due
    return (
        # str(): sqlite3 searches long for a way to adapt a member of an enumeration
        *(born.id, born.key, born.playbook, str(born.state), str(born.reason), born.severity),
        *(born.title, compact(born.targets), born.episode, born.opened_at, *desk.texts(one.first)),
        *(desk.plan_text(one), progress_json(born), one.opened_at if due is None else waits(due)),
    )


def _insert_episodes(db: sqlite3.Connection, desk: Desk) -> None:
    rows = [one for one in desk.episodes if not one.id]
    if not rows:
        return
    (highest,) = db.execute("SELECT coalesce(max(id), 0) FROM episode").fetchone()
    for number, one in enumerate(rows, start=highest + 1):
        one.id = number
    bulk.write(
        db,
        "INSERT INTO episode (id, alert, fingerprint, labels, annotations, generator_url, starts_at,"
        " opened_at, last_seen, seen, closed_at, incident) VALUES {rows}",
        [_episode_row(one, desk) for one in rows],
    )


def _episode_row(one: Episode, desk: Desk) -> tuple[object, ...]:
    seen = one.first
    assert seen is not None  # noqa: S101 - a new one is opened by an observation
    return (
        *(one.id, seen.alert, seen.fingerprint, *desk.texts_of(one), seen.generator_url),
        *(one.starts_at, one.opened_at, one.last_seen, one.seen, one.closed_at, one.incident_id),
    )


def _remember_alerts(db: sqlite3.Connection, alerts: Mapping[str, Alert]) -> None:
    bulk.write(
        db,
        "INSERT INTO alert (alert, open_episode, last_ended, stale_since) VALUES {rows}"
        " ON CONFLICT (alert) DO UPDATE SET open_episode = excluded.open_episode,"
        " last_ended = excluded.last_ended, stale_since = excluded.stale_since",
        [
            (name, None if one.open is None else one.open.id, one.last_ended, one.stale_since)
            for name, one in alerts.items()
            if one.changed
        ],
    )


def _raise(db: sqlite3.Connection, incidents: Sequence[OpenIncident]) -> None:
    bulk.write(
        db,
        "UPDATE incident SET severity = v.column2 FROM (VALUES {rows}) AS v WHERE id = v.column1",
        [(one.id, one.severity) for one in incidents],
    )
