"""The world of a backtest: the operator's own config with nothing in it that could reach anything, and a clock.

What is done is only written down. Verification can ask nobody what was, except whether the alert was over: so that is
what every playbook verifies here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

from receiver.decide.plan import Mode, Playbook, Verify
from receiver.settings import ReceiverSettings
from receiver.tools import Finished, OutsideError, Response, Tools

CLEARED = {"alert": "cleared"}


@dataclass
class SimulatedClock:
    """Stands still until it is moved."""

    at: float

    def now(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.at += seconds


class Unreachable:
    """Programs, HTTP and what survived a crash: there is none of them here, and who asks has made a mistake."""

    async def run(
        self,
        argv: Sequence[str],
        *,
        timeout: float,
        env: Mapping[str, str] | None = None,
        max_output: int = 0,
    ) -> Finished:
        self._refuse()

    async def request(
        self,
        method: str,
        url: str,
        *,
        timeout: float,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        max_body: int = 0,
    ) -> Response:
        self._refuse()

    async def find(self, action_id: str) -> tuple[int, ...]:
        return ()

    async def end(self, action_id: str) -> None:
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise OutsideError("a backtest reaches nothing", sent=False)


def tools(clock: SimulatedClock) -> Tools:
    """A clock, and nothing else."""
    nowhere = Unreachable()
    return Tools(clock, nowhere, nowhere)


def harmless(settings: ReceiverSettings, mode: Mode | None) -> ReceiverSettings:
    """The same targets, limits and playbooks; nobody is told, `mode`, if given, is that of every rung."""
    changes: dict[str, object] = {
        "playbooks": tuple(_harmless(book, mode) for book in settings.playbooks),
        "mode": mode or settings.mode,
        "channels": {},
        "escalation": {},
        "rotations": {},
        "schedules": (),
        "stop_file": None,
        "prometheus": None,
        "alertmanager": None,
    }
    copied = settings.model_copy(update=changes)
    copied.__dict__.pop("planner", None)  # made of the playbooks that were
    return copied


def _harmless(book: Playbook, mode: Mode | None) -> Playbook:
    changes: dict[str, object] = {
        "verify": _verify(book.verify),
        "notify": None,
        "escalate": None,
    }
    if mode is not None:
        ladder = tuple(rung.model_copy(update={"mode": mode}) for rung in book.ladder)
        changes.update(mode=mode, ladder=ladder)
    copied = book.model_copy(update=changes)
    copied.__dict__.pop("snapshot", None)
    return copied


def _verify(asked: Verify) -> Verify:
    """Whether the alert is over: at the beginning, half-way, at the end of `within`, and whenever one is heard to be
    over (which has the incident looked at). Nothing else can change."""
    every = max(asked.every, asked.within / 2)
    return asked.model_copy(update={"checks": (CLEARED,), "every": every, "need": 1})
