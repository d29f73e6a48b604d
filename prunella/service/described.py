"""What a handler takes and answers, said beside its code. The OpenAPI document is made of it, so that it is no second truth."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypedDict, TypeVar

H = TypeVar("H", bound=Callable[..., Any])
_KEY = "__described__"


class Status(TypedDict):
    """How it is, in one word."""

    status: str


class Failure(TypedDict):
    """The one shape of an error."""

    error: str
    reason: str


@dataclass(frozen=True, slots=True)
class Media:
    """An answer that is no JSON: its content types."""

    types: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """Statuses with the type of their JSON, or their Media; None is an empty body.

    What follows from a route's scope and from its having a body is not said here.
    """

    answers: Mapping[int, object]
    refuses: tuple[int, ...] = ()
    takes: object = None  # the type of the JSON body; a TypedDict or a pydantic model
    query: Mapping[str, Any] = field(default_factory=dict)  # name: type


def describes(
    answers: Mapping[int, object],
    *,
    refuses: tuple[int, ...] = (),
    takes: object = None,
    query: Mapping[str, Any] | None = None,
) -> Callable[[H], H]:
    """Says it of a handler."""
    said = Described(answers=answers, refuses=refuses, takes=takes, query=query or {})

    def mark(handler: H) -> H:
        setattr(handler, _KEY, said)
        return handler

    return mark


def described(handler: Callable[..., Any]) -> Described | None:
    """What is said of it."""
    said: Described | None = getattr(handler, _KEY, None)
    return said
