"""What an action is: its options are its fields, its promises are its class variables, its effect is `run`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

from prunella.service.settings import Settings
from receiver.decide.going_back import Rollback, Tread
from receiver.targets import Target
from receiver.tools import Tools


class ActionFailed(Exception):
    """The action did not do its work.

    `started` is False only when the effect surely never began, which is the one case that is tried again;
    `unknown` is True when it may or may not have happened (a lost connection), which never is.
    """

    def __init__(self, message: str, *, started: bool = True, unknown: bool = False) -> None:
        super().__init__(message)
        self.started = started
        self.unknown = unknown


class ActionTimedOut(ActionFailed):
    """It was ended, or given up, at its timeout; how far it came is seen by looking."""


@dataclass(frozen=True, slots=True)
class Cause:
    """One alert of the incident as it was received; times in unix seconds, `ends_at` None while it fires."""

    fingerprint: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str] = field(default_factory=dict)
    starts_at: float = 0.0
    ends_at: float | None = None
    generator_url: str = ""


class Logbook(Protocol):
    """Where a rollback writes its steps before and after it takes them. All raise what the journal raises."""

    async def planned(self) -> Rollback:
        """The one that this action began before, or the one that it is to begin. Raises ActionFailed(started=False)."""

    async def begin(self, planned: Rollback) -> Rollback:
        """Asks the gate once more, and has it on disk. Raises ActionFailed(started=False)."""

    async def write(self, tread: Tread) -> Rollback:
        """Has a step on disk."""

    async def arrive(self, history: str) -> Rollback:
        """Has it on disk that the other version is proven to serve, with the evidence; `history` is what came between."""


@dataclass(frozen=True, slots=True)
class Effect:
    """One permitted execution: everything an action may know about why it runs.

    `labels` and everything in `causes` are an attacker's input: only `amx_env` may pass them on, as environment values.
    """

    action_id: str
    episode: str
    step: str
    kind: str
    target: Target
    fence: int
    timeout: float
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    causes: tuple[Cause, ...] = ()  # all alerts of the incident, where the caller knows them
    group_labels: Mapping[str, str] = field(default_factory=dict)
    receiver: str = ""  # Alertmanager's name for us, and its own address
    external_url: str = ""
    logbook: Logbook | None = None

    def environment(self) -> dict[str, str]:
        """The variables that every program started by an action gets (contract section 3)."""
        return {
            "PRUNELLA_ACTION_ID": self.action_id,
            "PRUNELLA_EPISODE": self.episode,
            "PRUNELLA_STEP": self.step,
            "PRUNELLA_KIND": self.kind,
            "PRUNELLA_TARGET": self.target.name,
            "PRUNELLA_FENCE": str(self.fence),
        }


@dataclass(frozen=True, slots=True)
class Done:
    """What was done: in words for people, and in numbers by name (camelCase, as the admin API answers them)."""

    text: str
    counts: Mapping[str, int] = field(default_factory=dict)


class Action(Settings):
    """One kind of repair. Retry, timeout, metrics and audit live in the runner, never here."""

    disruptive: ClassVar[bool] = True  # counts against `limits.disruptive_at_once`
    # may be stopped half-way when the alert resolves, where it asks for its lease; so it is idempotent, too
    cancel_safe: ClassVar[bool] = False
    from_config_only: ClassVar[bool] = False  # the API refuses it with free options
    # it writes its own steps to the ledger, and one that was cut off is run once more to go on from there
    goes_on: ClassVar[bool] = False
    # when it failed half-way a human is called, whatever rung comes next
    gives_up: ClassVar[bool] = False
    shows: ClassVar[bool] = False  # the version it would go to is part of the plan that is approved

    @property
    def idempotent(self) -> bool:
        """Whether it may run again when nobody knows whether it ran."""
        return False

    def needs(self) -> str | None:
        """The target's facet without which it cannot work, if any: checked when the config is read."""
        return None

    def objection(self, target: Target) -> str | None:
        """Why it can never work on this target although it has the facet; asked when the config is read and again
        before each run. None when nothing speaks against it."""
        return None

    def unfit(self, target: Target) -> str | None:
        """Why it can never work on this target; None where the target has what it takes."""
        facet = self.needs()
        if facet is not None and getattr(target, facet) is None:
            return f"needs `{facet}:`, which the target {target.name} does not have"
        return self.objection(target)

    def fits(self, target: Target) -> bool:
        """Whether the target has what it takes."""
        return self.unfit(target) is None

    async def run(self, effect: Effect, tools: Tools) -> Done:
        """Does it, and says what was done in numbers. Raises ActionFailed."""
        raise NotImplementedError

    def patience(self, target: Target) -> float:
        """How many seconds it may take when an operator asks for it, who says none."""
        return 60.0

    def executables(self, target: Target) -> tuple[str, ...]:
        """The programs it would start for this target, by their names under `executables:`."""
        return ()
