"""What a collector is: reads one kind of thing and answers with fresh values, never with a global gauge.

Values are built anew for each scrape, so whatever vanished from the world vanishes from the answer.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Annotated, Any, Generic, Protocol, TypeVar

from prometheus_client.metrics_core import Metric
from pydantic import (
    BeforeValidator,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)
from pydantic_core import InitErrorDetails

from prunella.service.clock import Clock, SystemClock
from prunella.service.problems import mistake, mistakes_of
from prunella.service.rules import as_far_as_known, as_known


def _random() -> float:
    return secrets.randbelow(1 << 32) / (1 << 32)


@dataclass(frozen=True, slots=True)
class World:
    """What every collector is given besides its own options."""

    service: str = ""  # the `service` of entries that name none
    clock: Clock = field(default_factory=SystemClock)
    jitter: Callable[[], float] = _random  # 0 ≤ value < 1


@dataclass(frozen=True, slots=True)
class Collected:
    """The answer to one scrape; `problems` say what could not be read, and make it no success."""

    families: tuple[Metric, ...]
    problems: tuple[str, ...] = ()


class Collector(Protocol):
    """One key of the config. `start` and `stop` are for those that look while nobody scrapes."""

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def collect(self, deadline: float) -> Collected:
        """Reads the world; done by `deadline` on the event loop's clock, or cancelled then."""
        ...

    def down(self) -> Iterable[Metric]:
        """What to say when `collect` failed or was late: every `…_up` 0."""
        ...


O = TypeVar("O")  # noqa: E741 - the options of one collector


@dataclass(frozen=True, slots=True)
class Kind(Generic[O]):
    """A line of COLLECTORS: what the key holds in the config, and what is built from it."""

    options: Any  # the annotation that pydantic reads
    build: Callable[[O, World], Collector]
    default: O | None = None  # when there is no config file at all


def apart(
    given: object,
    handler: ValidatorFunctionWrapHandler,
    key: str = "name",
    known: Callable[[object], object] = lambda row: row if isinstance(row, Mapping) else {},
) -> tuple[Any, ...]:
    """Entries of which no two have the same `key`, for it is a label; said beside whatever else is wrong with them.

    `known` is what is known of one with a mistake.
    """
    rows, found = given if isinstance(given, list | tuple) else (), list[InitErrorDetails]()
    try:
        entries: tuple[Any, ...] = handler(given)
    except ValidationError as error:
        found = mistakes_of(error)
        wrong = {place for one in found for place in one.get("loc", ())[:1]}
        good = [place for place in range(len(rows)) if place not in wrong]
        named = dict(zip(good, handler([rows[place] for place in good]), strict=True))
    else:
        named = dict(enumerate(entries))
    seen: set[str] = set()
    for place, row in enumerate(rows):
        name = _called(named[place], key) if place in named else _known_name(known, row, key)
        if name and name in seen:
            found.append(mistake((place, key), f"the {key} {name!r} is given twice"))
        seen.add(name)
    if found:
        raise ValidationError.from_exception_data("entries", found, hide_input=True)
    return entries


def _known_name(known: Callable[[object], object], row: object, key: str) -> str:
    name = ""
    with suppress(ValidationError), as_far_as_known():
        name = _called(known(row), key)
    return name


def _called(entry: object, key: str) -> str:
    name = entry.get(key) if isinstance(entry, Mapping) else getattr(entry, key)
    return name if isinstance(name, str) else ""


def entries(entry: Any) -> Any:
    """The annotation of a list of named entries."""

    def all_apart(
        given: object, handler: ValidatorFunctionWrapHandler, info: ValidationInfo
    ) -> tuple[Any, ...]:
        def known(row: object) -> object:
            return TypeAdapter(entry).validate_python(row, context=as_known(info.context))

        return apart(given, handler, known=known)

    listed = Annotated[tuple[entry, ...], WrapValidator(all_apart)]
    return Annotated[listed | None, BeforeValidator(_none_as(()))]


def block(options: Any) -> Any:
    """The annotation of a key that switches a collector on, with or without options (`host:`)."""
    return Annotated[options | None, BeforeValidator(_none_as({}))]


def _none_as(empty: object) -> Callable[[object], object]:
    return lambda value: empty if value is None else value


def ahead_of(deadline: float) -> float:
    """When to give up on one target, so that there is time left to report the others."""
    left = deadline - asyncio.get_running_loop().time()
    return deadline - min(0.25, left * 0.1)
