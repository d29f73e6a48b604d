"""What both engines say of a frozen scope: the rows of its beginning and end, and the letters kept for its end.

The letters of a thaw are written with the freeze, because whoever thaws, be it a gate, a timer or an operator, must not
have to know whom the freezing was told.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace

from receiver.decide.guards import Freeze
from receiver.journal import Event, Letter


def letters_json(letters: Sequence[Letter]) -> str:
    """What `letters_of` reads back."""
    return json.dumps([asdict(letter) for letter in letters])


def letters_of(text: str, now: float) -> tuple[Letter, ...]:
    """The letters of a thaw that happens now."""
    kept = (Letter(**said) for said in json.loads(text))
    return tuple(replace(letter, body={**letter.body, "at": now}) for letter in kept)


def frozen_event(freeze: Freeze) -> Event:
    """The audit row of a new freeze."""
    return Event("frozen", {"scope": freeze.scope, "until": freeze.until})


def thawed_event(scope: str, by: str | None = None) -> Event:
    """The audit row of its end: of its time, or by an operator."""
    return Event("thawed", {"scope": scope} if by is None else {"scope": scope, "by": by})
