"""exporter.yml as frozen values. A collector runs when its key is there; its options are its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import AfterValidator, Field, ValidationError, create_model

from exporter.collectors import COLLECTORS
from exporter.collectors.endpoints import EndpointEntry
from exporter.probing.allowed import rule_of
from exporter.probing.modules import Module
from exporter.queues.base import Lag, Levels
from prunella.service.problems import ConfigError, mistake
from prunella.service.settings import (
    Duration,
    Listen,
    ListenAddress,
    LocalPath,
    Settings,
    load,
)
from prunella.service.web_config import read_web_config

_STARS = "*" * 10  # what pydantic writes for a secret
DEFAULT_LISTEN = ListenAddress("127.0.0.1", 9650)


def _door(file: Path) -> Path:
    """The door itself reads it again; here, so that what is wrong with it is said with the rest."""
    try:
        read_web_config(file)
    except ConfigError as error:
        found = [mistake((), str(problem)) for problem in error.problems]
        raise ValidationError.from_exception_data("web", found, hide_input=True) from None
    return file


class Server(Settings):
    """`web_config_file` is exporter-toolkit's: TLS, client certificates, users."""

    listen: Listen = DEFAULT_LISTEN
    web_config_file: Annotated[LocalPath, AfterValidator(_door)] | None = None


class Labels(Settings):
    """`service` is given to every series that does not name its own."""

    service: str = Field(default="", max_length=200)


Share = Annotated[float, Field(gt=0, le=1)]


class Failures(Levels):
    """Shares of the jobs that ended within the last hour."""

    warning: Share = 0.05
    critical: Share = 0.1


class Health(Settings):
    """Where `/api/health/*` turns: `memory` and `pool` are shares of the machine's and of the usable connections."""

    memory: Share = 0.9
    query: Annotated[Duration, Field(gt=0)] = 1.0
    pool: Share = 0.9
    queue: Lag = Lag()
    failures: Failures = Failures()


def _rule(text: str) -> str:
    rule_of(text)
    return text


class Probe(Settings):
    """Hosts, `*.domains`, addresses and networks that `/probe` may go to besides those of `endpoints`."""

    allow: tuple[Annotated[str, AfterValidator(_rule)], ...] = ()


class Config(Settings):
    """The keys that are no collector's."""

    server: Server = Server()
    labels: Labels = Labels()
    scrape_timeout: Annotated[Duration, Field(gt=0)] = 9.5
    health: Health = Health()
    modules: Mapping[str, Module] = Field(default_factory=dict)
    probe: Probe = Probe()

    def endpoint_urls(self) -> list[str]:
        """The addresses of what is probed in the background."""
        entries: Sequence[EndpointEntry] = self.options().get("endpoints", ())
        return [entry.url.get_secret_value() for entry in entries]

    def options(self) -> dict[str, Any]:
        """The options of every collector that is switched on, by its key."""
        given = {key: getattr(self, key) for key in COLLECTORS}
        return {key: options for key, options in given.items() if options is not None}


_KEYS: dict[str, Any] = {key: (kind.options, None) for key, kind in COLLECTORS.items()}
ExporterConfig: type[Config] = create_model("ExporterConfig", __base__=Config, **_KEYS)


def read(file: Path | None, environ: Mapping[str, str]) -> Config:
    """The file's settings; without one, what serves a machine as it is. Raises ConfigError."""
    if file is not None:
        return load(ExporterConfig, file, environ)
    defaults = {key: kind.default for key, kind in COLLECTORS.items() if kind.default is not None}
    return ExporterConfig.model_validate(defaults)


def config_page(config: Config) -> str:
    """The config in force as YAML, with a word in the place of every secret."""
    shown = config.model_dump(mode="json", exclude_none=True, by_alias=True, warnings=False)
    return yaml.safe_dump(_masked(shown), sort_keys=False, allow_unicode=True, width=1000)


def _masked(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _masked(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_masked(one) for one in value]
    return "<secret>" if value == _STARS else value
