"""What a config says that cannot do any good, seen beside the rules that fire the alerts. Each finding is a `path: message`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from prunella.service.units import format_duration
from receiver.decide.matchers import Matcher, Op
from receiver.decide.plan import Playbook, Rung, Selectable
from receiver.decide.rules import Rule, Rules

Finding = tuple[str, str]
Lacks = Callable[[str, str], bool]  # whether a target lacks a facet


@dataclass(frozen=True, slots=True)
class Needs:
    """What lint must know of an action and of a verification and cannot see itself."""

    facet_of_rung: Callable[[Rung], str | None]
    least_time: Callable[[Rung], float]  # that the rung's action takes when all goes well
    facet_of_check: Callable[[Mapping[str, object]], str | None]


@dataclass(frozen=True, slots=True)
class Situation:
    """Everything that is compared."""

    playbooks: Sequence[Playbook]
    targets: Sequence[Selectable]
    rules: Rules
    needs: Needs
    lacks: Lacks
    group_interval: float = 0.0  # of the routes that lead to us; 0 when nobody told


def lint(situation: Situation) -> Iterator[Finding]:
    """Every finding, playbook by playbook."""
    for number, book in enumerate(situation.playbooks):
        at = f"playbooks[{number}]"
        fired = [rule for rule in situation.rules.alerts if _answers(book, rule, situation.rules)]
        if not fired:
            yield from _never_fires(at, book, situation.rules)
        elif (first := _taken(book, fired, situation.playbooks[:number])) is not None:
            yield f"{at}.matchers", f"never reached: {first} takes every alert that it matches"
        yield from _times(at, book, fired, situation.group_interval)
        yield from _ladder(at, book, fired, situation)


def _answers(book: Playbook, rule: Rule, rules: Rules) -> bool:
    return all(rules.could_fire(rule, matcher) for matcher in book.matchers)


def _never_fires(at: str, book: Playbook, rules: Rules) -> Iterator[Finding]:
    alone = [
        one
        for one in book.matchers
        if not any(rules.could_fire(rule, one) for rule in rules.alerts)
    ]
    for matcher in alone:
        yield f"{at}.matchers", f"no rule can fire an alert for which {matcher} holds"
    if not alone:
        together = ", ".join(map(str, book.matchers))
        yield f"{at}.matchers", f"no single rule can fire an alert for which all of {together} hold"


def _taken(book: Playbook, fired: Sequence[Rule], earlier: Sequence[Playbook]) -> str | None:
    """The playbook before this one that takes everything, or the first of those that do together."""
    takers = [
        next((one.name for one in earlier if _takes_all(one, book, rule)), None) for rule in fired
    ]
    return takers[0] if None not in takers else None


def _takes_all(earlier: Playbook, book: Playbook, rule: Rule) -> bool:
    return all(matcher in book.matchers or rule.ensures(matcher) for matcher in earlier.matchers)


def _times(
    at: str, book: Playbook, fired: Sequence[Rule], group_interval: float
) -> Iterator[Finding]:
    if not fired:
        return
    verify = book.verify
    slowest = max(fired, key=lambda rule: rule.lookback)
    if all("alert" in check for check in verify.checks):
        longest = max(fired, key=_redness)
        needed = max(_redness(longest), group_interval)
        if verify.within < needed:
            why = f"{longest.name} may stay red for {format_duration(needed)} after a true repair"
            yield (
                f"{at}.verify.within",
                f"{format_duration(verify.within)} is too short to see the alert cleared: {why}; add a direct check",
            )
        remembers = 0.0
    else:
        remembers = verify.within + verify.decay  # so long no new rung is climbed and it stays open
    if book.cooldown < slowest.lookback and remembers < slowest.lookback:
        looks = f"{slowest.name} looks back {format_duration(slowest.lookback)}"
        yield (
            f"{at}.cooldown",
            f"{format_duration(book.cooldown)} is too short: {looks}, so what is repaired already would be repaired again",
        )


def _redness(rule: Rule) -> float:
    return max(rule.for_, rule.lookback)


def _ladder(
    at: str, book: Playbook, fired: Sequence[Rule], situation: Situation
) -> Iterator[Finding]:
    chosen = [target for target in situation.targets if _selects(target, book, fired)]
    for number, rung in enumerate(book.ladder):
        where = f"{at}.ladder[{number}]"
        least = situation.needs.least_time(rung)
        if rung.timeout <= least:
            took = f"{rung.action} takes at least {format_duration(least)}"
            yield f"{where}.timeout", f"{format_duration(rung.timeout)} is too short: {took}"
        if rung.on is None and not rung.optional:
            facet = situation.needs.facet_of_rung(rung)
            yield from _lacking(f"{where}.action", rung.action, facet, chosen, situation.lacks)
    if all(rung.on is None for rung in book.ladder):
        for number, check in enumerate(book.verify.checks):
            facet, word = situation.needs.facet_of_check(check), next(iter(check))
            where = f"{at}.verify.checks[{number}]"
            yield from _lacking(where, word, facet, chosen, situation.lacks)


def _lacking(
    where: str, word: str, facet: str | None, chosen: Sequence[Selectable], lacks: Lacks
) -> Iterator[Finding]:
    for target in chosen:
        if facet is not None and lacks(target.name, facet):
            yield where, f"{word} needs `{facet}:`, which the target {target.name} does not have"


def _selects(target: Selectable, book: Playbook, fired: Sequence[Rule]) -> bool:
    """Whether an alert that the playbook answers could select the target."""
    if not target.matchers:
        return False
    if any(_contradict(one, other) for one in target.matchers for other in book.matchers):
        return False
    return any(all(rule.allows(matcher) for matcher in target.matchers) for rule in fired)


def _contradict(one: Matcher, other: Matcher) -> bool:
    return (
        one.name == other.name and one.op is Op.EQUAL and not other.matches({one.name: one.value})
    )
