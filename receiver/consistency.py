"""What the keys of a `receiver.yml` say about each other: names that must exist, options that an action must know.

It reads the file as it stands and not the finished settings, so that one wrong value does not hide nine others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from pydantic import ValidationError

from prunella.service.problems import ABSENT, Location, findings
from prunella.service.units import parse_listen
from receiver.actions import ACTIONS
from receiver.actions.base import Action
from receiver.checks import parse_check
from receiver.checks.base import Check
from receiver.decide.plan import Mode, Verify, gather_options
from receiver.targets import Target

DEFAULT_LISTEN = "127.0.0.1:9651"
THIS_MACHINE = frozenset({"", "localhost", "127.0.0.1", "0.0.0.0", "::1", "::"})  # noqa: S104 - compared, not bound
Inconsistency = tuple[Location, str, str]  # the arguments of `mistake`


def build_action(name: str, options: Mapping[str, Any]) -> Action:
    """The action of that name with those options. Raises ValueError that lists the known names."""
    if name not in ACTIONS:
        raise ValueError(f"unknown action {name!r}; known: {', '.join(sorted(ACTIONS))}")
    return ACTIONS[name].model_validate(dict(options))


def build_checks(verify: Verify) -> tuple[Check, ...]:
    """The checks of a verification, ready to look."""
    return tuple(parse_check(check) for check in verify.checks)


def inconsistencies(data: object, context: Any = None) -> Iterator[Inconsistency]:
    """Every place where two keys of the file do not go together."""
    tree = _mapping(data)
    channels, targets = _mapping(tree.get("channels")), _mapping(tree.get("targets"))
    for name, facets in targets.items():
        if "name" in _mapping(facets):
            yield ("targets", name, "name"), "unknown key: a target's name is its key", "config"
    yield from _ourselves(tree, targets)
    yield from _channels(channels, tree)
    for group, members in _mapping(tree.get("groups")).items():
        yield from _missing(("groups", group), members, "target", targets)
    for name, steps in _mapping(tree.get("escalation")).items():
        for number, step in enumerate(_sequence(steps)):
            at = ("escalation", name, number, "notify")
            yield from _missing(at, _mapping(step).get("notify"), "channel", channels)
    for number, playbook in enumerate(_sequence(tree.get("playbooks"))):
        yield from _playbook(("playbooks", number), _mapping(playbook), tree)
    yield from _twice(tree, "playbook")
    for number, schedule in enumerate(_sequence(tree.get("schedules"))):
        yield from _schedule(("schedules", number), _mapping(schedule), tree)
    yield from _twice(tree, "schedule")
    yield from _objections(tree, _usable(targets, context))
    yield from _auth(tree)


def _channels(channels: Mapping[str, Any], tree: Mapping[str, Any]) -> Iterator[Inconsistency]:
    """Whom a channel names, and of which playbooks it wants to hear."""
    told = {"manual": True} | {
        name: True
        for kind in ("playbooks", "schedules")
        for one in _sequence(tree.get(kind))
        if isinstance(name := _mapping(one).get("name"), str)
    }
    for name, keys in channels.items():
        at, channel = ("channels", name), _mapping(keys)
        yield from _missing((*at, "playbooks"), channel.get("playbooks"), "playbook", told)
        yield from _missing((*at, "fallback"), [channel.get("fallback")], "channel", channels)
        if channel.get("fallback") == name:
            yield (*at, "fallback"), "a channel cannot stand in for itself", "config"


def _twice(tree: Mapping[str, Any], kind: str) -> Iterator[Inconsistency]:
    """Names that two playbooks, or two schedules, have."""
    names: set[object] = set()
    for number, one in enumerate(_sequence(tree.get(f"{kind}s"))):
        name = _mapping(one).get("name")
        if isinstance(name, str) and name in names:
            yield (f"{kind}s", number, "name"), f"another {kind} is named {name} already", "config"
        names.add(name if isinstance(name, str) else None)


def _schedule(
    at: Location, schedule: Mapping[str, Any], tree: Mapping[str, Any]
) -> Iterator[Inconsistency]:
    yield from _audience(at, schedule, tree)
    yield from _rung(at, schedule, _mapping(tree.get("targets")), (*at, "options"))


def _audience(
    at: Location, teller: Mapping[str, Any], tree: Mapping[str, Any]
) -> Iterator[Inconsistency]:
    channels, escalation = _mapping(tree.get("channels")), _mapping(tree.get("escalation"))
    yield from _missing((*at, "notify"), teller.get("notify"), "channel", channels)
    yield from _missing((*at, "escalate"), [teller.get("escalate")], "escalation", escalation)


def _playbook(
    at: Location, playbook: Mapping[str, Any], tree: Mapping[str, Any]
) -> Iterator[Inconsistency]:
    yield from _audience(at, playbook, tree)
    targets = _mapping(tree.get("targets"))
    for number, rung in enumerate(_sequence(playbook.get("ladder"))):
        where = (*at, "ladder", number)
        yield from _rung(where, _mapping(gather_options(rung)), targets, where)
    yield from _checks((*at, "verify", "checks"), playbook, targets)


def _checks(
    at: Location, playbook: Mapping[str, Any], targets: Mapping[str, Any]
) -> Iterator[Inconsistency]:
    named = [
        name
        for rung in _sequence(playbook.get("ladder"))
        for name in _sequence(_mapping(rung).get("on"))
    ]
    verify = _mapping(playbook.get("verify"))
    for number, check in enumerate(_sequence(verify.get("checks"))):
        problems = list(_attempt((*at, number), parse_check, check))
        yield from problems
        if not problems:
            word = str(next(iter(check), "check")) if isinstance(check, Mapping) else "check"
            facet = parse_check(check).needs()
            yield from _facet((*at, number), word, facet, named, targets)


def _rung(
    at: Location, rung: Mapping[str, Any], targets: Mapping[str, Any], options_at: Location
) -> Iterator[Inconsistency]:
    yield from _missing((*at, "on"), rung.get("on"), "target", targets)
    name = rung.get("action")
    if not isinstance(name, str):
        return
    if name not in ACTIONS:
        why = f"unknown action {name!r}; known: {', '.join(sorted(ACTIONS))}"
        yield (*at, "action"), why, "config"
        return
    options = _mapping(rung.get("options"))
    problems = list(_attempt(options_at, ACTIONS[name].model_validate, options))
    yield from problems
    if problems:
        return
    facet = build_action(name, options).needs()
    yield from _facet((*at, "on"), name, facet, rung.get("on"), targets)


def _facet(
    at: Location, name: str, facet: str | None, on: object, targets: Mapping[str, Any]
) -> Iterator[Inconsistency]:
    """Of the targets that are named, those without what an action or a check needs."""
    for target in dict.fromkeys(name for name in _sequence(on) if isinstance(name, str)):
        if facet is not None and _mapping(targets.get(target, {facet: True})).get(facet) is None:
            why = f"{name} needs `{facet}:`, which the target {target} does not have"
            yield at, why, "config"


def _objections(tree: Mapping[str, Any], targets: Mapping[str, Target]) -> Iterator[Inconsistency]:
    """Where an action says of a target that names both that it can never work on it."""
    for at, rung in _orders(tree):
        try:
            action = build_action(str(rung.get("action")), _mapping(rung.get("options")))
        except ValueError:
            continue  # said by _rung
        named = [name for name in _sequence(rung.get("on")) if isinstance(name, str)]
        for target in (targets[name] for name in named if name in targets):
            why = action.objection(target) if _has(target, action.needs()) else None
            if why is not None:
                yield (*at, "on"), f"{rung['action']} on {target.name}: {why}", "config"


def _orders(tree: Mapping[str, Any]) -> Iterator[tuple[Location, Mapping[str, Any]]]:
    """Whatever has an action, its options and its targets."""
    for book, playbook in enumerate(_sequence(tree.get("playbooks"))):
        for number, raw in enumerate(_sequence(_mapping(playbook).get("ladder"))):
            yield ("playbooks", book, "ladder", number), _mapping(gather_options(raw))
    for number, schedule in enumerate(_sequence(tree.get("schedules"))):
        yield ("schedules", number), _mapping(schedule)


def _has(target: Target, facet: str | None) -> bool:
    return facet is None or getattr(target, facet) is not None


def _usable(targets: Mapping[str, Any], context: Any) -> dict[str, Target]:
    """The targets that have no mistake of their own."""
    usable = {}
    for name, facets in targets.items():
        with suppress(ValidationError):
            usable[name] = Target.model_validate(
                {**_mapping(facets), "name": name}, context=context
            )
    return usable


def _attempt(at: Location, build: Any, value: object) -> Iterator[Inconsistency]:
    """The reasons for which `build` refuses the value."""
    try:
        build(value)
    except ValidationError as error:
        for location, message, kind in findings(error):
            yield (*at, *location), message, kind
    except ValueError as error:
        yield at, str(error), "config"


def _missing(
    at: Location, names: object, kind: str, known: Mapping[str, Any]
) -> Iterator[Inconsistency]:
    for name in _sequence(names):
        if isinstance(name, str) and name not in known:
            listed = ", ".join(sorted(map(str, known))) or "none"
            yield at, f"there is no {kind} {name!r}; known: {listed}", "config"


def _auth(tree: Mapping[str, Any]) -> Iterator[Inconsistency]:
    if _mapping(tree.get("auth")).get("webhook"):
        return
    mode, host = tree.get("mode"), _open_to(_mapping(tree.get("server")).get("listen"))
    if mode in (Mode.AUTO, Mode.APPROVE):
        why = f"mode is {mode}"
    elif host is not None:
        why = f"{host or 'every address'} is not loopback"
    else:
        return
    cure = "`auth: {webhook: [{name: alertmanager, token_file: …}]}` is needed"
    yield ("auth",), f"{why}, so {cure}; give Alertmanager the same token", ABSENT


def _ourselves(tree: Mapping[str, Any], targets: Mapping[str, Any]) -> Iterator[Inconsistency]:
    """A target must not be what decides, or what it decides by: a repair of those could never be judged."""
    alertmanager, prometheus = (_mapping(tree.get(key)) for key in ("alertmanager", "prometheus"))
    own = {
        _address(
            f"http://{_mapping(tree.get('server')).get('listen', DEFAULT_LISTEN)}"
        ): "the receiver itself",
        _address(prometheus.get("url")): "the Prometheus that proves its repairs",
        **{_address(url): "its Alertmanager" for url in _sequence(alertmanager.get("urls"))},
    }
    for name, facets in targets.items():
        url = _mapping(_mapping(facets).get("http")).get("base_url")
        yield from _own(("targets", name, "http", "base_url"), [url], own)
    for at, rung in _orders(tree):
        options_at = (*at, "options") if at[0] == "schedules" else at
        options = _mapping(rung.get("options"))
        yield from _own((*options_at, "url"), [options.get("url")], own)
        yield from _own((*options_at, "argv"), _sequence(options.get("argv")), own)


def _own(
    at: Location, words: Sequence[object], own: Mapping[tuple[str, int | None] | None, str]
) -> Iterator[Inconsistency]:
    """Of these words, the first that is one of our own addresses."""
    addresses = (address for word in words if (address := _address(word)) is not None)
    found = next((own[address] for address in addresses if address in own), None)
    if found is not None:
        why = f"is {found}: the receiver never acts on itself or on what it judges by"
        yield at, why, "config"


def _address(url: object) -> tuple[str, int | None] | None:
    """Host and port, with one name for this machine; None for what is no address."""
    try:
        parts = urlsplit(url if isinstance(url, str) else "")
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return None
    if not parts.netloc:
        return None
    return "" if host in THIS_MACHINE else host, port


def _open_to(listen: object) -> str | None:
    """The host when others than this machine can connect to it; None also for what is no address."""
    try:
        address = parse_listen(listen)
    except ValueError:
        return None
    return None if address.loopback else address.host


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _sequence(value: object) -> Sequence[Any]:
    return value if isinstance(value, (list, tuple)) else ()
