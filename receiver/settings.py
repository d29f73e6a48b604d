"""`receiver.yml` as values: what may act on what, how far, and whom to tell.

Everything that can be checked without touching the world is checked here: names that other keys use exist, actions get
options that they know and targets that have the facet they need.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    ModelWrapValidatorHandler,
    SerializeAsAny,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from prunella.service.auth import Token
from prunella.service.problems import mistake, mistakes_of
from prunella.service.settings import (
    Duration,
    Listen,
    ListenAddress,
    LocalPath,
    Secret,
    Settings,
    Size,
)
from prunella.service.units import at_least, parse_listen
from receiver.backups.schedules import with_schedules
from receiver.bundled import expand
from receiver.channels import parse_channel
from receiver.channels.base import Channel
from receiver.consistency import inconsistencies
from receiver.console_settings import ConsoleSettings
from receiver.decide.escalation import Escalation, parse_escalation
from receiver.decide.guards import Limits, Rate
from receiver.decide.launch import LaunchWatch
from receiver.decide.plan import Mode, Name, Playbook
from receiver.decide.planner import Planner
from receiver.decide.rates import PositiveRate, RateLimit
from receiver.decide.rotation import Rotation
from receiver.decide.schedule import Schedule
from receiver.decide.trust import TrustRule
from receiver.endpoints import BaseUrl
from receiver.journal.engines import mistake_in
from receiver.targets import Target


class TlsSettings(Settings):
    """Certificates of our own port; with `client_ca_file` a client must show one too."""

    cert_file: LocalPath
    key_file: LocalPath
    client_ca_file: LocalPath | None = None


class ServerSettings(Settings):
    """Where we listen and how much one request may bring; `public_url` is how people reach us, for links in messages."""

    listen: Listen = Field(default_factory=lambda: parse_listen("127.0.0.1:9651"))
    public_url: BaseUrl | None = None
    max_body: Size = 64 * 1024 * 1024
    tls: TlsSettings | None = None
    console: ConsoleSettings = Field(default_factory=ConsoleSettings)


class AuthSettings(Settings):
    """Bearer tokens by what they may do; two of a kind are valid at once, for rotation."""

    webhook: tuple[Token, ...] = ()
    operate: tuple[Token, ...] = ()
    read: tuple[Token, ...] = ()
    metrics_auth: bool = False

    @property
    def empty(self) -> bool:
        """No token of any kind."""
        return not (self.webhook or self.operate or self.read)


class PrometheusSettings(Settings):
    """Whom verification asks."""

    url: BaseUrl


class AlertmanagerSettings(Settings):
    """Whom we compare our open alerts with."""

    urls: Annotated[tuple[BaseUrl, ...], Field(min_length=1)]
    reconcile: Annotated[Duration, Field(gt=0)] = 30.0
    silence_while_healing: bool = False


def _absolute(path: Path) -> Path:
    """What a program is must not depend on where the receiver was started."""
    if not path.is_absolute():
        raise ValueError(
            f"{path} must be an absolute path; without it the program is found on PATH"
        )
    return path


class LimitSettings(Settings):
    """How much may be done before a human must look."""

    per_target: RateLimit = Rate(3, 3600.0)
    global_: Annotated[RateLimit, Field(alias="global")] = Rate(10, 3600.0)
    disruptive_at_once: Annotated[int, Field(ge=1)] = 1
    max_unhealthy_ratio: Annotated[float, Field(gt=0, le=1)] = 0.4
    max_age: Duration = 900.0
    storm: PositiveRate | None = None
    flap: RateLimit = Rate(10, 3600.0)
    breaker: RateLimit = Rate(5, 3600.0)
    expire_after: Annotated[Duration, at_least("1m")] = 7200.0

    @cached_property
    def limits(self) -> Limits:
        """As the guards read them; each delivery asks."""
        return Limits(
            per_target=self.per_target,
            everywhere=self.global_,
            disruptive_at_once=self.disruptive_at_once,
            max_unhealthy_ratio=self.max_unhealthy_ratio,
            max_age=self.max_age,
            storm=self.storm or Rate(max(100, 10 * self.global_.count), 300.0),
            flap=self.flap,
            breaker=self.breaker,
        )


class ReceiverSettings(Settings):
    """The whole file. No key is required: without any the receiver watches in shadow mode on loopback."""

    server: ServerSettings = Field(default_factory=ServerSettings)
    auth: AuthSettings = Field(default_factory=AuthSettings)
    journal: Secret = Secret("sqlite:prunella.db")  # PostgreSQL's holds a password
    prometheus: PrometheusSettings | None = None
    alertmanager: AlertmanagerSettings | None = None
    retention: Annotated[Duration, at_least("1d")] = 90 * 86400.0
    mode: Mode = Mode.SHADOW
    environment: Name | None = None
    stop_file: LocalPath | None = None
    runbooks: LocalPath | None = None  # asked before those that come with us
    limits: LimitSettings = Field(default_factory=LimitSettings)
    executables: dict[str, Annotated[Path, AfterValidator(_absolute)]] = Field(default_factory=dict)
    groups: dict[Name, tuple[Name, ...]] = Field(default_factory=dict)
    targets: dict[Name, Target] = Field(default_factory=dict)
    playbooks: tuple[Playbook, ...] = ()
    schedules: tuple[Schedule, ...] = ()
    trust: TrustRule = Field(default_factory=TrustRule)
    launch_watch: LaunchWatch = Field(default_factory=LaunchWatch)
    channels: dict[Name, Annotated[SerializeAsAny[Channel], BeforeValidator(parse_channel)]] = (
        Field(default_factory=dict)
    )
    rotations: dict[Name, Rotation] = Field(default_factory=dict)
    escalation: dict[Name, Annotated[Escalation, BeforeValidator(parse_escalation)]] = Field(
        default_factory=dict
    )

    @field_validator("targets", mode="before")
    @classmethod
    def _name_targets(cls, value: object) -> object:
        if not isinstance(value, Mapping):
            return value
        return {
            name: {**facets, "name": name} if isinstance(facets, Mapping) else facets
            for name, facets in value.items()
        }

    @field_validator("journal")
    @classmethod
    def _known_journal(cls, value: Secret) -> Secret:
        wrong = mistake_in(value.get_secret_value())
        if wrong is not None:
            raise ValueError(wrong)
        return value

    @model_validator(mode="wrap")
    @classmethod
    def _consistent(
        cls, data: object, handler: ModelWrapValidatorHandler[Self], info: ValidationInfo
    ) -> Self:
        data, included = expand(with_schedules(data))
        # asked of the file as it stands, so that a wrong value elsewhere does not hide these
        problems = [*included, *inconsistencies(data, info.context)]
        found = [mistake(*inconsistency) for inconsistency in problems]
        try:
            settings = handler(data)
        except ValidationError as error:
            found = [*mistakes_of(error), *found]
        if found:
            raise ValidationError.from_exception_data(cls.__name__, found, hide_input=True)
        return settings

    @property
    def listen(self) -> ListenAddress:
        """Where we listen."""
        return self.server.listen

    @cached_property
    def planner(self) -> Planner:
        """Which playbook answers an alert, on which targets."""
        return Planner(self.playbooks, tuple(self.targets.values()))

    @property
    def remembered(self) -> tuple[float, ...]:
        """How far back the guards may ask: nothing younger is ever taken away."""
        limits = self.limits
        rates = (limits.per_target, limits.global_, limits.flap, limits.breaker)
        books = (span for book in self.playbooks for span in (book.cooldown, book.reopen_window))
        return (*(rate.window for rate in rates), *books)

    def group_of(self, target: str) -> frozenset[str]:
        """The largest group that the target is a member of; empty when it is in none."""
        groups = [frozenset(members) for members in self.groups.values() if target in members]
        return max(groups, key=len, default=frozenset())
