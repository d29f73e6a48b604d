"""What no alert asks for but an operator or a schedule: a ladder of one rung, and what proves that it helped.

There is no alert whose end could be waited for, so only what can be looked at directly counts.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from receiver.decide.incident import MANUAL
from receiver.decide.matchers import Matcher, Op
from receiver.decide.plan import Draft, Mode, Playbook, Rung, Selectable, Verify
from receiver.decide.reason import Reason

PLAYBOOK = "manual"
PATIENCE = "5m"  # what waits longer than this is no longer what the operator meant
LONG_PATIENCE = "1d"  # what was promised for later is owed
_TIMES = {"settle": "2s", "within": "2m", "every": "2s", "need": 2, "decay": "0"}
Look = Mapping[str, JsonValue]
# the facet, and the check by which a target that has it is looked at; all that it has are looked at
LOOKS: tuple[tuple[str, Look], ...] = (
    ("process", {"process": "up"}),
    ("http", {"http": {"path": "/", "status": ["2xx", "3xx", "4xx"]}}),
    ("redis", {"redis": "ping"}),
    ("queue", {"queue": "reachable"}),
    ("postgres", {"postgres": "ping"}),
)


@dataclass(frozen=True, slots=True)
class Wish:
    """What an operator asked for; `ticket` makes the incident's key its own."""

    target: str
    action: str
    options: Mapping[str, JsonValue]
    by: str
    ticket: str
    # seconds; what is to be done later is done then, however long it has to wait
    after: float = 0.0
    timeout: str = "1m"


def manual_draft(wish: Wish, proof: Verify) -> Draft:
    """The incident that a wish opens."""
    named = {"name": wish.action, "action": wish.action, "timeout": wish.timeout}
    rung = Rung.model_validate({**named, "options": dict(wish.options)})
    plan = one_rung(PLAYBOOK, rung, proof, PATIENCE if not wish.after else LONG_PATIENCE)
    if wish.after:
        plan["for"] = f"{wish.after:.0f}s"
    return Draft(
        key=f"{MANUAL}{wish.ticket}",
        playbook=PLAYBOOK,
        targets=(wish.target,),
        severity="warning",
        title=f"{wish.action} on {wish.target}, asked for by {wish.by}"[:300],
        plan=plan,
        reason=Reason.OPERATOR,
    )


def one_rung(name: str, rung: Rung, proof: Verify, patience: str) -> dict[str, JsonValue]:
    """A playbook made for one incident, as it keeps it; what waits longer than `patience` is not done any more."""
    book = Playbook(
        name=name,
        matchers=(Matcher("alertname", Op.EQUAL, ""),),  # no alert has none: it answers nothing
        mode=Mode.AUTO,
        group_by=(),
        ladder=(rung,),
        verify=proof,
    )
    return {**book.snapshot, "cooldown": "0", "blocked_max": patience}


def proof(target: Selectable, *, facets: Container[str], playbooks: Iterable[Playbook]) -> Verify:
    """How the repair of this target is proven: as by the playbook that is surely its own, else by what can be seen.

    Of a target that nothing can be seen of the process is asked all the same: no data is inconclusive, and a human is
    told. Nothing is ever taken for repaired because nothing could be looked at.
    """
    for book in playbooks:
        direct = tuple(check for check in book.verify.checks if "alert" not in check)
        if direct and _is_for(book, target):
            return book.verify.model_copy(update={"checks": direct})
    seen = [look for facet, look in LOOKS if facet in facets] or [{"process": "up"}]
    checks = tuple(dict(look) for look in seen)
    return Verify.model_validate({**_TIMES, "checks": checks})


def _is_for(book: Playbook, target: Selectable) -> bool:
    """Its rungs name the target, or it asks for all that selects the target."""
    named = any(target.name in (rung.on or ()) for rung in book.ladder)
    return named or (bool(target.matchers) and set(target.matchers) <= set(book.matchers))
