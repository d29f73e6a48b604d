"""Trust as both engines write it: rows to values and back, what is counted, and the statements, which both read alike.

Refusals are counted by day and not looked for in the audit, which has a row for each and is long. What a run was found
to be stands beside it for the same reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from receiver.decide.incident import Incident
from receiver.decide.plan import Mode
from receiver.decide.reason import Reason
from receiver.decide.track_record import PastRun, Refusals, Withheld
from receiver.decide.trust import Grant, Tally
from receiver.journal import Event, Move
from receiver.journal.rows import Row

DAY = 86400
FAILED = "failed"  # in place of a verdict: it was not even looked at

GRANTS = (
    'SELECT playbook, step, mode, likeness, "by", why, at FROM trust'
    " WHERE CAST($1 AS text) IS NULL OR playbook = $1 ORDER BY playbook, step"
)
GRANT = (
    'INSERT INTO trust (playbook, step, mode, likeness, "by", why, at)'
    " VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (playbook, step) DO UPDATE SET"
    ' mode = excluded.mode, likeness = excluded.likeness, "by" = excluded."by",'
    " why = excluded.why, at = excluded.at"
)
# of what ended before it was through, nobody can say whether it would have helped
JUDGED = (
    "UPDATE run SET verdict = $1, judged_at = $2, took = $3"
    " WHERE incident = $4 AND rung = $5 AND attempt = $6 AND result <> 'cancelled'"
)
REFUSED = (
    "INSERT INTO refusal (playbook, step, reason, day, count) VALUES ($1, $2, $3, $4, $5)"
    " ON CONFLICT (playbook, step, reason, day) DO UPDATE SET count = refusal.count + excluded.count"
)
WITHHELD = (
    "INSERT INTO withheld (playbook, step, kind, target, incident, at)"
    " VALUES ($1, $2, $3, $4, $5, $6)"
)
REFUSALS = (
    "SELECT playbook, step, reason, sum(count) AS count FROM refusal WHERE day >= $1"
    " GROUP BY playbook, step, reason"
)
_HELPED = "verdict = 'recovered' AND (returned_at IS NULL OR returned_at > judged_at + $2)"
_TALLIES = (
    f"SELECT playbook, step, count(*) FILTER (WHERE {_HELPED}) AS helped,"  # noqa: S608 - our own words
    " count(*) FILTER (WHERE verdict = 'recovered' AND returned_at <= judged_at + $2) AS returned,"
    " count(*) FILTER (WHERE verdict = 'still_broken') AS in_vain,"
    f" count(*) FILTER (WHERE verdict = '{FAILED}') AS failed,"
    " count(*) FILTER (WHERE verdict = 'inconclusive') AS unseen,"
    f" coalesce(sum(took) FILTER (WHERE {_HELPED}), 0.0) AS took"
    " FROM run WHERE began_at > $1 AND judged_at IS NOT NULL"
)
_GROUPED = " GROUP BY playbook, step"
TALLIES = _TALLIES + _GROUPED
_SINCE_ITS_GRANT = (
    " AND began_at > coalesce((SELECT at FROM trust"
    " WHERE trust.playbook = run.playbook AND trust.step = run.step), $1)"
)
FRESH = _TALLIES + _SINCE_ITS_GRANT + _GROUPED
_RUNS = (
    "SELECT incident, playbook, step, kind, target, began_at, result, verdict, returned_at FROM run"
)
PAST_RUNS = _RUNS + " WHERE playbook = $1 ORDER BY began_at DESC LIMIT $2"
TARGET_RUNS = _RUNS + " WHERE target = $1 ORDER BY began_at DESC LIMIT $2"
WITHHELD_OF = (
    "SELECT w.incident, w.step, w.kind, w.target, w.at, i.resolved_at AS over_at FROM withheld w"
    " LEFT JOIN incident i ON i.id = w.incident WHERE w.playbook = $1 AND w.at > $2"
    " ORDER BY w.at DESC LIMIT $3"
)
# of alerts, whether a playbook answered them or not; the words of its index, which has only these
HUMANS = (
    "SELECT playbook, resolved_at - opened_at AS seconds FROM incident WHERE resolved_at > $1"
    " AND (reason = 'operator' OR (reason = 'resolved' AND acknowledged_by IS NOT NULL))"
    " AND playbook NOT IN ('manual', 'schedule') ORDER BY resolved_at DESC LIMIT 5000"
)

Values = tuple[object, ...]


def grant_of(row: Row) -> Grant:
    """A grant as its row says."""
    said = (row["likeness"], row["by"], row["why"], row["at"])
    return Grant(row["playbook"], row["step"], Mode(row["mode"]), *said)


def grant_values(grant: Grant) -> Values:
    """What GRANT takes."""
    said = (str(grant.mode), grant.likeness, grant.by, grant.why, grant.at)
    return grant.playbook, grant.step, *said


def tally_of(row: Row) -> Tally:
    """A tally as its row says."""
    names = ("playbook", "step", "helped", "returned", "in_vain", "failed", "unseen", "took")
    return Tally(**{name: row[name] for name in names})


def refusals_of(row: Row) -> Refusals:
    """A count as its row says; PostgreSQL sums in decimals."""
    return Refusals(row["playbook"], row["step"], row["reason"], int(row["count"]))


def past_run_of(row: Row) -> PastRun:
    """A run as its row says."""
    about = (row["incident"], row["playbook"], row["step"], row["kind"], row["target"])
    return PastRun(*about, row["began_at"], row["result"], row["verdict"], row["returned_at"])


def withheld_of(row: Row) -> Withheld:
    """What was not done, as its row says."""
    about = (row["incident"], row["step"], row["kind"], row["target"])
    return Withheld(*about, row["at"], row["over_at"])


def human_times_of(rows: Iterable[Row]) -> Mapping[str, Sequence[float]]:
    """By playbook."""
    times: dict[str, list[float]] = {}
    for row in rows:
        times.setdefault(row["playbook"], []).append(row["seconds"])
    return times


def judgements(before: Incident, events: Iterable[Event], now: float) -> list[Values]:
    """What JUDGED takes, for each verdict on what an alert asked for."""
    if before.unprompted:
        return []
    took, run = max(0.0, now - before.begun_at), (before.id, before.rung, before.attempt)
    return [(str(one.data["verdict"]), now, took, *run) for one in events if one.ev == "verdict"]


def failure(before: Incident, result: str, reason: str, now: float) -> list[Values]:
    """The same for a run that failed, so that nothing is verified; what never began shows nothing."""
    if result != FAILED or reason == Reason.NOT_STARTED:
        return []
    return judgements(before, [Event("verdict", {"verdict": FAILED})], now)


def refused(moves: Iterable[Move], now: float) -> list[Values]:
    """What REFUSED takes, for all that is refused in these moves."""
    counts = Counter(
        (move.incident.playbook, move.incident.step, str(event.data["reason"]))
        for move in moves
        if move.events and move.incident.playbook and not move.incident.unprompted
        for event in move.events
        if event.ev == "refused"
    )
    return [(*what, int(now // DAY), count) for what, count in sorted(counts.items())]


def withheld(move: Move, now: float) -> list[Values]:
    """What WITHHELD takes, when shadow mode refuses."""
    incident, shadow = move.incident, str(Reason.SHADOW)
    if incident.unprompted:
        return []
    return [
        (incident.playbook, incident.step, _kind(incident), event.data["target"], incident.id, now)
        for event in move.events
        if event.ev == "refused" and event.data["reason"] == shadow
    ]


def _kind(incident: Incident) -> str:
    ladder = incident.plan["ladder"]
    assert isinstance(ladder, Sequence)  # noqa: S101 - it has the rung that was refused
    return str(ladder[incident.rung]["action"])
