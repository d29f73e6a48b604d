"""A small journal written by hand, with its chain, for the tests of the checker."""

from __future__ import annotations

from typing import Any

from receiver.journal.chain import GENESIS, line, link
from receiver.journal.spelling import canonical
from tests.proof.evidence import Effect, Message, Terms
from tests.proof.invariants import violations

EP = "f1@100"


class Tale:
    """Rows are told in order; each takes a second unless said otherwise."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.effects: list[Effect] = []
        self.messages: list[Message] = []
        self.now = 100.0
        self._hash = GENESIS

    def tells(self, ev: str, *, after: float = 1.0, **data: Any) -> Tale:
        """One more row."""
        self.now += after
        seq, text = len(self.lines) + 1, canonical(data)
        self._hash = link(self._hash, seq, self.now, ev, text)
        self.lines.append(line(seq, self.now, ev, text, self._hash))
        return self

    def opens(self, incident: int = 1, targets: tuple[str, ...] = ("api",)) -> Tale:
        self.tells("received", fp=f"f{incident}", status="firing")
        return self.tells("opened", after=0.0, incident=incident, ep=EP, targets=list(targets))

    def permits(
        self,
        aid: str = "a-1",
        *,
        target: str = "api",
        fence: int = 1,
        after: float = 1.0,
        **more: Any,
    ) -> Tale:
        said = {"incident": 1, "ep": EP, "step": "first", "kind": "run", **more}
        return self.tells("intent", after=after, aid=aid, target=target, fence=fence, **said)

    def does(
        self,
        aid: str = "a-1",
        *,
        target: str = "api",
        kind: str = "run",
        fence: int = 1,
        after: float = 0.1,
        takes: float = 0.5,
    ) -> Tale:
        """The effect, which goes on beside what is told next."""
        began = self.now + after
        self.effects.append(Effect(aid, target, kind, fence, began, began + takes))
        return self

    def ends(self, aid: str = "a-1", result: str = "ok", reason: str = "done", **more: Any) -> Tale:
        return self.tells(
            "outcome", **{"incident": 1, "aid": aid, **more}, result=result, reason=reason
        )

    def judges(self, verdict: str = "recovered", incident: int = 1) -> Tale:
        return self.tells("verdict", incident=incident, step="first", verdict=verdict)

    def closes(self, reason: str = "recovered", incident: int = 1) -> Tale:
        return self.tells("resolved", incident=incident, ep=EP, reason=reason)

    def hears(self, event: str, *, dedup: str = "", incident: int = 1, text: str = "") -> Tale:
        """The sink gets a message that is as old as the last row."""
        message = Message("ops", incident, event, dedup or f"{incident}-{event}", self.now, text)
        self.messages.append(message)
        return self

    def acts(self, aid: str = "a-1", **more: Any) -> Tale:
        """A whole action, from the permission to the outcome."""
        return self.permits(aid, **more).does(aid, target=more.get("target", "api")).ends(aid)

    def wrong(self, terms: Terms | None = None) -> list[str]:
        """What the checker says of it."""
        return violations(self.lines, self.effects, self.messages, terms)


def a_repair() -> Tale:
    """Everything as it should be."""
    return Tale().opens().hears("opened").acts().judges().closes().hears("resolved")
