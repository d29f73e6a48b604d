"""A repair that an operator asks for: checked, then an incident of its own, which goes the way of all others."""

from __future__ import annotations

import secrets
from collections.abc import Mapping

from pydantic import JsonValue, ValidationError

from prunella.service.problems import problems_of
from prunella.service.units import format_duration
from receiver.actions import ACTIONS
from receiver.actions.base import Action
from receiver.consistency import build_action
from receiver.decide.by_hand import Wish, manual_draft, proof
from receiver.decide.plan import Mode
from receiver.settings import ReceiverSettings
from receiver.stages.context import Context
from receiver.unknown import unknown


class NotThis(Exception):
    """It will not be done, whatever happens: `reason` is a word for programs."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class NotNow(NotThis):
    """It could be done if the receiver were allowed to act."""


async def repair(
    target: str, action: str, options: Mapping[str, JsonValue], by: str, context: Context
) -> int:
    """Opens the incident and returns its number. Raises NotThis, NotNow, JournalUnavailable."""
    allowed(target, action, options, context.settings())
    patience = build_action(action, options).patience(context.settings().targets[target])
    wish = Wish(
        *(target, action, options, by, secrets.token_hex(8)), timeout=format_duration(patience)
    )
    return await opened(wish, context)


def allowed(
    target: str, action: str, options: Mapping[str, JsonValue], settings: ReceiverSettings
) -> None:
    """Whether it could be done now, as far as the config says. Raises NotThis, NotNow."""
    check(target, action, options, settings)
    if settings.mode is Mode.SHADOW:
        raise NotNow(
            "shadow", "the receiver is in shadow mode (`mode:` in its config) and touches nothing"
        )


async def opened(wish: Wish, context: Context) -> int:
    """The incident of a wish that was checked."""
    settings = context.settings()
    known = settings.targets[wish.target]
    shown = proof(known, facets=known.facets, playbooks=settings.playbooks)
    draft = manual_draft(wish, shown)
    return await context.journal.open_by_hand(draft, wish.by, context.now())


def check(
    target: str, action: str, options: Mapping[str, JsonValue], settings: ReceiverSettings
) -> None:
    """Whether it could be asked for at all. Raises NotThis, with what could."""
    if target not in settings.targets:
        raise NotThis("unknown_target", unknown("target", target, settings.targets))
    built = _built(action, options)
    facet = built.needs()
    if facet is not None and getattr(settings.targets[target], facet, None) is None:
        raise NotThis(
            "facet_missing", f"{action} needs `{facet}:`, which the target {target} does not have"
        )

    objection = built.objection(settings.targets[target])
    if objection is not None:
        raise NotThis("bad_options", f"{action} on {target}: {objection}")


def _built(action: str, options: Mapping[str, JsonValue]) -> Action:
    free = sorted(name for name, kind in ACTIONS.items() if not kind.from_config_only)
    if action not in ACTIONS:
        raise NotThis("unknown_action", unknown("action", action, free))
    if ACTIONS[action].from_config_only:
        raise NotThis(
            "config_only", f"{action} is for ladders in the config only; known: {', '.join(free)}"
        )
    try:
        return build_action(action, options)
    except ValidationError as error:
        said = "; ".join(map(str, problems_of(error, options, action)))
        known = ", ".join(ACTIONS[action].model_fields) or "none"
        raise NotThis("bad_options", f"{said}; options of {action}: {known}") from None
