"""What a channel is: a place where people are told. It sends once; retry, order and limits are the outbox's."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, get_args, get_origin

from pydantic import AfterValidator, Field, SecretStr, ValidationInfo, field_validator

from prunella.service.settings import Duration, Settings
from receiver.channels.notice import Notice as Notice  # noqa: PLC0414 - a channel finds it here
from receiver.channels.notice import Question as Question  # noqa: PLC0414 - a channel finds it here
from receiver.channels.templates import Templates
from receiver.decide.guards import Rate
from receiver.decide.hours import QuietHours
from receiver.decide.matchers import Matchers
from receiver.decide.plan import Name
from receiver.decide.rates import PositiveRate
from receiver.endpoints import BaseUrl
from receiver.tools import Tools

THREAD_MOST = 500  # characters of what `send` returns
A_DAY, QUARTER_OF_AN_HOUR = 86400.0, 900.0
EVENTS = (
    *("opened", "blocked", "approval_requested", "acted", "healed", "ineffective", "escalated"),
    *("approved", "acknowledged", "resolved", "frozen", "thawed", "release", "trust", "test"),
)
# What may be told together: news, of which the journal has the rest, and ends. An action, a question, an answer and a freeze
# never are; an escalation only when more people are called in a minute than anybody could answer.
MANY = frozenset({"opened", "blocked", "ineffective", "escalated", "acknowledged", "resolved"})


def _bare(kind: object) -> object:
    """What is annotated."""
    return get_args(kind)[0] if get_origin(kind) is Annotated else kind


def _known_event(event: str) -> str:
    if event not in EVENTS:
        raise ValueError(f"unknown event {event!r}; known: {', '.join(EVENTS)}")
    return event


class ChannelError(Exception):
    """The channel did not take it: `permanent` means that sending it again cannot help, `unknown` that it may have."""

    def __init__(
        self,
        message: str,
        *,
        permanent: bool = False,
        retry_after: float | None = None,
        unknown: bool = False,
    ) -> None:
        super().__init__(message)
        self.permanent = permanent
        self.unknown = unknown
        self.retry_after = retry_after


class Channel(Settings):
    """A configured place; the fields here are the keys that every kind takes."""

    # what the service's documentation lets one sender do; `rate` says otherwise
    documented_rate: ClassVar[Rate | None] = None
    shows_pictures: ClassVar[bool] = False
    shows_labels: ClassVar[bool] = False  # by itself, so that they are not among the facts

    api_url: BaseUrl | None = None
    min_severity: Literal["info", "warning", "critical"] = "info"
    events: tuple[Annotated[str, AfterValidator(_known_event)], ...] | None = None
    matchers: Matchers = ()
    playbooks: Annotated[tuple[Name, ...], Field(min_length=1)] | None = None
    environment: str | None = None  # what comes from another one is not told here
    quiet: QuietHours | None = None  # what is not critical waits for their end
    rate: PositiveRate | None = None
    fallback: Name | None = None  # another channel, for what can never be delivered here
    give_up_after: Annotated[Duration, Field(gt=0)] | None = None
    templates: Templates | None = None
    # in a minute; what is more is told together. None never is
    digest_above: Annotated[int, Field(ge=1)] | None = 10
    timeout: Duration = 10.0
    # of the deciding metric, where this kind shows pictures and one can be drawn
    picture: bool = True

    @field_validator("*", mode="before")
    @classmethod
    def _no_empty_secret(cls, value: object, info: ValidationInfo) -> object:
        """`${NAME:-}` of a variable that is not set: found when the config is read, not when somebody must be called."""
        kind = cls.model_fields[info.field_name or ""].annotation
        if value == "" and SecretStr in (kind, *map(_bare, get_args(kind))):
            raise ValueError("is empty: set the variable or the file that it is read from")
        return value

    @property
    def allowed(self) -> Rate | None:
        """How many messages may go out; None is as many as there are."""
        return self.rate or self.documented_rate

    @property
    def patience(self) -> float:
        """Seconds for which a letter is tried: not long where another channel could have it."""
        return self.give_up_after or (A_DAY if self.fallback is None else QUARTER_OF_AN_HOUR)

    async def send(self, notice: Notice, tools: Tools) -> str | None:
        """Sends it once. Raises ChannelError.

        What it returns (at most THREAD_MOST characters) is kept for the incident on this channel and comes back as
        `thread` with its next notice; None or nothing keeps what is there.
        """
        raise NotImplementedError
