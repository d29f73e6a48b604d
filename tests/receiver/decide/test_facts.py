"""What is told of an incident at each of its moments, against files that a person has read.

`PRUNELLA_GOLDEN=write` writes them anew: then read the difference.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from receiver.decide.facts import Story, at_the_time, facts_of
from receiver.decide.incident import Incident, State
from receiver.decide.plan import Playbook
from receiver.decide.reason import Reason
from receiver.decide.release import Release, ReleaseState
from receiver.decide.values import changed
from tests.receiver.builders import NOW, a_playbook, an_incident

GOLDEN = Path(__file__).parent / "golden"
BOOK = a_playbook(
    ladder=[
        {"name": "gc", "action": "collect_garbage"},
        {"name": "restart", "action": "restart", "on": ["api", "worker"]},
    ],
    **{"for": "1m", "blocked_max": "30m", "approval_expires": "20m"},
)
CALLS = ((0.0, ("pager",)), (1800.0, ("lead",)), (3600.0, ("manager", "cto")))
RELEASES = (
    Release("api", "v42", ReleaseState.WATCHING, NOW - 780, "ci", commit="0123456789abcdef"),
    Release("api", "v41", ReleaseState.STABLE, NOW - 90_000, "ci"),
    Release("other", "v7", ReleaseState.WATCHING, NOW - 100, "ci"),
)
TRIED: tuple[Mapping[str, Any], ...] = (
    {"ev": "outcome", "kind": "collect_garbage", "target": "api", "result": "ok"},
    {"ev": "verdict", "verdict": "still_broken", "seen": ["fail: http /health: 500, not 2xx"]},
    {
        "ev": "outcome",
        "kind": "restart",
        "target": "api",
        "result": "timeout",
        "detail": "no end after 60 s",
    },
    {
        "ev": "outcome",
        "kind": "heal_stuck_jobs",
        "target": "jobs",
        "result": "ok",
        "counts": {"jobs": 3},
    },
    {"ev": "verdict", "verdict": "recovered", "seen": []},
)


def at(state: State, reason: Reason = Reason.FIRING, **changes: Any) -> Incident:
    """An incident that came into this state just now."""
    incident = an_incident(state=state, reason=reason, playbook=BOOK)
    progress = changed(incident.progress, since=NOW, **changes.pop("progress", {}))
    return changed(incident, progress=progress, **changes)


def story(
    incident: Incident, *, now: float = NOW + 90, book: Playbook | None = BOOK, **more: Any
) -> Story:
    return Story(incident, book, now, calls=CALLS, **more)


STORIES = {
    "opened": story(at(State.GATING), releases=RELEASES, environment="production"),
    "holding": story(at(State.HOLD, Reason.HOLDING)),
    "blocked": story(at(State.BLOCKED, Reason.COOLDOWN, progress={"blocked_since": NOW - 60})),
    "asked": story(at(State.AWAITING_APPROVAL, Reason.APPROVAL_REQUIRED)),
    "shadow": story(at(State.SHADOW, Reason.SHADOW)),
    "running": story(at(State.RUNNING, Reason.ALLOWED)),
    "verifying": story(at(State.VERIFYING), rows=TRIED[:1]),
    "decaying": story(at(State.DECAYING, progress={"verify_from": NOW - 30}), rows=TRIED[:1]),
    "ineffective": story(at(State.NEXT_RUNG, Reason.STILL_BROKEN), rows=TRIED[:2]),
    "last-rung": story(at(State.VERIFYING, rung=1), rows=TRIED[:3]),
    "healed": story(at(State.HEALED_HOLD, Reason.RECOVERED), rows=TRIED),
    "escalated": story(at(State.ESCALATED, Reason.RUNGS_EXHAUSTED, rung=1), rows=TRIED[:3]),
    "escalated-late": story(at(State.ESCALATED, Reason.RUNGS_EXHAUSTED), now=NOW + 4000),
    "acknowledged": story(at(State.ACKNOWLEDGED, Reason.OPERATOR, acknowledged_by="anna")),
    "resolved": story(
        at(State.RESOLVED, Reason.RECOVERED, resolved_at=NOW + 60), now=NOW + 7200, rows=TRIED
    ),
    "no-playbook": story(at(State.ESCALATED, Reason.NO_PLAYBOOK, targets=()), book=None),
}


@pytest.mark.parametrize("name", STORIES)
def test_the_facts_are_those_that_somebody_has_read(name: str) -> None:
    text = "".join(f"{caption}: {value}\n" for caption, value in facts_of(STORIES[name]).items())
    file = GOLDEN / f"facts-{name}.txt"
    if os.environ.get("PRUNELLA_GOLDEN") == "write":
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")


def test_every_state_has_a_fact_or_is_over() -> None:
    for state in State:
        said = facts_of(story(at(state, resolved_at=NOW + 5)))
        assert state in {State.RESOLVED, State.EXPIRED} or said["Next"], state


def test_a_dashboard_opens_at_the_time_of_the_incident() -> None:
    begun = int(NOW - 60 - 1800) * 1000
    url = at_the_time("https://g/d/x?var-service=api#top", at(State.GATING), NOW)
    assert url == f"https://g/d/x?var-service=api&from={begun}&to=now#top"
    over = at(State.RESOLVED, resolved_at=NOW + 60)
    assert at_the_time("https://g/d/x", over, NOW).endswith(f"to={int(NOW + 960) * 1000}")


def test_a_dashboard_with_a_time_of_its_own_keeps_it() -> None:
    url = "https://g/d/x?from=now-6h&to=now"
    assert at_the_time(url, at(State.GATING), NOW) == url
