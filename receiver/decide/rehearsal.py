"""What would be done about an alert, with the reason for every yes and no; nothing is run and nothing remembered."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from receiver.decide.episode import Observation, Status
from receiver.decide.guards import Answer, Facts, decide
from receiver.decide.matchers import Matcher
from receiver.decide.plan import Playbook, Rung, Selectable, draft, select
from receiver.decide.reason import Reason

FactsFor = Callable[[Playbook, Rung, str], Facts]
_QUESTIONS: Mapping[Answer, str] = {
    Answer.GO: "would run",
    Answer.ASK: "would ask for approval",
    Answer.SHADOW: "would be recorded, not run",
    Answer.WAIT: "would wait",
    Answer.ESCALATE: "would call a human",
    Answer.OVER: "nothing to do",
}
_PASSED = "would be passed by"


@dataclass(frozen=True, slots=True)
class Word:
    """Yes or no to one playbook or target, and why."""

    name: str
    yes: bool
    why: str


@dataclass(frozen=True, slots=True)
class Step:
    """One rung on one target: what the guards would say to it. A rung without a target has an empty one."""

    rung: str
    action: str
    target: str
    answer: str
    reason: str


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """One alert of a delivery. `incident` is the key under which alerts are taken together."""

    labels: Mapping[str, str]
    status: str
    playbook: str
    incident: str
    outcome: str
    playbooks: tuple[Word, ...] = ()
    targets: tuple[Word, ...] = ()
    ladder: tuple[Step, ...] = ()


def rehearse(
    seen: Observation,
    playbooks: Sequence[Playbook],
    targets: Sequence[Selectable],
    facts_for: FactsFor,
) -> Rehearsal:
    """Takes the decisions that intake, plan and guards would take, with what is known without a journal."""
    if seen.status is Status.RESOLVED:
        said = "resolved: it ends the alert's episode, and nothing is planned"
        return Rehearsal(seen.labels, str(seen.status), "", "", said)
    planned = draft(seen, playbooks, targets)
    answered = tuple(_playbooks(seen.labels, playbooks))
    if planned is None or planned.reason is Reason.NO_PLAYBOOK:
        said = "a marker: nobody is told" if planned is None else "no playbook: people are told"
        key = planned.key if planned is not None else ""
        return Rehearsal(seen.labels, str(seen.status), "", key, said, answered)
    book = next(book for book in playbooks if book.name == planned.playbook)
    steps = tuple(_steps(book, planned.targets, facts_for))
    return Rehearsal(
        labels=seen.labels,
        status=str(seen.status),
        playbook=book.name,
        incident=planned.key,
        outcome=_outcome(book, planned.reason, steps),
        playbooks=answered,
        targets=tuple(_target(one, seen.labels) for one in targets),
        ladder=steps,
    )


def _outcome(book: Playbook, reason: Reason, steps: Sequence[Step]) -> str:
    if reason is Reason.UNKNOWN_TARGET:
        return "no target: a human is called, nothing is touched"
    held = f"held for {book.for_:g} s, then " if book.for_ else ""
    first = next((step for step in steps if step.answer != _PASSED), steps[0])
    return f"{held}{first.action} on {first.target or 'nothing'} {first.answer} ({first.reason})"


def _playbooks(labels: Mapping[str, str], playbooks: Sequence[Playbook]) -> Iterator[Word]:
    first = ""
    for book in playbooks:
        missed = _missed(book.matchers, labels)
        if missed is not None:
            yield Word(book.name, yes=False, why=missed)
        elif first:
            yield Word(book.name, yes=False, why=f"its matchers hold, but {first} comes first")
        else:
            first = book.name
            yield Word(book.name, yes=True, why=_holding(book.matchers))


def _target(target: Selectable, labels: Mapping[str, str]) -> Word:
    if not target.matchers:
        why = "has no matchers: only a rung's `on` reaches it"
        return Word(target.name, yes=False, why=why)
    missed = _missed(target.matchers, labels)
    chosen = bool(select(labels, [target]))
    return Word(target.name, yes=chosen, why=missed or _holding(target.matchers))


def _missed(matchers: Sequence[Matcher], labels: Mapping[str, str]) -> str | None:
    for matcher in matchers:
        if not matcher.matches(labels):
            has = f"is {labels[matcher.name]!r}" if matcher.name in labels else "is missing"
            return f"{matcher} does not hold: {matcher.name} {has}"
    return None


def _holding(matchers: Sequence[Matcher]) -> str:
    return f"{', '.join(map(str, matchers))} hold"


def _steps(book: Playbook, chosen: tuple[str, ...], facts_for: FactsFor) -> Iterator[Step]:
    for rung in book.ladder:
        for target in rung.on or chosen or ("",):
            said = decide(facts_for(book, rung, target))
            unable = said.reason is Reason.FACET_MISSING and rung.optional
            answer = _PASSED if unable else _QUESTIONS[said.answer]
            yield Step(rung.name, rung.action, target, answer, str(said.reason))
