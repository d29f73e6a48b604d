"""What a reader wants to know of an incident besides its name: since when, what was tried and seen, what comes next.

Pure: from the incident, its audit rows and the ledger of releases to short captions and values. The values quote labels,
so a channel still has to make them harmless.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from receiver.decide.incident import CLOSED, Incident, State
from receiver.decide.moments import Row, day_and_time, verdict_words, words_of
from receiver.decide.plan import Playbook
from receiver.decide.release import Release

NEAR = 7200.0  # a deploy so long before it may be the cause
BEFORE, AFTER = 1800, 900  # seconds that a dashboard shows around an incident
MOST_TRIED = 6
LABELS = "Labels"
MOST_LABELS = 20
Calls = Sequence[tuple[float, Sequence[str]]]  # seconds after which whom


@dataclass(frozen=True, slots=True)
class Story:
    """All that is known; `rows` are the incident's audit rows in order, `calls` its escalation."""

    incident: Incident
    book: Playbook | None
    now: float
    rows: Sequence[Row] = ()
    releases: Sequence[Release] = ()
    calls: Calls = ()
    environment: str | None = None


def facts_of(story: Story) -> dict[str, str]:
    """Captions and values, the most important first; what is not known is left out."""
    incident = story.incident
    said = {
        "Target": ", ".join(incident.targets),
        "Since": _since(incident, story.now),
        "Tried": "\n".join(_tried(story.rows)[-MOST_TRIED:]),
        "Next": _next(story),
        "Asked": _asked(story),
        "Release": _release(story),
        "Environment": story.environment or "",
        LABELS: ", ".join(f"{name}={value}" for name, value in _labels(incident)),
    }
    return {caption: value for caption, value in said.items() if value}


def _labels(incident: Incident) -> list[tuple[str, str]]:
    """Its severity stands in the small print already."""
    known = sorted((name, value) for name, value in incident.labels.items() if name != "severity")
    return known[:MOST_LABELS]


def began(incident: Incident) -> float:
    """When it broke, as its alert says; when it was heard of where no alert does."""
    _, _, at = incident.episode.rpartition("@")
    return float(at) if at.isdigit() else incident.begun_at


def at_the_time(url: str, incident: Incident, now: float) -> str:
    """A dashboard's address with the time of the incident, unless it has a time of its own."""
    parts = urlsplit(url)
    query = parse_qsl(parts.query, keep_blank_values=True)
    if any(name in {"from", "to"} for name, _ in query):
        return url
    over = incident.resolved_at if incident.state in CLOSED else None
    to = "now" if over is None else str(int(over + AFTER) * 1000)
    times = [("from", str(int(min(began(incident), now) - BEFORE) * 1000)), ("to", to)]
    return urlunsplit(parts._replace(query=urlencode([*query, *times])))


def _since(incident: Incident, now: float) -> str:
    begun = began(incident)
    until = incident.resolved_at if incident.state in CLOSED else now
    return f"{day_and_time(begun)}, for {span((until or now) - begun)}"


def _tried(rows: Sequence[Row]) -> list[str]:
    """A line for each action: what, how it ended, what was seen afterwards."""
    lines: list[str] = []
    for row in rows:
        if row.get("ev") == "outcome":
            lines.append(words_of(row))
        elif row.get("ev") == "verdict" and lines:
            lines[-1] = f"{lines[-1]} → {verdict_words(row)}"
    return lines


def _next(story: Story) -> str:
    incident, book = story.incident, story.book
    if incident.state in CLOSED:
        return ""
    if incident.state is State.ESCALATED:
        return _next_call(story)
    if incident.state is State.ACKNOWLEDGED:
        return "nothing by itself: it ends with its alert"
    return "" if book is None else _next_step(incident, book)


def _next_step(incident: Incident, book: Playbook) -> str:
    rung = book.ladder[min(incident.rung, len(book.ladder) - 1)]
    action = f"{rung.action} on {', '.join(rung.on or incident.targets)}"
    words = _STEPS.get(incident.state)
    return (
        f"{action}, as soon as the guards allow it"
        if words is None
        else words(incident, book, action)
    )


