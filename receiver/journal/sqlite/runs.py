"""Permission to act: the facts are read and the run is written in one transaction."""

from __future__ import annotations

import json
import sqlite3

from receiver.decide.guards import Facts
from receiver.decide.incident import Incident
from receiver.decide.matchers import matches_all
from receiver.decide.trust import mode_of
from receiver.journal import Claim, Ended, Move, Question, Rule, Ruling, Run
from receiver.journal.rows import run_of
from receiver.journal.sqlite.freezes import freeze, frozen, thaw
from receiver.journal.sqlite.incidents import move
from receiver.journal.sqlite.operator import maintained_until
from receiver.journal.sqlite.trust import failed, grants


def gate(db: sqlite3.Connection, held: Claim, question: Question, rule: Rule) -> Ruling:
    """Asks `rule` with the facts of this moment and writes what it says: the move, the run, the freeze."""
    now = question.now
    thaw(db, now)
    ruling = rule(facts(db, held, question))
    move(db, held, ruling.move, now)
    if ruling.run is not None:
        _begin(db, ruling.run)
    freeze(db, ruling, now)
    return ruling


def facts(db: sqlite3.Connection, held: Claim, question: Question) -> Facts:
    """What the journal knows now, joined to what it was told."""
    incident, limits = held.incident, question.limits
    seen = db.execute(
        "SELECT count(*) AS open, max(last_seen) AS last,"
        " sum(muted = 'silenced') AS silenced, sum(muted = 'inhibited') AS inhibited"
        " FROM episode WHERE incident = ? AND closed_at IS NULL",
        (incident.id,),
    ).fetchone()
    since = question.now - max(limits.per_target.window, limits.everywhere.window)
    runs = db.execute(
        "SELECT target, began_at FROM run WHERE began_at > ? AND (result IS NOT 'cancelled' OR reason = 'resolved') AND reason IS NOT 'not_started'",
        (since,),
    ).fetchall()
    under_way = db.execute("SELECT target, disruptive FROM run WHERE ended_at IS NULL").fetchall()
    muted = seen["open"] > 0 and (seen["silenced"] or 0) + (seen["inhibited"] or 0) == seen["open"]
    return Facts(
        now=question.now,
        mode=mode_of(question.stance, grants(db, question.stance.playbook)),
        target=question.target,
        playbook=incident.playbook,
        target_known=question.target_known,
        facet=question.facet,
        stop_file=question.stop_file,
        paused=db.execute("SELECT 1 FROM meta WHERE key = 'paused'").fetchone() is not None,
        firing=seen["open"] > 0,
        last_seen=seen["last"] or 0.0,
        silenced=muted and bool(seen["silenced"]),
        inhibited=muted and not seen["silenced"],
        maintenance=maintained_until(db, incident.id, question.now, question.stands_for),
        dependency=_dependency(db, question),
        cooldown=question.cooldown,
        ladder_acted_at=_acted_at(db, incident, question.target),
        episodes=_episodes(db, incident.id, question.now - limits.flap.window),
        ineffective=_ineffective(db, incident.playbook, question.now - limits.breaker.window),
        busy_targets=frozenset(row["target"] for row in under_way),
        disruptive=question.disruptive,
        disruptive_running=sum(row["disruptive"] for row in under_way),
        target_runs=tuple(row["began_at"] for row in runs if row["target"] == question.target),
        all_runs=tuple(row["began_at"] for row in runs),
        frozen=frozen(db),
        unhealthy=_unhealthy(db, question),
        group_size=len(question.group),
        approved=question.approved,
        limits=limits,
    )


def _acted_at(db: sqlite3.Connection, incident: Incident, target: str) -> float | None:
    row = db.execute(
        "SELECT max(began_at) AS at FROM run WHERE target = ? AND playbook = ?"
        " AND (incident <> ? OR began_at < ?)"
        " AND (result IS NOT 'cancelled' OR reason = 'resolved') AND reason IS NOT 'not_started'",
        (target, incident.playbook, incident.id, incident.progress.returned_at),
    ).fetchone()
    at: float | None = row["at"]
    return at


def _episodes(db: sqlite3.Connection, incident: int, since: float) -> int:
    """Of the open alert that had most of them."""
    rows = db.execute(
        "SELECT (open.opened_at > ?1) + (SELECT count(*) FROM episode e WHERE e.alert = open.alert"
        " AND e.closed_at IS NOT NULL AND e.opened_at > ?1) AS n"
        " FROM episode open WHERE open.incident = ?2 AND open.closed_at IS NULL",
        (since, incident),
    )
    return max((row["n"] for row in rows), default=0)


def _ineffective(db: sqlite3.Connection, playbook: str, since: float) -> tuple[float, ...]:
    rows = db.execute("SELECT at FROM ineffective WHERE playbook = ? AND at > ?", (playbook, since))
    return tuple(row["at"] for row in rows)


def _dependency(db: sqlite3.Connection, question: Question) -> str | None:
    if not question.blocked_by:
        return None
    for row in db.execute("SELECT labels FROM episode WHERE closed_at IS NULL"):
        labels = json.loads(row["labels"])
        if matches_all(question.blocked_by, labels):
            return str(labels.get("alertname", ""))
    return None


def _unhealthy(db: sqlite3.Connection, question: Question) -> int:
    if len(question.group) < 3:
        return 0
    sick: set[str] = set()
    for row in db.execute("SELECT targets FROM incident WHERE resolved_at IS NULL"):
        sick.update(question.group.intersection(json.loads(row["targets"])))
    return len(sick)


def _begin(db: sqlite3.Connection, run: Run) -> None:
    db.execute(
        "INSERT INTO run (action_id, incident, playbook, episode, rung, attempt, step, kind, target,"
        " disruptive, fence, began_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(run.action_id, run.incident, run.playbook, run.episode, run.rung, run.attempt),
            *(run.step, run.kind, run.target, run.disruptive, run.fence, run.began_at),
        ),
    )


def end(db: sqlite3.Connection, held: Claim, ended: Ended, change: Move, now: float) -> None:
    """The outcome and what follows from it. Raises Fenced."""
    move(db, held, change, now)
    db.execute(
        "UPDATE run SET ended_at = ?, result = ?, reason = ? WHERE action_id = ? AND ended_at IS NULL",
        (now, ended.result, ended.reason, ended.action_id),
    )
    failed(db, held.incident, ended, now)


def open_run(db: sqlite3.Connection, incident: int) -> Run | None:
    """The run of this incident that has no outcome yet."""
    row = db.execute(
        "SELECT * FROM run WHERE incident = ? AND ended_at IS NULL", (incident,)
    ).fetchone()
    return run_of(row) if row is not None else None
