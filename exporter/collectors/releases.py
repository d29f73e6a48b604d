"""Which release serves and in which phase of its launch it is: from the receiver's ledger, or a file that the deploy leaves.

It changes a few times a day and the receiver asks its database for it, so it is read in the background, and a scrape
says what the latest look saw.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import pairwise
from typing import Annotated
from urllib.parse import urlsplit

from prometheus_client.metrics_core import Metric
from pydantic import AfterValidator, Field

from exporter.collectors.base import Collected, Kind, World, ahead_of, entries
from exporter.families import gauge
from exporter.releases.base import Release, Seen, Source, SourceError
from exporter.releases.files import OnDisk, first_line, linked
from exporter.releases.ledger import Ledger
from prunella.service.clock import Clock
from prunella.service.header_lines import SecretHeader
from prunella.service.pem import Certificates
from prunella.service.rules import Rule, is_given
from prunella.service.settings import Duration, LocalPath, Secret, Settings
from prunella.service.tasks import Tasks

HOUR = 3600.0
SHOWN = 200  # targets of one entry
OF_IT = ("service", "target", "version")


def _address(url: Secret) -> Secret:
    try:
        parts = urlsplit(url.get_secret_value())
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False  # its own text would quote what is in the address
    if not usable:
        raise ValueError("must be http://host:port or https://host:port, of a receiver")
    return url


def _rising(phases: tuple[float, ...]) -> tuple[float, ...]:
    if any(after <= before for before, after in pairwise(phases)):
        raise ValueError("each phase must end after the one before it")
    return phases


class ReleaseEntry(Settings):
    """`url` of a receiver with a `token` that may read, or the `path` of a layout (its `current`), or a version `file`.

    Of the last two `name` is the target, and `phases` are when those of its launch end, counted from the deploy.
    """

    name: str = Field(min_length=1, max_length=200)
    url: Annotated[Secret, AfterValidator(_address)] | None = None
    token: SecretHeader | None = None
    ca_file: Certificates | None = None
    path: LocalPath | None = None
    file: LocalPath | None = None
    every: Annotated[Duration, Field(ge=1)] = 15.0
    phases: Annotated[tuple[Duration, ...], AfterValidator(_rising)] = (6 * HOUR, 24 * HOUR, 72 * HOUR)  # fmt: skip
    service: str = ""

    @Rule
    def _one_source(self) -> Iterator[str]:
        if sum(is_given(self, name) for name in ("url", "path", "file")) != 1:
            yield "needs one of url, path and file"

    @Rule
    def _shown_to_a_receiver(self) -> Iterator[str]:
        for name in ("token", "ca_file"):
            if is_given(self, name) and not is_given(self, "url"):
                yield f"{name} belongs to url"

    def source(self, service: str, clock: Clock) -> Source:
        if self.path is not None:
            return OnDisk((service, self.name), partial(linked, self.path), self.phases, clock)
        if self.file is not None:
            return OnDisk((service, self.name), partial(first_line, self.file), self.phases, clock)
        url, token = self.url or Secret(""), self.token or Secret("")
        return Ledger(url.get_secret_value(), token.get_secret_value(), self.ca_file, clock)


class Read:
    """One entry and what was last seen of it."""

    def __init__(self, entry: ReleaseEntry, world: World) -> None:
        self.labels = entry.name, entry.service or world.service
        self._every, self._clock = entry.every, world.clock
        self._source = entry.source(self.labels[1] or entry.name, world.clock)
        self._looked = asyncio.Event()
        self.seen: Seen | None = None
        self.problem = ""

    async def keep_looking(self) -> None:
        while True:
            await self._look()
            await self._clock.sleep(self._every)

    async def _look(self) -> None:
        try:
            self.seen, self.problem = await self._source.read(), ""
        except SourceError as error:
            self.seen, self.problem = None, f"{self.labels[0]}: {error}"
        self._looked.set()

    async def ready(self, until: float) -> None:
        """Only the first scrape can come before the first look has ended."""
        try:
            async with asyncio.timeout_at(until):
                await self._looked.wait()
        except TimeoutError:
            self.problem = f"{self.labels[0]}: no answer in time"


class Releases:
    def __init__(self, options: Sequence[ReleaseEntry], world: World) -> None:
        self._entries = [Read(entry, world) for entry in options]
        self._tasks = Tasks(world.clock)

    async def start(self) -> None:
        for number, entry in enumerate(self._entries):
            self._tasks.start(f"read releases {number}", entry.keep_looking)

    async def stop(self) -> None:
        await self._tasks.stop()

    async def collect(self, deadline: float) -> Collected:
        until = ahead_of(deadline)
        await asyncio.gather(*(entry.ready(until) for entry in self._entries))
        return Collected(tuple(self.down()), tuple(filter(None, map(_problem, self._entries))))

    def down(self) -> Iterable[Metric]:
        """What was last seen needs nobody to answer."""
        return families([(entry.labels, entry.seen) for entry in self._entries])


def _problem(entry: Read) -> str:
    more = len(entry.seen.releases) - SHOWN if entry.seen else 0
    return entry.problem or (f"{entry.labels[0]}: {more} targets are not shown" if more > 0 else "")


def families(seen: Sequence[tuple[tuple[str, str], Seen | None]]) -> Iterable[Metric]:
    """Two entries that tell of the same target are one; the later one counts."""
    known = [one for _, one in seen if one is not None]
    of: dict[tuple[str, str], Release] = {
        (release.service, release.target): release
        for one in known
        for release in one.releases[:SHOWN]
    }
    deploying = {service: on for one in known for service, on in [*one.deploying.items()][:SHOWN]}
    yield gauge(
        "prunella_release_source_up",
        "Whether what tells of the releases could be read (in the background).",
        ("name", "service"),
        ((labels, float(one is not None)) for labels, one in seen),
    )
    yield from _serving([((one.service, one.target, one.version), one) for one in of.values()])
    yield gauge(
        "prunella_deploy_in_progress",
        "Whether a deploy of a service has begun and not ended.",
        ("service",),
        (((service,), float(on)) for service, on in deploying.items()),
    )


def _serving(seen: Sequence[tuple[tuple[str, str, str], Release]]) -> Iterable[Metric]:
    yield gauge(
        "prunella_release_info",
        "1 for the release that a target serves (read in the background).",
        (*OF_IT, "commit"),
        (((*labels, one.commit), 1.0) for labels, one in seen),
    )
    yield gauge(
        "prunella_release_timestamp_seconds",
        "When the deploy of the release that a target serves began.",
        OF_IT,
        ((labels, one.began) for labels, one in seen),
    )
    yield gauge(
        "prunella_launch_phase",
        "The phase of the launch watch that the release is in, from 1; 0 = the watch is over.",
        OF_IT,
        ((labels, float(one.phase)) for labels, one in seen),
    )


RELEASES: Kind[Sequence[ReleaseEntry]] = Kind(entries(ReleaseEntry), Releases)
