"""What is done, how often, under which permission: I1, I2, I3, I5, I6 and I14."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

from receiver.journal.chain import broken_link
from tests.proof.evidence import Effect, Row, Scene, Terms, never_began


def i1_at_most_one_execution(seen: Scene) -> Iterator[str]:
    """Of each (episode, rung, attempt), and a new attempt only where that is allowed."""
    began: dict[str, int] = defaultdict(int)
    for effect in seen.effects:
        began[effect.aid] += 1
    yield from (f"{aid} was done {n} times" for aid, n in began.items() if n > 1)
    permitted = [row["aid"] for row in seen.of("intent")]
    yield from (f"{aid} was permitted twice" for aid in _doubles(permitted))
    for story in seen.stories().values():
        yield from _repeats(seen, story)
    scheduled = (row for row in seen.of("opened") if "tick" in row)
    moments = (f"{row['tick']} by {row['by']} on {row['targets']}" for row in scheduled)
    yield from (f"{moment} was begun twice" for moment in _doubles(moments))


def _repeats(seen: Scene, story: Sequence[Row]) -> Iterator[str]:
    outcomes, last = seen.outcomes(), dict[tuple[str, str], Row]()
    for row in story:
        if row["ev"] == "reopened":
            last.clear()
        if row["ev"] != "intent":
            continue
        before = last.get((row["step"], row["target"]))
        outcome = outcomes.get(before["aid"]) if before is not None else None
        if before is not None and not _may_repeat(seen.terms, row, outcome):
            yield f"{row['aid']} does again what {before['aid']} did"
        last[row["step"], row["target"]] = row


def _may_repeat(terms: Terms, intent: Row, outcome: Row | None) -> bool:
    if never_began(outcome):
        return True
    return (
        outcome is not None
        and outcome["result"] in {"unknown", "cancelled"}
        and (intent["kind"] in terms.repeatable)
    )


def i2_one_action_a_target(seen: Scene) -> Iterator[str]:
    """At a time, over all receivers: by what ran, and by what was permitted."""
    busy: dict[str, Effect] = {}
    for effect in seen.effects:
        before = busy.get(effect.target)
        if before is not None and effect.began < (before.ended or before.began):
            yield f"{effect.aid} began on {effect.target} while {before.aid} ran"
        busy[effect.target] = effect
    held: dict[str, str] = {}
    for row in seen.of("intent", "outcome"):
        if row["ev"] == "outcome":
            held = {target: aid for target, aid in held.items() if aid != row["aid"]}
            continue
        if row["target"] in held:
            yield f"{row['aid']} was permitted while {held[row['target']]} held {row['target']}"
        held[row["target"]] = row["aid"]


def i3_limits(seen: Scene) -> Iterator[str]:
    """So many a target, so many in all, so many disruptive ones at once; a freeze is one page."""
    begun = seen.begun()
    by_target: dict[str, list[float]] = defaultdict(list)
    for row in begun:
        by_target[row["target"]].append(row["t"])
    for target, times in by_target.items():
        yield from _too_many(times, seen.terms.per_target, f"on {target}")
    yield from _too_many([row["t"] for row in begun], seen.terms.everywhere, "in all")
    yield from _too_disruptive(seen)
    frozen = len(list(seen.of("frozen")))
    paged = {(one.channel, one.dedup) for one in seen.messages if one.event == "frozen"}
    for channel, sent in Counter(name for name, _ in paged).items():
        if sent > frozen:
            yield f"{channel} was paged {sent} times for {frozen} freezes"


def _too_many(times: Sequence[float], rate: tuple[int, float], where: str) -> Iterator[str]:
    count, window = rate
    ordered = sorted(times)
    for first, last in zip(ordered, ordered[count:], strict=False):
        if last - first < window:
            yield f"more than {count} actions {where} within {window:g} s of {first}"


def _too_disruptive(seen: Scene) -> Iterator[str]:
    running: list[Effect] = []
    for effect in seen.effects:
        if effect.kind in seen.terms.gentle:
            continue
        running = [one for one in running if (one.ended or one.began) > effect.began]
        running.append(effect)
        if len(running) > seen.terms.disruptive_at_once:
            yield f"{len(running)} disruptive actions at once: {[one.aid for one in running]}"


def i5_an_unknown_outcome_is_never_retried(seen: Scene) -> Iterator[str]:
    """It is looked at before anything else is done in its incident."""
    for story in seen.stories().values():
        unknown: Row | None = None
        for row in story:
            if row["ev"] == "outcome":
                half = row["result"] in {"unknown", "timeout", "cancelled"}
                unknown = row if half and not never_began(row) else None
            elif row["ev"] in {"verdict", "escalated", "acknowledged", "reopened"}:
                unknown = None
            elif row["ev"] == "intent" and unknown is not None:
                yield f"{row['aid']} began before anybody looked what {unknown['aid']} had done"


def i6_intent_before_effect_and_outcome_after(seen: Scene) -> Iterator[str]:
    """And the journal is whole."""
    rows, wrong = broken_link(seen.lines)
    if wrong is not None:
        yield f"the journal is broken after {rows} rows: {wrong}"
    intents = {row["aid"]: row for row in reversed(list(seen.of("intent")))}
    for row in seen.of("outcome"):
        if row["aid"] not in intents or intents[row["aid"]]["seq"] > row["seq"]:
            yield f"{row['aid']} has an outcome without an intent before it"
    yield from (f"{aid} has two outcomes" for aid in _doubles(r["aid"] for r in seen.of("outcome")))
    outcomes = seen.outcomes()
    for effect in seen.effects:
        yield from _uncovered(effect, intents.get(effect.aid), outcomes.get(effect.aid))
    if seen.terms.at_rest:
        yield from (f"{aid} never got an outcome" for aid in intents if aid not in outcomes)


def _uncovered(effect: Effect, intent: Row | None, outcome: Row | None) -> Iterator[str]:
    if intent is None:
        yield f"{effect.aid} was done without an intent"
    elif intent["t"] > effect.began:
        yield f"{effect.aid} was done before its intent"
    elif (intent["target"], intent["kind"]) != (effect.target, effect.kind):
        yield f"{effect.aid} did something else than it was permitted"
    if never_began(outcome):
        yield f"{effect.aid} was done, and the journal says that it never began"


def i14_the_fence_holds(seen: Scene) -> Iterator[str]:
    """Whoever was thought dead does nothing when he wakes."""
    outcomes, highest = seen.outcomes(), dict[object, tuple[int, str]]()
    for row in seen.of("intent"):
        fence, aid = highest.get(row["incident"], (0, ""))
        if row["fence"] < fence:
            yield f"{row['aid']} was permitted with fence {row['fence']} after {aid} with {fence}"
        highest[row["incident"]] = (row["fence"], row["aid"])
    fences = {row["aid"]: row["fence"] for row in seen.of("intent")}
    for effect in seen.effects:
        if effect.fence != fences.get(effect.aid, effect.fence):
            yield f"{effect.aid} ran with fence {effect.fence} instead of {fences[effect.aid]}"
        over = outcomes.get(effect.aid)
        if over is not None and seen.terms.steady and effect.began > over["t"]:
            yield f"{effect.aid} began after its outcome was written"


def _doubles(names: Iterable[str]) -> list[str]:
    return [name for name, count in Counter(names).items() if count > 1]
