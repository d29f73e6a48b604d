"""What the keys of a `receiver.yml` say about each other: names that must exist, options that an action must know.

It reads the file as it stands and not the finished settings, so that one wrong value does not hide nine others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from pydantic import TypeAdapter, ValidationError

from prunella.service.problems import ABSENT, Location, findings
from prunella.service.rules import as_far_as_known, as_known
from prunella.service.units import parse_listen
from receiver.actions import ACTIONS
from receiver.actions.base import Action
from receiver.addressees import addressees, audience
from receiver.checks import parse_check
from receiver.checks.base import Check
from receiver.decide.matchers import Matchers, exclude_each_other
from receiver.decide.plan import Mode, Verify, gather_options
from receiver.raw_tree import Inconsistency, mapping, missing, sequence
from receiver.release_rungs import same_places
from receiver.targets import Target

_MATCHERS: TypeAdapter[Matchers] = TypeAdapter(Matchers)
DEFAULT_LISTEN = "127.0.0.1:9651"
THIS_MACHINE = frozenset({"", "localhost", "127.0.0.1", "0.0.0.0", "::1", "::"})  # noqa: S104 - compared, not bound


def build_action(name: str, options: Mapping[str, Any], context: Any = None) -> Action:
    """The action of that name with those options. Raises ValueError that lists the known names."""
    if name not in ACTIONS:
        raise ValueError(f"unknown action {name!r}; known: {', '.join(sorted(ACTIONS))}")
    return ACTIONS[name].model_validate(dict(options), context=context)


def build_checks(verify: Verify) -> tuple[Check, ...]:
    """The checks of a verification, ready to look."""
    return tuple(parse_check(check) for check in verify.checks)


def inconsistencies(data: object, context: Any = None) -> Iterator[Inconsistency]:
    """Every place where two keys of the file do not go together."""
    tree = mapping(data)
    targets = mapping(tree.get("targets"))
    for name, facets in targets.items():
        if "name" in mapping(facets):
            yield ("targets", name, "name"), "unknown key: a target's name is its key", "config"
    yield from _ourselves(tree, targets)
    for group, members in mapping(tree.get("groups")).items():
        yield from missing(("groups", group), members, "target", targets)
    yield from addressees(tree)
    for number, playbook in enumerate(sequence(tree.get("playbooks"))):
        yield from _playbook(("playbooks", number), mapping(playbook), tree)
    yield from _twice(tree, "playbook")
    for number, schedule in enumerate(sequence(tree.get("schedules"))):
        yield from _schedule(("schedules", number), mapping(schedule), tree)
    yield from _twice(tree, "schedule")
    known, whole = _known(targets, context)
    yield from same_places(known)
    yield from _objections(tree, known)
    if whole:  # what has a mistake of its own might be the one that fits
        yield from _unreachable(tree, tuple(known.values()))
    yield from _auth(tree)


def _twice(tree: Mapping[str, Any], kind: str) -> Iterator[Inconsistency]:
    """Names that two playbooks, or two schedules, have."""
    names: set[object] = set()
    for number, one in enumerate(sequence(tree.get(f"{kind}s"))):
        name = mapping(one).get("name")
        if isinstance(name, str) and name in names:
            yield (f"{kind}s", number, "name"), f"another {kind} is named {name} already", "config"
        names.add(name if isinstance(name, str) else None)


def _schedule(
    at: Location, schedule: Mapping[str, Any], tree: Mapping[str, Any]
) -> Iterator[Inconsistency]:
    yield from audience(at, schedule, tree)
    yield from _rung(at, schedule, mapping(tree.get("targets")), (*at, "options"))


def _playbook(
    at: Location, playbook: Mapping[str, Any], tree: Mapping[str, Any]
) -> Iterator[Inconsistency]:
    yield from audience(at, playbook, tree)
    targets = mapping(tree.get("targets"))
    for number, rung in enumerate(sequence(playbook.get("ladder"))):
        where = (*at, "ladder", number)
        yield from _rung(where, mapping(gather_options(rung)), targets, where)
    yield from _checks((*at, "verify", "checks"), playbook, targets)


def _checks(
    at: Location, playbook: Mapping[str, Any], targets: Mapping[str, Any]
) -> Iterator[Inconsistency]:
    named = [
        name
        for rung in sequence(playbook.get("ladder"))
        for name in sequence(mapping(rung).get("on"))
    ]
    verify = mapping(playbook.get("verify"))
    for number, check in enumerate(sequence(verify.get("checks"))):
        yield from _attempt((*at, number), parse_check, check)
        word = str(next(iter(mapping(check)), "check"))
        with suppress(ValueError), as_far_as_known():
            facet = parse_check(check, as_known()).needs()
            yield from _facet((*at, number), word, facet, named, targets)


def _rung(
    at: Location, rung: Mapping[str, Any], targets: Mapping[str, Any], options_at: Location
) -> Iterator[Inconsistency]:
    yield from missing((*at, "on"), rung.get("on"), "target", targets)
    name = rung.get("action")
    if not isinstance(name, str):
        return
    if name not in ACTIONS:
        why = f"unknown action {name!r}; known: {', '.join(sorted(ACTIONS))}"
        yield (*at, "action"), why, "config"
        return
    yield from _attempt(options_at, ACTIONS[name].model_validate, mapping(rung.get("options")))
    with as_far_as_known():
        yield from _facet((*at, "on"), name, _action(rung).needs(), rung.get("on"), targets)


def _facet(
    at: Location, name: str, facet: str | None, on: object, targets: Mapping[str, Any]
) -> Iterator[Inconsistency]:
    """Of the targets that are named, those without what an action or a check needs."""
    for target in dict.fromkeys(name for name in sequence(on) if isinstance(name, str)):
        if facet is not None and mapping(targets.get(target, {facet: True})).get(facet) is None:
            why = f"{name} needs `{facet}:`, which the target {target} does not have"
            yield at, why, "config"


def _objections(tree: Mapping[str, Any], targets: Mapping[str, Target]) -> Iterator[Inconsistency]:
    """Where an action says of a target that names both that it can never work on it."""
    for at, rung in _orders(tree):
        named = [name for name in sequence(rung.get("on")) if isinstance(name, str)]
        for target in (targets[name] for name in named if name in targets):
            why = _objection(rung, target)
            if why is not None:
                yield (*at, "on"), f"{rung['action']} on {target.name}: {why}", "config"


def _objection(rung: Mapping[str, Any], target: Target) -> str | None:
    why = None
    if str(rung.get("action")) in ACTIONS:
        with as_far_as_known():
            action = _action(rung)
            why = action.objection(target) if _has(target, action.needs()) else None
    return why


def _action(rung: Mapping[str, Any]) -> Action:
    """What is known of the action that a rung or a schedule orders. Raises ValueError for one that there is not."""
    return build_action(str(rung.get("action")), mapping(rung.get("options")), as_known())


def _unreachable(tree: Mapping[str, Any], targets: Sequence[Target]) -> Iterator[Inconsistency]:
    """Rollbacks without `on:` that, of the targets which alerts may choose, have a release of some and can work on none."""
    books = sequence(tree.get("playbooks"))
    for at, rung in _orders(tree):
        if at[0] == "schedules" or rung.get("on") is not None or rung.get("optional"):
            continue
        try:
            action = _action(rung)
            book = _MATCHERS.validate_python(mapping(books[int(at[1])]).get("matchers"))
        except ValueError:
            continue  # said elsewhere
        # a way back that could never be gone is found out too late; of the rest, bundled playbooks are included by people
        # whose target can do some of it, and what it cannot is refused when it comes to it, with the reason
        if action.needs() != "release":
            continue
        chosen = [t for t in targets if t.matchers and not exclude_each_other(book, t.matchers)]
        with as_far_as_known():
            if not any(action.fits(one) for one in chosen):
                yield from _refused(at, rung, [one for one in chosen if one.release is not None])


def _refused(
    at: Location, rung: Mapping[str, Any], targets: Sequence[Target]
) -> Iterator[Inconsistency]:
    cure = "mend the target, say `on:`, or `optional: true` to pass it by"
    for target in targets:
        why = f"{rung['action']} on {target.name}, which alerts choose: {_objection(rung, target)}"
        yield (*at, "action"), f"{why}; {cure}", "config"


def _orders(tree: Mapping[str, Any]) -> Iterator[tuple[Location, Mapping[str, Any]]]:
    """Whatever has an action, its options and its targets."""
    for book, playbook in enumerate(sequence(tree.get("playbooks"))):
        for number, raw in enumerate(sequence(mapping(playbook).get("ladder"))):
            yield ("playbooks", book, "ladder", number), mapping(gather_options(raw))
    for number, schedule in enumerate(sequence(tree.get("schedules"))):
        yield ("schedules", number), mapping(schedule)


def _has(target: Target, facet: str | None) -> bool:
    return facet is None or getattr(target, facet) is not None


def _known(targets: Mapping[str, Any], context: Any) -> tuple[dict[str, Target], bool]:
    """What is known of each target, and whether that is all: none has a mistake of its own."""
    known, whole = {}, True
    for name, facets in targets.items():
        named = {**mapping(facets), "name": name}
        try:
            known[name] = Target.model_validate(named, context=context)
        except ValidationError:
            known[name], whole = Target.model_validate(named, context=as_known(context)), False
    return known, whole


def _attempt(at: Location, build: Any, value: object) -> Iterator[Inconsistency]:
    """The reasons for which `build` refuses the value."""
    try:
        build(value)
    except ValidationError as error:
        for location, message, kind in findings(error):
            yield (*at, *location), message, kind
    except ValueError as error:
        yield at, str(error), "config"


def _auth(tree: Mapping[str, Any]) -> Iterator[Inconsistency]:
    if mapping(tree.get("auth")).get("webhook"):
        return
    mode, host = tree.get("mode"), _open_to(mapping(tree.get("server")).get("listen"))
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
    alertmanager, prometheus = (mapping(tree.get(key)) for key in ("alertmanager", "prometheus"))
    own = {
        _address(
            f"http://{mapping(tree.get('server')).get('listen', DEFAULT_LISTEN)}"
        ): "the receiver itself",
        _address(prometheus.get("url")): "the Prometheus that proves its repairs",
        **{_address(url): "its Alertmanager" for url in sequence(alertmanager.get("urls"))},
    }
    for name, facets in targets.items():
        url = mapping(mapping(facets).get("http")).get("base_url")
        yield from _own(("targets", name, "http", "base_url"), [url], own)
    for at, rung in _orders(tree):
        options_at = (*at, "options") if at[0] == "schedules" else at
        options = mapping(rung.get("options"))
        yield from _own((*options_at, "url"), [options.get("url")], own)
        yield from _own((*options_at, "argv"), sequence(options.get("argv")), own)


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
