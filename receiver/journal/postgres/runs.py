"""Permission to act: the facts are read and the run is written in one transaction, under the writers' one lock."""

from __future__ import annotations

import json
from collections.abc import Sequence

from receiver.decide.guards import Facts
from receiver.decide.matchers import matches_all
from receiver.decide.trust import mode_of
from receiver.journal import Claim, Ended, Move, Question, Rule, Ruling, Run
from receiver.journal.postgres.freezes import freeze, frozen, thaw
from receiver.journal.postgres.incidents import move
from receiver.journal.postgres.operator import maintained_until
from receiver.journal.postgres.rows import plain
from receiver.journal.postgres.session import Database
from receiver.journal.postgres.trust import failed, grants
from receiver.journal.postgres.writer import Unit
from receiver.journal.rows import Row, run_of


async def gate(unit: Unit, held: Claim, question: Question, rule: Rule) -> Ruling:
    """Asks `rule` with the facts of this moment and writes what it says: the move, the run, the freeze."""
    now = question.now
    await thaw(unit, now)
    ruling = rule(await facts(unit.db, held, question))
    await move(unit, held, ruling.move, now)
    if ruling.run is not None:
        await _begin(unit.db, ruling.run)
    await freeze(unit, ruling, now)
    return ruling


async def facts(db: Database, held: Claim, question: Question) -> Facts:
    """What the journal knows now, joined to what it was told."""
    limits = question.limits
    seen = await _seen(db, held.incident.id)
    since = question.now - max(limits.per_target.window, limits.everywhere.window)
    runs = await _effective(db, since)
    under_way = await db.fetch("SELECT target, disruptive FROM run WHERE ended_at IS NULL")
    muted = seen["open"] > 0 and seen["silenced"] + seen["inhibited"] == seen["open"]
    return Facts(
        now=question.now,
        mode=mode_of(question.stance, await grants(db, question.stance.playbook)),
        target=question.target,
        playbook=held.incident.playbook,
        target_known=question.target_known,
        facet=question.facet,
        stop_file=question.stop_file,
        paused=seen["paused"],
        firing=seen["open"] > 0,
        last_seen=seen["last"] or 0.0,
        silenced=muted and seen["silenced"] > 0,
        inhibited=muted and not seen["silenced"],
        maintenance=await maintained_until(db, held.incident.id, question.now, question.stands_for),
        dependency=await _dependency(db, question),
        cooldown=question.cooldown,
        ladder_acted_at=await _acted_at(db, held, question),
        episodes=await _episodes(db, held.incident.id, question.now - limits.flap.window),
        ineffective=await _ineffective(
            db, held.incident.playbook, question.now - limits.breaker.window
        ),
        busy_targets=frozenset(row["target"] for row in under_way),
        disruptive=question.disruptive,
        disruptive_running=sum(row["disruptive"] for row in under_way),
        target_runs=tuple(row["began_at"] for row in runs if row["target"] == question.target),
        all_runs=tuple(row["began_at"] for row in runs),
        frozen=await frozen(db),
        unhealthy=await _unhealthy(db, question),
        group_size=len(question.group),
        approved=question.approved,
        limits=limits,
    )


async def _seen(db: Database, incident: int) -> Row:
    row = await db.fetchrow(
        "SELECT count(*) AS open, max(last_seen) AS last,"
        " count(*) FILTER (WHERE muted = 'silenced') AS silenced,"
        " count(*) FILTER (WHERE muted = 'inhibited') AS inhibited,"
        " EXISTS (SELECT FROM meta WHERE key = 'paused') AS paused"
        " FROM episode WHERE incident = $1 AND closed_at IS NULL",
        incident,
    )
    assert row is not None  # noqa: S101 - an aggregate is always one row
    return row


async def _effective(db: Database, since: float) -> Sequence[Row]:
    """The runs that began since then and may have had an effect."""
    return await db.fetch(
        "SELECT target, began_at FROM run WHERE began_at > $1"
        " AND (result IS DISTINCT FROM 'cancelled' OR reason = 'resolved') AND reason IS DISTINCT FROM 'not_started'",
        since,
    )


async def _acted_at(db: Database, held: Claim, question: Question) -> float | None:
    at: float | None = await db.fetchval(
        "SELECT max(began_at) FROM run WHERE target = $1 AND playbook = $2"
        " AND (incident <> $3 OR began_at < $4::double precision)"
        " AND (result IS DISTINCT FROM 'cancelled' OR reason = 'resolved') AND reason IS DISTINCT FROM 'not_started'",
        *(question.target, held.incident.playbook, held.incident.id),
        held.incident.progress.returned_at,
    )
    return at


async def _episodes(db: Database, incident: int, since: float) -> int:
    """Of the open alert that had most of them."""
    most: int = await db.fetchval(
        "SELECT coalesce(max((open.opened_at > $1)::int + (SELECT count(*) FROM episode e"
        " WHERE e.alert = open.alert AND e.closed_at IS NOT NULL AND e.opened_at > $1)), 0)"
        " FROM episode open WHERE open.incident = $2 AND open.closed_at IS NULL",
        *(since, incident),
    )
    return most


async def _ineffective(db: Database, playbook: str, since: float) -> tuple[float, ...]:
    rows = await db.fetch(
        "SELECT at FROM ineffective WHERE playbook = $1 AND at > $2", playbook, since
    )
    return tuple(row["at"] for row in rows)


async def _dependency(db: Database, question: Question) -> str | None:
    if not question.blocked_by:
        return None
    for row in await db.fetch("SELECT labels FROM episode WHERE closed_at IS NULL"):
        labels = json.loads(row["labels"])
        if matches_all(question.blocked_by, labels):
            return str(labels.get("alertname", ""))
    return None


async def _unhealthy(db: Database, question: Question) -> int:
    if len(question.group) < 3:
        return 0
    sick: set[str] = set()
    for row in await db.fetch("SELECT targets FROM incident WHERE resolved_at IS NULL"):
        sick.update(question.group.intersection(json.loads(row["targets"])))
    return len(sick)


async def _begin(db: Database, run: Run) -> None:
    await db.execute(
        "INSERT INTO run (action_id, incident, playbook, episode, rung, attempt, step, kind, target,"
        " disruptive, fence, began_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        *(run.action_id, run.incident, run.playbook, plain(run.episode), run.rung, run.attempt),
        *(run.step, run.kind, run.target, run.disruptive, run.fence, run.began_at),
    )


async def end(unit: Unit, held: Claim, ended: Ended, change: Move, now: float) -> None:
    """The outcome and what follows from it. Raises Fenced."""
    await move(unit, held, change, now)
    await unit.db.execute(
        "UPDATE run SET ended_at = $1, result = $2, reason = $3"
        " WHERE action_id = $4 AND ended_at IS NULL",
        *(now, ended.result, plain(ended.reason), ended.action_id),
    )
    await failed(unit, held.incident, ended, now)


async def open_run(db: Database, incident: int) -> Run | None:
    """The run of this incident that has no outcome yet."""
    row = await db.fetchrow("SELECT * FROM run WHERE incident = $1 AND ended_at IS NULL", incident)
    return run_of(row) if row is not None else None
