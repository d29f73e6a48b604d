"""What a page of the console is made of, so that a page is one file and one line in the registry."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

from aiohttp import web

from receiver.stages.context import Context

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Hall:
    """What every page works with; `wake` is called after every change."""

    context: Context
    wake: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Show:
    """A GET for whoever may read."""

    path: str
    handler: Handler


@dataclass(frozen=True, slots=True)
class Say:
    """A POST of a form for whoever may operate; its fields are in `request[FORM]`."""

    path: str
    handler: Handler


@dataclass(frozen=True, slots=True)
class Link:
    """How the navigation leads to a page."""

    caption: str
    path: str

    def leads_to(self, path: str) -> bool:
        """Whether it leads to the page of this path, or to one that the page is part of."""
        return path == self.path or (self.path != "/" and path.startswith(f"{self.path}/"))


class Page(Protocol):
    """One of the registry. A page without a link is reached from others."""

    link: ClassVar[Link | None]

    def __init__(self, hall: Hall) -> None: ...

    def doors(self) -> tuple[Show | Say, ...]:
        """Where it answers."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who asks. `name` is what the journal knows them by; `operates` is whether their words count."""

    name: str
    operates: bool
    csrf: str | None = field(default=None, repr=False)  # what their forms must hold; None: nothing
    leaves: bool = False  # whether there is a session to be ended


VISITOR = web.RequestKey("visitor", Visitor)
NAVIGATION = web.RequestKey("navigation", tuple[Link, ...])
