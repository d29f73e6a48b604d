"""What is owed to those outside: a delivery kept (I7), people told (I8), an answer soon (I13), a proof (I15)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import pairwise

from tests.proof.evidence import Message, Row, Scene

# rows that are told as themselves
TOLD = frozenset({"resolved", "escalated", "acknowledged", "frozen"})
JUDGED = {"recovered": "healed", "still_broken": "ineffective"}
ANSWERS = frozenset({"intent", "refused", "escalated", "resolved", "expired", "acknowledged"})


def i7_nothing_acknowledged_is_lost(seen: Scene) -> Iterator[str]:
    """And an overload is never answered with what Alertmanager does not send again."""
    received: dict[tuple[str, str], int] = defaultdict(int)
    for row in seen.of("received"):
        received[row["fp"], row["status"]] += 1
    promised: dict[tuple[str, str], int] = defaultdict(int)
    for one in seen.terms.accepted:
        if one.answer in {202, 503}:
            promised[one.fingerprint, one.status] += one.answer == 202 and one.actionable
        else:
            yield f"{one.fingerprint} was answered {one.answer}"
    for (fingerprint, status), least in promised.items():
        if received[fingerprint, status] < least:
            yield f"{fingerprint} was acknowledged as {status}, and is not in the journal"


def i8_told_at_least_once_and_in_order(seen: Scene) -> Iterator[str]:
    """What the journal calls told was received; the same key is the same message; nothing overtakes."""
    received = {(message.channel, message.dedup) for message in seen.messages}
    for row in seen.of("notified"):
        if (row["channel"], row["dedup"]) not in received:
            yield f"{row['dedup']} was not received by {row['channel']}"
    first: dict[tuple[str, str], Message] = {}
    for message in seen.messages:
        before = first.setdefault((message.channel, message.dedup), message)
        if before != message:
            yield f"{message.dedup} is two different messages"
    yield from _overtaken(seen, first.values())
    if seen.terms.at_rest:
        yield from _untold(seen, first.values())


def _overtaken(seen: Scene, first: Iterable[Message]) -> Iterator[str]:
    by_incident: dict[tuple[str, int], list[Message]] = defaultdict(list)
    for message in first:
        by_incident[message.channel, message.incident].append(message)
    for told in by_incident.values():
        for at, (one, other) in enumerate(pairwise(told)):
            # what was resolved may come back, but only what was opened before
            back = one.event == "resolved" and any(it.event == "opened" for it in told[:at])
            late = other.event == "opened" and not back
            if late or (seen.terms.steady and other.at < one.at):
                yield f"{other.dedup} came after {one.dedup}"


def _untold(seen: Scene, first: Iterable[Message]) -> Iterator[str]:
    told: dict[tuple[str, str, object], int] = defaultdict(int)
    for message in first:
        told[message.channel, message.event, message.incident] += 1
        told[message.channel, message.event, None] += 1
    due: dict[tuple[str, object], int] = defaultdict(int)
    for row in seen.rows:
        if row["ev"] == "muted":  # announced work: the journal keeps what nobody was told
            told[row["channel"], row["event"], row["incident"]] += 1
            told[row["channel"], row["event"], None] += 1
        event = _event_of(row)
        if event is not None and not _no_news(row):
            due[event, row.get("incident")] += 1
    for channel in seen.terms.channels:
        for (event, incident), count in due.items():
            if told[channel, event, incident] < count:
                yield f"{channel} never heard of {event} of incident {incident} ({count} times)"


def _no_news(row: Row) -> bool:
    """What a schedule did in vain or well is told to nobody."""
    if not str(row.get("ep", "")).startswith("schedule-"):
        return False
    match row["ev"]:
        case "outcome":
            return row["result"] == "ok" and not any(row.get("counts", {}).values())
        case "verdict":
            return bool(row["verdict"] == "recovered")
        case "resolved":
            return bool(row["reason"] != "operator")
        case _:
            return False


def _event_of(row: Row) -> str | None:
    if row["ev"] == "outcome":
        never = row["result"] == "cancelled" and row["reason"] != "resolved"
        return None if never else "acted"
    if row["ev"] == "verdict":
        return JUDGED.get(row["verdict"])
    return row["ev"] if row["ev"] in TOLD else None


def i13_acted_on_or_refused_soon(seen: Scene) -> Iterator[str]:
    """Every incident that opens is acted on, refused with a reason, handed over or over, within seconds."""
    for incident, story in seen.stories().items():
        for at, row in enumerate(story):
            if row["ev"] not in {"opened", "reopened"}:
                continue
            later = (one["t"] for one in story[at + 1 :] if one["ev"] in ANSWERS)
            waited = seen.present(row["t"], next(later, seen.end()))
            if waited > seen.terms.soon:
                yield f"incident {incident} waited {waited:.1f} s without a word"


def i15_success_is_observed(seen: Scene) -> Iterator[str]:
    """Nobody is told that it is healed, and nothing is closed as recovered, without a look after the last action."""
    for incident, story in seen.stories().items():
        proven = False
        for row in story:
            if row["ev"] == "intent":
                proven = False
            elif row["ev"] == "verdict":
                proven = row["verdict"] == "recovered"
            elif row["ev"] == "resolved" and row["reason"] == "recovered" and not proven:
                yield f"incident {incident} was closed as recovered, and nobody had looked"
    healed = {row["incident"] for row in seen.of("verdict") if row["verdict"] == "recovered"}
    for message in seen.messages:
        if message.event == "healed" and message.incident not in healed:
            yield f"incident {message.incident} was called healed, and nobody had looked"
