"""Deliveries become episodes and incidents: what is known is read, judged at the desk, and written together."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from functools import partial

from receiver.journal import Ingested, OpenAlert
from receiver.journal.chunks import Chunk, Delivery, Reply, chunks
from receiver.journal.returns import came_back
from receiver.journal.rows import open_alert_of
from receiver.journal.sqlite import bulk
from receiver.journal.sqlite.letters import post_all
from receiver.journal.sqlite.returns import healed_incidents, reopen, returned
from receiver.journal.sqlite.rows import end_of_chain, write_events
from receiver.journal.sqlite.sheet import Known, Questions, Sheet, judge, questions
from receiver.journal.sqlite.storms import weather
from receiver.journal.sqlite.trust import refused
from receiver.journal.sqlite.writer import Steps

FEW = 32  # alerts that are written without changing threads


def ingest(db: sqlite3.Connection, deliveries: Sequence[Delivery]) -> Steps[list[Ingested]]:
    """Writes every observation, in order; one result for each delivery."""
    replies = [Reply() for _ in deliveries]
    for chunk in chunks(deliveries, replies):
        if len(chunk.alerts) <= FEW:
            yield partial(_at_once, db, chunk)
            continue
        asked: Questions = yield partial(questions, chunk)
        known = _look_up(db, asked)
        sheet: Sheet = yield partial(judge, chunk, known)
        mailed = _write(db, sheet, chunk)
        chunk.answer(sheet.desk, mailed=mailed)
    return [reply.ingested for reply in replies]


def _at_once(db: sqlite3.Connection, chunk: Chunk) -> None:
    """A few alerts take SQLite less time than two threads need to take turns."""
    sheet = judge(chunk, _look_up(db, questions(chunk)))
    chunk.answer(sheet.desk, mailed=_write(db, sheet, chunk))


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
    return tuple(map(open_alert_of, rows))


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


def _look_up(db: sqlite3.Connection, asked: Questions) -> Known:
    """Everything that is known of what came, and where our own numbers and the audit chain go on."""
    (episode,) = db.execute("SELECT coalesce(max(id), 0) FROM episode").fetchone()
    alerts = bulk.read(
        db,
        "SELECT a.alert, a.last_ended, a.stale_since, e.id, e.starts_at, e.last_seen, e.incident"
        " FROM alert a LEFT JOIN episode e ON e.id = a.open_episode WHERE a.alert IN {rows}",
        asked.alerts,
    )
    sql = "SELECT id, key, severity FROM incident WHERE resolved_at IS NULL AND key IN {rows}"
    found = bulk.read(db, sql, asked.keys)
    gone = asked.healable - {row["key"] for row in found}
    healed = healed_incidents(db, sorted(gone), asked.alerts)
    return Known(
        alerts,
        found,
        healed,
        incident=_highest_incident(db),
        episode=episode,
        tail=end_of_chain(db),
    )


def _highest_incident(db: sqlite3.Connection) -> int:
    row = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'incident'").fetchone()
    return int(row["seq"]) if row is not None else 0


def _write(db: sqlite3.Connection, sheet: Sheet, chunk: Chunk) -> bool:
    """Whether anybody is told of something now."""
    now, desk = chunk.now, sheet.desk
    # what ends first: an alert has one open episode
    bulk.write(
        db,
        "UPDATE episode SET starts_at = v.column2, last_seen = v.column3, seen = seen + v.column4,"
        " closed_at = v.column5 FROM (VALUES {rows}) AS v WHERE id = v.column1",
        sheet.changed_episodes,
    )
    bulk.write(
        db,
        "INSERT INTO incident (id, key, playbook, state, reason, severity, title, targets, episode,"
        " opened_at, labels, annotations, plan, progress, due) VALUES {rows}",
        sheet.incidents,
    )
    for incident in sheet.reopened:
        reopen(db, incident, now)
    bulk.write(
        db,
        "INSERT INTO episode (id, alert, fingerprint, labels, annotations, generator_url, starts_at,"
        " opened_at, last_seen, seen, closed_at, incident) VALUES {rows}",
        sheet.episodes,
    )
    bulk.write(
        db,
        "INSERT INTO alert (alert, open_episode, last_ended, stale_since) VALUES {rows}"
        " ON CONFLICT (alert) DO UPDATE SET open_episode = excluded.open_episode,"
        " last_ended = excluded.last_ended, stale_since = excluded.stale_since",
        sheet.alerts,
    )
    bulk.write(
        db,
        "UPDATE incident SET severity = v.column2 FROM (VALUES {rows}) AS v WHERE id = v.column1",
        sheet.graver,
    )
    nudge(db, sheet.nudged, now)
    returned(db, came_back(desk.healed, (one.draft.key for one in desk.opened)), now)
    refused(db, (one.move for one in desk.new if one.move is not None), now)
    write_events(db, sheet.events)
    mailed = post_all(db, now, sheet.letters, new=True)
    return weather(db, desk.new, chunk.reception, now) or mailed
