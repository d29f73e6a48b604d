"""A rollback that an operator asks for: what only the ledger can say is said at once, the rest when it is begun."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from receiver.actions.rollback import Rollback
from receiver.decide.by_hand import Wish
from receiver.decide.going_back import attempts
from receiver.decide.guards import Answer
from receiver.decide.reason import Reason
from receiver.decide.release import Release, bad_versions, current
from receiver.decide.rollback import RollbackFacts, by_hand, may_roll_back
from receiver.stages.context import Context
from receiver.stages.repair import NotNow, allowed, opened

TIMEOUT = "10m"  # both ways; an operator is watching


async def roll_back(target: str, to: str | None, by: str, context: Context) -> int:
    """Opens the incident and returns its number. Raises NotThis, NotNow, JournalUnavailable."""
    options: Mapping[str, JsonValue] = {} if to is None else {"to": to}
    allowed(target, "rollback", options, context.settings())
    release = context.settings().targets[target].release
    releases = await context.journal.releases(target)
    facts = RollbackFacts(
        now=context.now(),
        releases=releases,
        alert_began=None,
        soak=release.soak if release is not None else 0.0,
        wanted=Rollback.model_validate(options).wanted(release),
        attempts=attempts(await context.journal.rollbacks(target)),
    )
    decision = may_roll_back(by_hand(facts))
    if decision.answer is not Answer.GO:
        raise NotNow(str(decision.reason), _words(decision.reason, target, facts.wanted, releases))
    wish = Wish(target, "rollback", options, by, secrets.token_hex(8), timeout=TIMEOUT)
    return await opened(wish, context)


def _words(reason: Reason, target: str, to: str | None, releases: Sequence[Release]) -> str:
    serving = current(releases)
    now = "nothing" if serving is None else serving.version
    match reason:
        case Reason.NO_RELEASE:
            return f"the ledger knows no release of {target}: say `prunella release finished` first"
        case Reason.NO_KNOWN_GOOD if to is None:
            return (
                f"no release of {target} is known to be good: name one with `prunella restore-point "
                f"{target} VERSION`, if it is"
            )
        case Reason.NO_KNOWN_GOOD:
            return _not_good(target, to or "", now, releases)
        case Reason.ROLLBACK_OF_ROLLBACK:
            return (
                f"{now} on {target} came by a rollback: one further back is never tried, deploy a "
                f"version that is mended (`prunella release unfreeze {target}`)"
            )
        case Reason.DEPLOY_IN_FLIGHT:
            return f"a deploy of {target} has begun and not ended: say `finished` or `failed` first"
        case _:
            return f"{target} is not rolled back: {reason}"


def _not_good(target: str, to: str, now: str, releases: Sequence[Release]) -> str:
    if to == now:
        return f"{to} is what serves on {target}"
    if to in bad_versions(releases):
        return f"{to} was gone back from or is quarantined, and is never gone back to"
    if all(one.version != to for one in releases):
        return f"the ledger of {target} has no {to}"
    return (
        f"{to} is not known to be good on {target}: it was not proven and healthy for long enough; "
        f"if it is good, say `prunella restore-point {target} {to}`"
    )
