"""A delivery becomes episodes and incidents: what is known is read, judged at the desk, and written together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from receiver.journal import Ingested, Seen
from receiver.journal.chunks import Chunk, Delivery, Reply, chunks
from receiver.journal.desk import Alert, Desk, Episode, OpenIncident
from receiver.journal.postgres.letters import post_all
from receiver.journal.postgres.returns import healed_incidents, reopen, returned
from receiver.journal.postgres.rows import digest, plain
from receiver.journal.postgres.session import Database
from receiver.journal.postgres.storms import weather
from receiver.journal.postgres.trust import refused
from receiver.journal.postgres.writer import Unit
from receiver.journal.returns import Healed, came_back
from receiver.journal.rows import progress_json, waits
from receiver.journal.spelling import compact


async def ingest(unit: Unit, deliveries: Sequence[Delivery]) -> list[Ingested]:
    """Writes every observation, in order; one result for each delivery."""
    replies = [Reply() for _ in deliveries]
    for chunk in chunks(deliveries, replies):
        desk = await _lay_out(unit.db, chunk.seen)
        chunk.lie_on(desk)
        mailed = await _write(unit, desk, chunk)
        chunk.answer(desk, mailed=mailed)
    return [reply.ingested for reply in replies]


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
    return Desk(alerts, found, plain, await _healed(db, chunk, found, list(alerts)))


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


async def _write(unit: Unit, desk: Desk, chunk: Chunk) -> bool:
    now = chunk.now
    # what ends first: an alert has one open episode
    await _update_episodes(unit.db, [one for one in desk.episodes if one.id])
    desk.begin(await _numbers(unit.db, len(desk.new)))
    await _insert_incidents(unit.db, desk)
    await reopen(unit.db, [one.back for one in desk.opened if one.back is not None], now)
    await _insert_episodes(unit.db, desk)
    await _remember_alerts(unit.db, desk.alerts)
    await _raise(unit.db, [one for one in desk.incidents.values() if one.graver])
    await nudge(unit.db, desk.nudged, now)
    await returned(unit.db, came_back(desk.healed, (one.draft.key for one in desk.opened)), now)
    await refused(unit, (one.move for one in desk.new if one.move is not None), now)
    await unit.append(list(desk.events()))
    mailed = await post_all(unit.db, now, list(desk.letters()), new=True)
    return await weather(unit, desk.new, chunk.reception, now) or mailed


async def _numbers(db: Database, count: int) -> list[int]:
    if not count:
        return []
    rows = await db.fetch(
        "SELECT nextval(pg_get_serial_sequence('incident', 'id')) AS id FROM generate_series(1, $1)",
        count,
    )
    return [row["id"] for row in rows]


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


async def _insert_incidents(db: Database, desk: Desk) -> None:
    if not desk.new:
        return
    await db.execute(
        "INSERT INTO incident (id, key, digest, playbook, state, reason, severity, title, targets,"
        " episode, opened_at, labels, annotations, plan, progress, due) OVERRIDING SYSTEM VALUE"
        " SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[],"
        " $7::text[], $8::text[], $9::text[], $10::text[], $11::double precision[], $12::text[],"
        " $13::text[], $14::text[], $15::text[], $16::double precision[])",
        *_columns(_incident_row(one, desk) for one in desk.new),
    )


def _incident_row(one: OpenIncident, desk: Desk) -> tuple[object, ...]:
    assert one.move is not None  # noqa: S101 - the desk has begun it
    assert one.first is not None  # noqa: S101 - a new one is opened by an observation
    born, due = one.move.incident, one.move.due
    return (
        *(born.id, plain(born.key), digest(born.key), born.playbook, str(born.state)),
        *(str(born.reason), born.severity, plain(born.title), compact(born.targets)),
        *(born.episode, born.opened_at, *desk.texts.of(one.first), desk.plan_text(one)),
        *(progress_json(born), one.opened_at if due is None else waits(due)),
    )


async def _insert_episodes(db: Database, desk: Desk) -> None:
    episodes = [one for one in desk.episodes if not one.id]
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
            *_columns(_episode_row(one, desk, place) for place, one in enumerate(episodes)),
        )


def _episode_row(one: Episode, desk: Desk, place: int) -> tuple[object, ...]:
    seen = one.first
    assert seen is not None  # noqa: S101 - a new one is opened by an observation
    return (
        *(
            plain(seen.alert),
            plain(seen.fingerprint),
            *desk.texts_of(one),
            plain(seen.generator_url),
        ),
        *(
            one.starts_at,
            one.opened_at,
            one.last_seen,
            one.seen,
            one.closed_at,
            one.incident_id,
            place,
        ),
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
