"""From `{manager: pm2, name: api}` in the config to the frozen value of the class registered as `pm2`.

The word that chooses the class is a key like any other for the operator, but no field of the class.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from prunella.service.problems import ABSENT, mistake
from prunella.service.settings import Settings

S = TypeVar("S", bound=Settings)
Registry = Mapping[str, type[S]]


def chosen_by_key(registry: Registry[S], key: str, value: object, context: Any = None) -> S:
    """The value that `{<key>: <registered name>, …}` means. Raises ValueError or ValidationError."""
    if not isinstance(value, Mapping):
        raise ValueError(f"must be a mapping with the key `{key}`")  # noqa: TRY004 - pydantic collects ValueError only
    name = value.get(key)
    if name is None:
        raise _wrong(key, f"required key is missing: {_known(registry)}", ABSENT)
    if not isinstance(name, str) or name not in registry:
        raise _wrong(key, f"unknown {key} {name!r}; {_known(registry)}")
    options = {option: given for option, given in value.items() if option != key}
    return registry[name].model_validate(options, context=context)


def chosen_by_only_key(registry: Registry[S], value: object) -> tuple[str, type[S], object]:
    """The name, class and options of `{<registered name>: options}`. Raises ValueError."""
    if not isinstance(value, Mapping) or len(value) != 1:
        raise ValueError(f"must be a mapping with one key; {_known(registry)}")
    ((name, options),) = value.items()
    if name not in registry:
        raise _wrong(str(name), f"unknown; {_known(registry)}")
    return name, registry[name], options


def name_of(registry: Registry[S], value: S) -> str:
    """The name under which the class of the value is registered."""
    return next(name for name, kind in registry.items() if kind is type(value))


def _known(registry: Registry[S]) -> str:
    return f"known: {', '.join(sorted(registry))}"


def _wrong(key: str, message: str, kind: str = "config") -> ValidationError:
    return ValidationError.from_exception_data(
        "config", [mistake((key,), message, kind)], hide_input=True
    )
