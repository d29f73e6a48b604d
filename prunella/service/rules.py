"""Rules about several keys of one block, asked however wrong another of its keys is: an operator mends a file once.

No value is made of a block with a mistake in it, so its rules are then asked of what is known of it: its good keys, and
the defaults of those that are not there. A rule that needs a wrong one can be judged when that one is mended.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import InitErrorDetails

B = TypeVar("B", bound=BaseModel)
_AS_KNOWN = "as_known"


class Rule(Generic[B]):
    """Decorates the method of a block that says how its keys do not go together."""

    def __init__(self, asked: Callable[[B], Iterator[str]]) -> None:
        self.asked = asked


@cache
def rules_of(model: type[BaseModel]) -> tuple[Rule[Any], ...]:
    """Its own and those that it inherits."""
    named = (one for kind in reversed(model.__mro__) for one in vars(kind).values())
    return tuple(one for one in named if isinstance(one, Rule))


def broken_rules(block: BaseModel) -> Iterator[str]:
    """In words, as far as they can be judged."""
    for rule in rules_of(type(block)):
        with as_far_as_known():
            yield from rule.asked(block)


def is_given(block: BaseModel, name: str) -> bool:
    """Whether the file says something there, be it right or wrong; `null` and an empty list say nothing."""
    return name in block.model_fields_set and getattr(block, name, True) not in (None, (), {})


@contextmanager
def as_far_as_known() -> Iterator[None]:
    """Leaves off where a key is needed whose value is wrong."""
    try:
        yield
    except AttributeError as error:
        if not isinstance(error.obj, BaseModel) or error.name not in type(error.obj).model_fields:
            raise


def as_known(context: Any = None) -> dict[str, Any]:
    """The context of a validation that makes of a block with mistakes what is known of it."""
    return {**(context or {}), _AS_KNOWN: True}


def is_as_known(context: Any) -> bool:
    """Whether it is such a one."""
    return isinstance(context, Mapping) and _AS_KNOWN in context


def known_of(
    model: type[B], given: Mapping[str, Any], found: Collection[InitErrorDetails], context: Any
) -> B:
    """What is known of a block with these mistakes. A key that is wrong, or missing, is no attribute of it."""
    wrong = {mistake.get("loc") for mistake in found}
    keys = {name: field.alias or name for name, field in model.model_fields.items()}
    said = {name for name, key in keys.items() if key in given}
    good: dict[str, Any] = {}
    for name in said:
        own = {(keys[name],), (f"{keys[name]}_file",)}
        adapter = TypeAdapter[Any](model.model_fields[name].rebuild_annotation())
        # AttributeError: a validator that looks at other keys, too, cannot be asked of this one alone
        with suppress(ValidationError, AttributeError):
            value = adapter.validate_python(given[keys[name]], context=as_known(context))
            # what a block within breaks of its own rules is told of it as a whole, and it is known all the same
            if isinstance(value, BaseModel) or wrong.isdisjoint(own):
                good[name] = value
    block = model.model_construct(said, **{keys[name]: value for name, value in good.items()})
    for name in said - good.keys():
        block.__dict__.pop(name, None)
    return block
