"""Targets: the only things that actions may touch. Labels select one by exact match and never become part of it."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import (
    BeforeValidator,
    SerializeAsAny,
    WrapSerializer,
    field_validator,
    model_validator,
)

from prunella.service.rules import as_far_as_known
from prunella.service.settings import Settings
from receiver.backups.facet import BackupFacet
from receiver.decide.matchers import Matchers, matches_all
from receiver.endpoints import BaseUrl, WebPath
from receiver.managers import parse_manager, write_manager
from receiver.managers.base import Manager
from receiver.queues import parse_queue, write_queue
from receiver.queues.base import QueueSystem
from receiver.stores.postgres_store import PostgresFacet
from receiver.stores.redis_store import RedisFacet
from receiver.strategies import parse_strategy, write_strategy
from receiver.strategies.base import Strategy


class HttpFacet(Settings):
    """Where the target answers; paths in actions and checks are joined to `base_url`."""

    base_url: BaseUrl
    gc_path: WebPath | None = None


class Target(Settings):
    """A named thing with facets; an action says which facet it needs."""

    name: str
    matchers: Matchers = ()
    process: (
        Annotated[
            SerializeAsAny[Manager], BeforeValidator(parse_manager), WrapSerializer(write_manager)
        ]
        | None
    ) = None
    http: HttpFacet | None = None
    redis: RedisFacet | None = None
    postgres: PostgresFacet | None = None
    backup: BackupFacet | None = None
    queue: (
        Annotated[
            SerializeAsAny[QueueSystem], BeforeValidator(parse_queue), WrapSerializer(write_queue)
        ]
        | None
    ) = None
    release: (
        Annotated[
            SerializeAsAny[Strategy],
            BeforeValidator(parse_strategy),
            WrapSerializer(write_strategy),
        ]
        | None
    ) = None

    @field_validator("matchers")
    @classmethod
    def _of_somebody(cls, matchers: Matchers) -> Matchers:
        if matchers and matches_all(matchers, {}):
            raise ValueError(
                'would select every alert that has none of these labels: name a value, as in service="api"'
            )
        return matchers

    @model_validator(mode="after")
    def _restarts_what_was_chosen(self) -> Self:
        with as_far_as_known():
            if self.release is not None and self.process is not None:
                # frozen for all others
                self.__dict__["process"] = self.release.beside(self.process)
        return self

    @property
    def facets(self) -> frozenset[str]:
        """The names of those that it has."""
        names = type(self).model_fields.keys() - {"name", "matchers"}
        return frozenset(name for name in names if getattr(self, name) is not None)
