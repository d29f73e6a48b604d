"""exporter.yml as frozen values. A collector runs when its key is there; its options are its own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, create_model

from exporter.collectors import COLLECTORS
from exporter.queues.base import Lag
from prunella.service.settings import Duration, Listen, ListenAddress, Settings, load

DEFAULT_LISTEN = ListenAddress("127.0.0.1", 9650)


class Server(Settings):
    listen: Listen = DEFAULT_LISTEN


class Labels(Settings):
    """`service` is given to every series that does not name its own."""

    service: str = Field(default="", max_length=200)


Share = Annotated[float, Field(gt=0, le=1)]


class Failures(Settings):
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


class Config(Settings):
    """The keys that are no collector's."""

    server: Server = Server()
    labels: Labels = Labels()
    scrape_timeout: Annotated[Duration, Field(gt=0)] = 9.5
    health: Health = Health()

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
