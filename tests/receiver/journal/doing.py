"""What tests of the journal do again and again, one word each."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from receiver.decide import guards
from receiver.decide.guards import Answer, Facts
from receiver.decide.incident import State
from receiver.decide.reason import Reason
from receiver.decide.values import changed
from receiver.journal import Claim, Ended, Event, Journal, Letter, Move, Question, Rule, Ruling, Run
from receiver.journal.sqlite import SqliteJournal, open_journal
from tests.receiver.builders import NOW, a_question, a_run, a_seen, an_alert

LEASE = 15.0


@asynccontextmanager
async def opened(file: Path, now: float = NOW) -> AsyncIterator[SqliteJournal]:
    journal = await open_journal(file, now)
    try:
        yield journal
    finally:
        await journal.close()


async def fires(
    journal: Journal,
    fingerprint: str = "f1",
    *,
    key: str | None = None,
    targets: tuple[str, ...] = ("api",),
    playbook: str = "repair",
    now: float = NOW,
    starts_at: float | None = None,
) -> int:
    """An alert that opens an incident, whose id is returned."""
    alert = an_alert(fingerprint, starts_at=now - 60.0 if starts_at is None else starts_at)
    seen = a_seen(alert, key=key or f"key-{fingerprint}", targets=targets, playbook=playbook)
    (incident,) = (await journal.ingest([seen], now)).opened
    return incident


async def taken(journal: Journal, now: float = NOW, owner: str = "us") -> Claim:
    """The one incident that is due."""
    (claim,) = await journal.claim(owner, now, LEASE, 10)
    return claim


async def at_the_gate(
    journal: Journal, fingerprint: str = "f1", *, target: str = "api", now: float = NOW
) -> Claim:
    """A new incident, claimed and in GATING."""
    number = await fires(journal, fingerprint, targets=(target,), now=now)
    claims = await journal.claim("us", now, LEASE, 10)
    (claim,) = (claim for claim in claims if claim.incident.id == number)
    after = claim.incident.moved(State.GATING, Reason.FIRING, now)
    await journal.move(claim, Move(after), now)
    return replace(claim, incident=after)


def by_the_guards(claim: Claim, run: Run, letters: tuple[Letter, ...] = ()) -> Rule:
    """Runs when every guard agrees, and is blocked otherwise."""

    def rule(facts: Facts) -> Ruling:
        decision = guards.decide(facts)
        if decision.answer is Answer.GO:
            after = claim.incident.moved(State.RUNNING, Reason.ALLOWED, facts.now)
            intent = Event("intent", {"incident": run.incident, "aid": run.action_id})
            return Ruling(Move(after, (intent,)), run)
        blocked = claim.incident.moved(State.BLOCKED, decision.reason, facts.now)
        move = Move(blocked, due=decision.until or facts.now + 30.0)
        return Ruling(move, freeze=decision.freeze, frozen_letters=letters)

    return rule


async def asked(
    journal: Journal, claim: Claim, question: Question | None = None, run: Run | None = None
) -> Ruling:
    """What the guards say to this incident's run."""
    question = question or a_question(target=claim.incident.targets[0])
    run = run or a_run(claim, target=question.target, began_at=question.now)
    return await journal.gate(claim, question, by_the_guards(claim, run))


async def facts_of(journal: Journal, claim: Claim, question: Question | None = None) -> Facts:
    """The facts that a rule would be given now; nothing is written."""
    seen: list[Facts] = []

    class Enough(Exception):
        pass

    def rule(facts: Facts) -> Ruling:
        seen.append(facts)
        raise Enough

    try:
        await journal.gate(claim, question or a_question(), rule)
    except Enough:
        return seen[0]
    raise AssertionError("the rule was not asked")


async def ended(
    journal: Journal,
    claim: Claim,
    run: Run,
    *,
    result: str = "ok",
    reason: str = "done",
    now: float = NOW,
) -> None:
    """The run is over and its incident is handed to a human."""
    running = changed(
        claim.incident, state=State.RUNNING, progress=changed(claim.incident.progress, since=now)
    )
    after = running.moved(State.VERIFYING, Reason.DONE, now)
    end = Ended(run.action_id, result, reason)
    outcome = Event("outcome", {"incident": run.incident, "aid": run.action_id, "result": result})
    await journal.end(claim, end, Move(after, (outcome,), due=now + 1e6), now)


async def acted(
    journal: Journal,
    fingerprint: str,
    *,
    target: str,
    now: float,
    result: str = "ok",
    reason: str = "done",
) -> None:
    """One whole action, from the alert to its outcome."""
    claim = await at_the_gate(journal, fingerprint, target=target, now=now)
    ruling = await asked(journal, claim, a_question(now, target=target))
    assert ruling.run is not None
    await ended(journal, claim, ruling.run, result=result, reason=reason, now=now)


async def exported(journal: Journal, incident: int | None = None) -> list[dict[str, Any]]:
    """The journal as its export shows it."""
    return [json.loads(line) async for line in journal.export(incident)]


async def words(journal: Journal, incident: int | None = None) -> list[str]:
    """Only the `ev` of each row."""
    return [row["ev"] for row in await exported(journal, incident)]
