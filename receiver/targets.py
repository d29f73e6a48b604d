"""Targets: the only things that actions may touch. Labels select one by exact match and never become part of it."""

from __future__ import annotations

from pydantic import SerializeAsAny

from prunella.service.settings import Settings
from receiver.decide.matchers import Matchers
from receiver.managers.base import Manager


class HttpFacet(Settings):
    """Where the target answers; paths in actions and checks are joined to `base_url`."""

    base_url: str
    gc_path: str | None = None


class Target(Settings):
    """A named thing with facets; an action says which facet it needs."""

    name: str
    matchers: Matchers = ()
    process: SerializeAsAny[Manager] | None = None
    http: HttpFacet | None = None