def _after(incident: Incident, book: Playbook) -> str:
    rung = incident.rung + 1
    if rung >= len(book.ladder):
        return "a human is called"
    following = book.ladder[rung]
    return f"{following.action} on {', '.join(following.on or incident.targets)}"


def _hold(incident: Incident, book: Playbook, action: str) -> str:
    return f"{action} at {_time(incident.progress.since + book.for_)}, if it is still so"


def _blocked(incident: Incident, book: Playbook, action: str) -> str:
    since = incident.progress.blocked_since or incident.progress.since
    called = f"a human is called at {_time(since + book.blocked_max)}"
    return f"{action} when it may ({incident.reason}); {called}"


def _awaiting(incident: Incident, book: Playbook, action: str) -> str:
    expires = _time(incident.progress.since + book.approval_expires)
    return f"{action} once it is approved; without an answer a human is called at {expires}"


def _looked_at(incident: Incident, book: Playbook, action: str) -> str:
    begun = incident.progress.verify_from or incident.progress.since
    decay = book.verify.decay if incident.state is State.DECAYING else 0.0
    until = _time(begun + book.verify.within + decay)
    return f"looked at until {until}; if {action} did not help, {_after(incident, book)}"


_STEPS: Mapping[State, Callable[[Incident, Playbook, str], str]] = {
    State.HOLD: _hold,
    State.BLOCKED: _blocked,
    State.AWAITING_APPROVAL: _awaiting,
    State.SHADOW: lambda _, __, action: f"nothing: in the mode `shadow` {action} is only recorded",
    State.RUNNING: lambda _, __, action: f"{action} is under way",
    State.INTERRUPTED: lambda _, __, action: f"{action} was cut off: it is looked at first",
    State.VERIFYING: _looked_at,
    State.DECAYING: _looked_at,
    State.HEALED_HOLD: lambda *_: "it is closed when it has stayed well",
    State.STEP_FAILED: lambda incident, book, _: _after(incident, book),
    State.NEXT_RUNG: lambda incident, book, _: _after(incident, book),
    State.INCONCLUSIVE: lambda *_: "a human is called",
}


def _next_call(story: Story) -> str:
    incident = story.incident
    waited = story.now - incident.progress.since
    coming = [(after, names) for after, names in story.calls if after > waited and names]
    if incident.acknowledged_by is not None or not coming:
        return "nothing by itself: it ends with its alert"
    after, names = coming[0]
    at = _time(incident.progress.since + after)
    return f"{', '.join(names)}: called at {at}, unless somebody acknowledges"


def _asked(story: Story) -> str:
    incident = story.incident
    if incident.state in CLOSED:
        return ""
    if incident.acknowledged_by is not None:
        return f"{incident.acknowledged_by} has it"
    if incident.state is State.AWAITING_APPROVAL:
        return "an operator: approve or deny"
    if incident.state is not State.ESCALATED:
        return ""
    waited = story.now - incident.progress.since
    called = dict.fromkeys(n for after, names in story.calls if after <= waited for n in names)
    return f"{', '.join(called) or 'whoever reads this'}: acknowledge, and look into it"


def _release(story: Story) -> str:
    return "\n".join(_deploys(story.releases, story.incident))


def deploys_near(releases: Iterable[Release], incident: Incident) -> tuple[Release, ...]:
    """Of the incident's targets, shortly before it broke."""
    broke, targets = began(incident), incident.targets
    return tuple(
        one for one in releases if one.target in targets and 0 <= broke - one.deployed_at <= NEAR
    )


def _deploys(releases: Iterable[Release], incident: Incident) -> Iterator[str]:
    for one in deploys_near(releases, incident):
        commit = f" (commit {one.commit[:12]})" if one.commit else ""
        before = span(began(incident) - one.deployed_at)
        yield f"{one.version}{commit} on {one.target}, deployed {before} before"


def _time(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%H:%M:%S} UTC"


def span(seconds: float) -> str:
    """In the two largest units that say something."""
    left, words = max(0, int(seconds)), []
    for name, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        if left >= size:
            words.append(f"{left // size}{name}")
            left %= size
    return " ".join(words[:2]) or "0s"
