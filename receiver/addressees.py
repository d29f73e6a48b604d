"""Whom a `receiver.yml` names to be told or called: channels, rotations and escalations that must exist."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from prunella.service.problems import Location
from prunella.service.units import parse_duration
from receiver.raw_tree import Inconsistency, mapping, missing, sequence


def addressees(tree: Mapping[str, Any]) -> Iterator[Inconsistency]:
    """Whom channels, rotations and escalations name."""
    channels, rotations = mapping(tree.get("channels")), mapping(tree.get("rotations"))
    yield from _channels(channels, tree)
    for name, rotation in rotations.items():
        members = mapping(rotation).get("members")
        yield from missing(("rotations", name, "members"), members, "channel", channels)
        yield from _of_calendar(name, mapping(mapping(rotation).get("ical")), sequence(members))
        if name in channels:
            yield ("rotations", name), "a channel has this name already", "config"
    for name, policy in mapping(tree.get("escalation")).items():
        within: Location = (name, "steps") if isinstance(policy, Mapping) else (name,)
        steps = mapping(policy).get("steps") if isinstance(policy, Mapping) else policy
        yield from _in_order(("escalation", *within), sequence(steps))
        for number, step in enumerate(sequence(steps)):
            at = ("escalation", *within, number, "notify")
            yield from missing(at, mapping(step).get("notify"), "channel", _callable(tree))


def _in_order(at: Location, steps: Sequence[Any]) -> Iterator[Inconsistency]:
    """Steps are gone through one by one: one that comes too early in the list keeps all below it waiting."""
    times = [mapping(step).get("after") for step in steps]
    for number, (above, after) in enumerate(pairwise(times), 1):
        if _seconds(after) < _seconds(above):
            cure = "write the steps in the order of their times"
            why = f"comes before the step above it ({above}), which would never be passed: {cure}"
            yield (*at, number, "after"), why, "config"
            return


def _seconds(after: object) -> float:
    """What is no duration is said elsewhere, and in no order."""
    try:
        return parse_duration(after)
    except ValueError:
        return float("nan")


def _of_calendar(
    name: str, ical: Mapping[str, Any], members: Iterable[Any]
) -> Iterator[Inconsistency]:
    at: Location = ("rotations", name, "ical")
    known = {one: True for one in members if isinstance(one, str)}
    if "fallback" in ical:
        yield from missing((*at, "fallback"), [ical["fallback"]], "member", known)
    for person, member in mapping(ical.get("people")).items():
        yield from missing((*at, "people", person), [member], "member", known)


def audience(
    at: Location, teller: Mapping[str, Any], tree: Mapping[str, Any]
) -> Iterator[Inconsistency]:
    """Whom a playbook or a schedule names."""
    yield from missing((*at, "notify"), teller.get("notify"), "channel", _callable(tree))
    said, known = teller.get("escalate"), mapping(tree.get("escalation"))
    if not isinstance(said, Mapping):
        yield from missing((*at, "escalate"), [said], "escalation", known)
    for severity, name in mapping(said).items():
        yield from missing((*at, "escalate", severity), [name], "escalation", known)


def _callable(tree: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**mapping(tree.get("rotations")), **mapping(tree.get("channels"))}


def _channels(channels: Mapping[str, Any], tree: Mapping[str, Any]) -> Iterator[Inconsistency]:
    """Who stands in for a channel, and of which playbooks it wants to hear."""
    told = {"manual": True} | {
        name: True
        for kind in ("playbooks", "schedules")
        for one in sequence(tree.get(kind))
        if isinstance(name := mapping(one).get("name"), str)
    }
    for name, keys in channels.items():
        at, channel = ("channels", name), mapping(keys)
        yield from missing((*at, "playbooks"), channel.get("playbooks"), "playbook", told)
        yield from missing((*at, "fallback"), [channel.get("fallback")], "channel", channels)
        if channel.get("fallback") == name:
            yield (*at, "fallback"), "a channel cannot stand in for itself", "config"
        circle = _circle(name, channels)
        if len(circle) > 1 and name == min(circle):
            said = " -> ".join((*circle, name))
            cure = "take one of these fallbacks away, so that there is a last one"
            yield (*at, "fallback"), f"{said} is a circle: {cure}", "config"


def _circle(name: str, channels: Mapping[str, Any]) -> tuple[str, ...]:
    """The channels that stand in for one another, beginning with this one; nothing when it is in no circle."""
    chain = [name]
    while True:
        following = mapping(channels.get(chain[-1])).get("fallback")
        if not isinstance(following, str):
            return ()
        if following == name:
            return tuple(chain)
        if following in chain:
            return ()
        chain.append(following)
