"""A delivery becomes episodes and incidents: what is known is read, judged at the desk, and written together."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from receiver.decide.episode import Kind
from receiver.decide.incident import State
from receiver.journal import Ingested, Seen
from receiver.journal.postgres.desk import Alert, Desk, Episode, OpenIncident, episode_of
from receiver.journal.postgres.returns import Healed, healed_incidents, reopen
from receiver.journal.postgres.rows import digest, plain
from receiver.journal.postgres.session import Database
from receiver.journal.postgres.writer import Unit

CHUNK = 1000  # between two of them the loop does something else


@dataclass(frozen=True, slots=True)
class Delivery:
    """What came in one POST, and when."""

    batch: Sequence[Seen]
    now: float


async def ingest(unit: Unit, deliveries: Sequence[Delivery]) -> list[Ingested]:
    """Writes every observation, in order; one result for each delivery."""
    kinds: list[list[Kind]] = [[] for _ in deliveries]
    opened: list[list[OpenIncident]] = [[] for _ in deliveries]
    resolved = [0] * len(deliveries)
    for chunk in _chunks(deliveries):
        desk = await _lay_out(unit.db, [seen for _, seen in chunk])
        for number, seen in chunk:
            before = len(desk.opened)
            step = desk.take(seen, deliveries[number].now)
            kinds[number].append(step.kind)
            opened[number] += desk.opened[before:]
            resolved[number] += step.closes
        await _write(unit, desk, max(deliveries[number].now for number, _ in chunk))
    return [
        Ingested(tuple(kinds[number]), tuple(one.id for one in opened[number]), resolved[number])
        for number in range(len(deliveries))
    ]


async def nudge(db: Database, incidents: Sequence[int], now: float) -> None:
    """Has open incidents looked at now, or as soon as whoever holds them lets go."""
    if incidents:
        await db.execute(
            "UPDATE incident SET nudged = owner IS NOT NULL,"
            " due = CASE WHEN owner IS NULL THEN $1 ELSE due END"
            " WHERE id = ANY($2::bigint[]) AND resolved_at IS NULL",
            *(now, incidents),
        )


async def close_all(db: Database, incident: int, now: float) -> None:
    """Closes what is still open of an incident that was seen to be over before Alertmanager said so."""
    await db.execute(
        "WITH closed AS (UPDATE episode SET closed_at = $1::double precision"
        " WHERE incident = $2 AND closed_at IS NULL RETURNING alert)"
        " UPDATE alert SET last_ended = $1 FROM closed WHERE alert.alert = closed.alert",
        *(now, incident),
    )
    await nudge(db, [incident], now)


async def confirm(unit: Unit, muted: Mapping[str, str], now: float) -> None:
    """Alertmanager still holds these alerts; a mute that came or went has the incident looked at."""
    rows = await unit.db.fetch(
        "SELECT e.id, e.incident, e.muted <> u.mute AS differs, u.mute FROM episode e"
        " JOIN unnest($1::text[], $2::text[]) AS u (alert, mute) ON e.alert = u.alert"
        " WHERE e.closed_at IS NULL",
        *([plain(alert) for alert in muted], list(muted.values())),
    )
    if rows:
        await unit.db.execute(
            "UPDATE episode e SET muted = u.mute, last_seen = $1"
            " FROM unnest($2::bigint[], $3::text[]) AS u (id, mute) WHERE e.id = u.id",
            *(now, [row["id"] for row in rows], [row["mute"] for row in rows]),
        )
    changed = {row["incident"] for row in rows if row["differs"]} - {None}
    await nudge(unit.db, sorted(changed), now)


def _chunks(deliveries: Sequence[Delivery]) -> Iterator[list[tuple[int, Seen]]]:
    everything = [
        (number, seen) for number, delivery in enumerate(deliveries) for seen in delivery.batch
    ]
    for start in range(0, len(everything), CHUNK):
        yield everything[start : start + CHUNK]


async def _lay_out(db: Database, chunk: Sequence[Seen]) -> Desk:
    alerts = {plain(seen.observation.alert): Alert() for seen in chunk}
    for row in await db.fetch(
        "SELECT a.alert, a.last_ended, a.stale_since, e.id, e.starts_at, e.last_seen, e.incident"
        " FROM alert a LEFT JOIN episode e ON e.alert = a.alert AND e.closed_at IS NULL"
        " WHERE a.alert = ANY($1::text[])",
        list(alerts),
    ):
        alert = alerts[row["alert"]]
        alert.last_ended, alert.stale_since = row["last_ended"], row["stale_since"]
        if row["id"] is not None:
            alert.open = Episode(row["id"], row["starts_at"], row["last_seen"], row["incident"])
    found = await _open_incidents(db, chunk)
    return Desk(alerts, found, await _healed(db, chunk, found, list(alerts)))


async def _open_incidents(db: Database, chunk: Sequence[Seen]) -> dict[str, OpenIncident]:
    drafts = {seen.draft.key: seen.draft for seen in chunk if seen.draft is not None}
    by_digest = {digest(draft.key): draft for draft in drafts.values()}
    rows = await db.fetch(
        "SELECT id, digest, severity FROM incident"
        " WHERE digest = ANY($1::text[]) AND resolved_at IS NULL",
        list(by_digest),
    )
    return {
        by_digest[row["digest"]].key: OpenIncident(
            row["id"], row["severity"], by_digest[row["digest"]]
        )
        for row in rows
    }


async def _healed(
    db: Database, chunk: Sequence[Seen], found: Mapping[str, OpenIncident], alerts: Sequence[str]
) -> dict[str, Healed]:
    drafts = (seen.draft for seen in chunk if seen.draft is not None and seen.draft.playbook)
    keys = {digest(draft.key): draft.key for draft in drafts if draft.key not in found}
    healed = await healed_incidents(db, list(keys), alerts)
    return {keys[one]: incident for one, incident in healed.items()}


async def _write(unit: Unit, desk: Desk, now: float) -> None:
    # what ends first: an alert has one open episode
    await _update_episodes(unit.db, [one for one in desk.episodes if one.id])
    await _insert_incidents(unit.db, [one for one in desk.opened if not one.id])
    await reopen(unit.db, [one.back for one in desk.opened if one.back is not None], now)
    await _insert_episodes(unit.db, [one for one in desk.episodes if not one.id])
    await _remember_alerts(unit.db, desk.alerts)
    await _raise(unit.db, [one for one in desk.incidents.values() if one.graver])
    await nudge(unit.db, sorted(desk.nudged), now)
    await unit.append(list(desk.events()))


async def _update_episodes(db: Database, episodes: Sequence[Episode]) -> None:
    if episodes:
        await db.execute(
            "UPDATE episode e SET starts_at = u.starts_at, last_seen = u.last_seen,"
            " seen = e.seen + u.seen, closed_at = u.closed_at"
            " FROM unnest($1::bigint[], $2::double precision[], $3::double precision[], $4::bigint[],"
            " $5::double precision[]) AS u (id, starts_at, last_seen, seen, closed_at)"
            " WHERE e.id = u.id",
            *_columns(
                (one.id, one.starts_at, one.last_seen, one.seen, one.closed_at) for one in episodes
            ),
        )


async def _insert_incidents(db: Database, incidents: Sequence[OpenIncident]) -> None:
    if not incidents:
        return
    rows = await db.fetch(
        "INSERT INTO incident (key, digest, playbook, state, reason, severity, title, targets, episode,"
        " opened_at, labels, annotations, plan, due)"
        " SELECT u.key, u.digest, u.playbook, $14, u.reason, u.severity, u.title, u.targets, u.episode,"
        " u.opened_at, u.labels, u.annotations, u.plan, u.opened_at"
        " FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],"
        " $8::text[], $9::double precision[], $10::text[], $11::text[], $12::text[], $13::integer[])"
        " AS u (key, digest, playbook, reason, severity, title, targets, episode, opened_at, labels,"
        " annotations, plan, place) ORDER BY u.place RETURNING id, digest",
        *_columns(_incident_row(one, place) for place, one in enumerate(incidents)),
        str(State.OPEN),
    )
    ids = {row["digest"]: row["id"] for row in rows}
    for one in incidents:
        one.id, one.graver = ids[digest(one.draft.key)], False


def _incident_row(one: OpenIncident, place: int) -> tuple[object, ...]:
    draft, seen = one.draft, one.first
    assert seen is not None  # noqa: S101 - a new one is opened by an observation
    return (
        *(plain(draft.key), digest(draft.key), draft.playbook, str(draft.reason), one.severity),
        *(plain(draft.title), json.dumps(draft.targets), episode_of(seen), one.opened_at),
        *(json.dumps(dict(seen.labels)), json.dumps(dict(seen.annotations))),
        *(json.dumps(draft.plan), place),
    )


async def _insert_episodes(db: Database, episodes: Sequence[Episode]) -> None:
    if episodes:
        await db.execute(
            "INSERT INTO episode (alert, fingerprint, labels, annotations, generator_url, starts_at,"
            " opened_at, last_seen, seen, closed_at, incident)"
            " SELECT alert, fingerprint, labels, annotations, generator_url, starts_at, opened_at,"
            " last_seen, seen, closed_at, incident FROM unnest($1::text[], $2::text[], $3::text[],"
            " $4::text[], $5::text[], $6::double precision[], $7::double precision[],"
            " $8::double precision[], $9::bigint[], $10::double precision[], $11::bigint[],"
            " $12::integer[]) AS u (alert, fingerprint, labels, annotations, generator_url, starts_at,"
            " opened_at, last_seen, seen, closed_at, incident, place) ORDER BY place",
            *_columns(_episode_row(one, place) for place, one in enumerate(episodes)),
        )


def _episode_row(one: Episode, place: int) -> tuple[object, ...]:
    seen = one.first
    assert seen is not None  # noqa: S101 - a new one is opened by an observation
    return (
        *(plain(seen.alert), plain(seen.fingerprint), json.dumps(dict(seen.labels))),
        *(json.dumps(dict(seen.annotations)), plain(seen.generator_url), one.starts_at),
        *(one.opened_at, one.last_seen, one.seen, one.closed_at, one.incident_id, place),
    )


async def _remember_alerts(db: Database, alerts: Mapping[str, Alert]) -> None:
    changed = [
        (name, one) for name, one in sorted(alerts.items(), key=lambda pair: pair[0]) if one.changed
    ]
    if changed:
        await db.execute(
            "INSERT INTO alert SELECT * FROM unnest($1::text[], $2::double precision[],"
            " $3::double precision[]) ON CONFLICT (alert) DO UPDATE"
            " SET last_ended = excluded.last_ended, stale_since = excluded.stale_since",
            *_columns((name, one.last_ended, one.stale_since) for name, one in changed),
        )


async def _raise(db: Database, incidents: Sequence[OpenIncident]) -> None:
    if incidents:
        await db.execute(
            "UPDATE incident i SET severity = u.severity"
            " FROM unnest($1::bigint[], $2::text[]) AS u (id, severity) WHERE i.id = u.id",
            *_columns((one.id, one.severity) for one in incidents),
        )


def _columns(rows: Iterable[tuple[object, ...]]) -> list[list[object]]:
    """As unnest() takes them."""
    return [list(column) for column in zip(*rows, strict=True)]
