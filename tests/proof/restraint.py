"""When nothing may be done at all: I9, I10, I11, I12, I16 and I18."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from tests.proof.evidence import INFINITY, HandsOff, Row, Scene, Terms

GRACE = 1.0  # what a kill switch may take


def i9_only_while_it_should(seen: Scene) -> Iterator[str]:
    """Nothing begins when the incident is over, nor in a stretch in which it was told not to."""
    for story in seen.stories().values():
        over = False
        for row in story:
            if row["ev"] in {"resolved", "expired", "reopened"}:
                over = row["ev"] != "reopened"
            elif row["ev"] == "intent" and over:
                yield f"{row['aid']} began although its incident was over"
    yield from _within(seen, [one for one in seen.terms.hands_off if one.invariant == "I9"], 0.0)


def i10_the_kill_switch_holds(seen: Scene) -> Iterator[str]:
    """Nothing is permitted while it is set, and no effect begins more than a second after: by the API or by the file."""
    stretches = [one for one in seen.terms.hands_off if one.invariant == "I10"]
    since: float | None = None
    for row in seen.of("paused", "resumed", "intent"):
        if row["ev"] == "paused":
            since = row["t"] if since is None else since
        elif row["ev"] == "resumed":
            stretches += [] if since is None else [HandsOff(since, row["t"], "paused")]
            since = None
        elif since is not None:
            yield f"{row['aid']} was permitted in a pause"
    if since is not None:
        stretches.append(HandsOff(since, INFINITY, "paused"))
    if seen.terms.steady:
        yield from _within(seen, stretches, GRACE)


def _within(seen: Scene, stretches: Sequence[HandsOff], grace: float) -> Iterator[str]:
    for effect in seen.effects:
        for one in stretches:
            meant = one.target in {None, effect.target}
            if meant and one.since + grace < effect.began < one.until:
                yield f"{effect.aid} began at {effect.began}: {one.why} since {one.since}"


def i11_a_common_cause_is_left_alone(seen: Scene) -> Iterator[str]:
    """Nothing is touched while too much of a group is sick."""
    sick: dict[int, frozenset[str]] = {}
    for row in seen.of("opened", "reopened", "resolved", "expired", "intent"):
        if row["ev"] == "opened":
            sick[row["incident"]] = frozenset(row["targets"])
        elif row["ev"] in {"resolved", "expired"}:
            sick.pop(row["incident"], None)
        elif row["ev"] == "intent":
            yield from _common(seen.terms, row, sick)


def _common(terms: Terms, intent: Row, sick: Mapping[int, frozenset[str]]) -> Iterator[str]:
    unwell = frozenset[str]().union(*sick.values())
    for name, group in terms.groups.items():
        share = len(unwell & group)
        if intent["target"] not in group or len(group) < 3 or share < 2:
            continue
        if share / len(group) > terms.max_unhealthy_ratio:
            yield f"{intent['aid']} began while {share} of {len(group)} in {name} were sick"


def i12_only_known_targets(seen: Scene) -> Iterator[str]:
    """Never an empty one, all, or what looks like an option."""
    known = seen.terms.targets
    for name, what in (
        *((row["target"], row["aid"]) for row in seen.of("intent")),
        *((effect.target, effect.aid) for effect in seen.effects),
    ):
        if (
            not name
            or name == "*"
            or name.startswith("-")
            or (known is not None and name not in known)
        ):
            yield f"{what} touched {name!r}"


def i16_shadow_touches_nothing(seen: Scene) -> Iterator[str]:
    """In shadow mode there is neither an effect nor the permission for one."""
    if seen.terms.shadow:
        yield from (f"{effect.aid} was done in shadow mode" for effect in seen.effects)
        yield from (f"{row['aid']} was permitted in shadow mode" for row in seen.of("intent"))


def i18_never_on_itself(seen: Scene) -> Iterator[str]:
    """The receiver, its journal and what watches it are no targets."""
    for row in seen.of("intent"):
        if row["target"] in seen.terms.own:
            yield f"{row['aid']} acts on {row['target']}, which is the receiver's own"
