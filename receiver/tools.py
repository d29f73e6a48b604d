"""The outside world as the receiver sees it: one Protocol per thing, gathered in one frozen value.

Nothing below `outside/` and the plugins touches a socket, a process or a clock but through these, so that every
stage can be tested with a hand-written stand-in and no patching.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from pydantic import JsonValue

from prunella.service.clock import Clock

MAX_BODY = 1 << 20
MAX_OUTPUT = 64 << 10
MAY_STAY = "PRUNELLA_MAY_STAY"  # in the environment of a program: what it starts is a service and no unfinished work


class OutsideError(Exception):
    """Something outside did not do what was asked; `sent` says whether the request may have had an effect."""

    def __init__(self, message: str, *, sent: bool = True) -> None:
        super().__init__(message)
        self.sent = sent


@dataclass(frozen=True, slots=True)
class Response:
    """What an HTTP server answered; `body` is cut at the request's `max_body`."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Finished:
    """How a program ended: `exit_code` is None when it was killed for its timeout."""

    exit_code: int | None
    output: str


@dataclass(frozen=True, slots=True)
class ActiveAlert:
    """One alert as `GET /api/v2/alerts` shows it; times in unix seconds."""

    fingerprint: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    starts_at: float
    silenced: bool
    inhibited: bool
    generator_url: str = ""
    receivers: frozenset[str] = frozenset()  # Alertmanager's names of those it is routed to
    # when Alertmanager itself was last told of it, where it says so
    updated_at: float = float("inf")


class CalledOff(Exception):
    """What the action is for is over: it ends here, between two batches, and what it has done stays done.

    An action may catch it to say how far it came, and begins nothing more then.
    """


class PartialAnswerError(OutsideError):
    """Not every Alertmanager answered; `seen` is what the others hold, so it proves presence and never absence."""

    def __init__(self, message: str, seen: tuple[ActiveAlert, ...]) -> None:
        super().__init__(message)
        self.seen = seen


class Http(Protocol):
    """One request, no redirects followed, no retries. Raises OutsideError when there is no answer."""

    async def request(
        self,
        method: str,
        url: str,
        *,
        timeout: float,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        max_body: int = MAX_BODY,
    ) -> Response: ...


class Programs(Protocol):
    """Runs a program without a shell, in its own process group, with exactly the environment given.

    Of its output (stdout and stderr together) the last `max_output` bytes are kept. At `timeout` seconds the group
    gets TERM, then KILL. Raises OutsideError(sent=False) when the program could not be started.
    """

    async def run(
        self,
        argv: Sequence[str],
        *,
        timeout: float,
        env: Mapping[str, str] | None = None,
        max_output: int = MAX_OUTPUT,
    ) -> Finished: ...


Series = tuple[tuple[float, float], ...]  # unix seconds and values, in order
MOST_SERIES, MOST_POINTS = 50, 240


class Prometheus(Protocol):
    """All raise OutsideError, and are empty where there is no series."""

    async def query(self, expr: str) -> tuple[float, ...]:
        """The value of every series of the answer now."""

    async def labelled(self, expr: str) -> tuple[tuple[Mapping[str, str], float], ...]:
        """The same with its labels."""

    async def series(self, expr: str, start: float, end: float, step: float) -> tuple[Series, ...]:
        """How they were over time: no more than MOST_SERIES series of the last MOST_POINTS points each."""


class Pictures(Protocol):
    """Draws an incident's metric as a PNG; `document` is what `receiver.decide.illustration` makes. Raises OutsideError."""

    async def draw(self, document: Mapping[str, object]) -> bytes: ...


class Alertmanager(Protocol):
    """Every alert that any Alertmanager now holds, silenced and inhibited ones too.

    Raises PartialAnswerError when only some of them answered, OutsideError when none did.
    """

    async def alerts(self) -> tuple[ActiveAlert, ...]: ...


class Silencer(Protocol):
    """Our own silences at Alertmanager. `about` is their name: what is silenced under it is unsilenced under it.

    Both raise OutsideError.
    """

    async def silence(
        self, each: Sequence[Sequence[tuple[str, str]]], seconds: float, about: str
    ) -> None:
        """One silence for each, of what has exactly these values; an empty one means that the label is missing."""

    async def unsilence(self, about: str) -> int:
        """Ends them, and says how many there were."""


class Survivors(Protocol):
    """What an action of a killed receiver left running, by the action's id."""

    async def find(self, action_id: str) -> tuple[int, ...]:
        """The processes that still live."""

    async def end(self, action_id: str) -> None:
        """TERM, and KILL for those that stay."""


async def unheard(text: str) -> None:
    """For who does not follow the progress of an action."""


class Later(Protocol):
    """Has another action done on the same target after so many seconds, also when this receiver is gone by then.

    It is on disk when this returns. Raises OutsideError(sent=False) when that cannot be.
    """

    async def __call__(
        self, seconds: float, action: str, options: Mapping[str, JsonValue]
    ) -> None: ...


async def never_later(seconds: float, action: str, options: Mapping[str, JsonValue]) -> None:
    """For who has nothing that would remember."""
    raise OutsideError("there is no journal that would remember it", sent=False)


@dataclass(frozen=True, slots=True)
class Due:
    """Which version should serve on a target; None where nobody knows. `coming` is one that is on its way there."""

    version: str | None
    coming: str | None = None


async def nothing_due(target: str) -> Due:
    """For who has no ledger of releases."""
    return Due(None)


@dataclass(frozen=True, slots=True)
class Tools:
    """What a plugin may reach. `prometheus` and `alertmanager` are None where the config names none."""

    clock: Clock
    http: Http
    programs: Programs
    prometheus: Prometheus | None = None
    alertmanager: Alertmanager | None = None
    executables: Mapping[str, str] = field(default_factory=dict)
    ourselves: frozenset[int] = frozenset()  # the pids that no action may end
    # raises when the action's lease is over, and CalledOff when it may be stopped half-way and is to be: for effects that
    # go through neither `http` nor `programs`, right before; for a batch of any
    require_lease: Callable[[], None] = field(default=lambda: None)
    # says how far a long effect has come; written to the journal, at most every few seconds
    progress: Callable[[str], Awaitable[None]] = field(default=unheard)
    later: Later = field(default=never_later)
    due: Callable[[str], Awaitable[Due]] = field(default=nothing_due)  # by the ledger of releases
    pictures: Pictures | None = None  # None where nothing is installed that draws
    silencer: Silencer | None = None  # None unless `silence_while_healing` asks for it
