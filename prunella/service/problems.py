"""What is wrong with a config file, all of it at once, in words that name the key and the cure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

Location = tuple[int | str, ...]
ABSENT = "absent"  # the kind of a mistake whose last key is not in the file


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake: `path` is the key as an operator would say it, `playbooks[0].ladder[1].action`."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"


class ConfigError(Exception):
    """The config cannot be used. The text has one `path: message` a line and holds no values of secrets."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


def dotted(location: Location) -> str:
    """`("a", 0, "b")` as `a[0].b`."""
    parts = (f"[{key}]" if isinstance(key, int) else f".{key}" for key in location)
    return "".join(parts).removeprefix(".")


def mistake(location: Location, message: str, kind: str = "config") -> InitErrorDetails:
    """A mistake in the form that pydantic merges into its own; without the input, which may be a secret."""
    return InitErrorDetails(type=PydanticCustomError(kind, message), loc=location, input=None)


def mistakes_of(error: ValidationError, known: Iterable[str] = ()) -> list[InitErrorDetails]:
    """Pydantic's findings in a model whose keys are `known` as ours, its noise taken off."""
    return [mistake(*found) for found in findings(error, known)]


def findings(
    error: ValidationError, known: Iterable[str] = ()
) -> Iterator[tuple[Location, str, str]]:
    """Where, what and of which kind each finding is: the arguments of `mistake`."""
    found = error.errors(include_input=False)
    within = {one["loc"][:depth] for one in found for depth in range(len(one["loc"]))}
    for one in found:
        # pydantic counts only the good items, so that a bad one would be reported twice
        if one["type"] != "too_short" or one["loc"] not in within:
            yield _readable(one, known)


def problems_of(error: ValidationError, tree: object, root: str) -> list[Problem]:
    """Every finding as a path in the file (`root` for the file as a whole) and what to do there.

    A value that fits no member of a union is one problem, not one for each member; two rules broken by one value are two.
    """
    said: dict[str, dict[Location, dict[str, None]]] = {}
    for location, message, kind in findings(error):
        path = dotted(_in_file(location, tree, absent=kind == ABSENT)) or root
        said.setdefault(path, {}).setdefault(location, {})[message] = None
    return [Problem(path, text) for path, members in said.items() for text in _texts(members)]


def _texts(members: Mapping[Location, Mapping[str, None]]) -> list[str]:
    if len(members) == 1:
        return [*next(iter(members.values()))]
    return [" or ".join({text: None for messages in members.values() for text in messages})]


def _unknown_key(key: object, known: Iterable[str]) -> str:
    close = get_close_matches(str(key), list(known), n=1)
    return f"unknown key (did you mean {close[0]}?)" if close else "unknown key"


_MAPPING, _LIST = "must be a mapping of keys", "must be a list"
_PLAIN = {
    "model_type": _MAPPING,
    "model_attributes_type": _MAPPING,
    "dict_type": _MAPPING,
    "tuple_type": _LIST,
    "list_type": _LIST,
    "set_type": _LIST,
    "frozen_set_type": _LIST,
    "path_type": "must be the path of a file",
    "string_type": "must be text",
    **dict.fromkeys(("int_parsing", "int_type", "int_from_float"), "must be a whole number"),
    **dict.fromkeys(("float_parsing", "float_type", "finite_number"), "must be a number"),
    **dict.fromkeys(("bool_parsing", "bool_type"), "must be true or false"),
    "none_required": "must be empty",
}


def _length(kind: str, context: Mapping[str, Any]) -> str:
    """What there is too little or too much of."""
    what = "character" if kind.startswith("string") else "item"
    if kind.endswith("short"):
        least = context["min_length"]
        return "must not be empty" if least == 1 else f"must have at least {least} {what}s"
    most = context["max_length"]
    return f"must have at most {most} {what}{'' if most == 1 else 's'}"


def _readable(found: ErrorDetails, known: Iterable[str] = ()) -> tuple[Location, str, str]:
    location, message, context = found["loc"], found["msg"], found.get("ctx", {})
    match found["type"]:
        case "missing" | "absent" as kind:
            return location, message if kind == "absent" else "required key is missing", ABSENT
        case "extra_forbidden":
            # deeper ones are of models that are not ours: their keys are not these
            keys = known if len(location) == 1 else ()
            return location, _unknown_key(location[-1], keys), "config"
        case "union_tag_not_found":
            tag = context["discriminator"].strip("'")
            return (*location, tag), "required key is missing", ABSENT
        case "union_tag_invalid":
            tag = context["discriminator"].strip("'")
            expected = context["expected_tags"]
            return (*location, tag), f"{context['tag']!r} is not one of {expected}", "config"
        case kind:
            return location, _in_our_words(kind, message, context), "config"


def _in_our_words(kind: str, message: str, context: Mapping[str, Any]) -> str:
    if kind.removeprefix("string_") in {"too_short", "too_long"}:
        return _length(kind, context)
    if kind == "string_pattern_mismatch":
        return f"must match {context['pattern']}"
    return _PLAIN.get(kind) or _without_noise(message)


def _without_noise(message: str) -> str:
    message = message.removeprefix("Value error, ").removeprefix("Assertion failed, ")
    return message.replace("Input should be", "must be", 1)


def _in_file(location: Location, tree: object, *, absent: bool) -> Location:
    """The location without the names of union members and validators that pydantic mixes into it."""
    kept: list[int | str] = []
    for position, key in enumerate(location):
        here = _inside(tree, key)
        if here is not _NOTHING or (absent and position == len(location) - 1):
            kept.append(key)
            tree = here
    return tuple(kept)


_NOTHING = object()


def _inside(tree: object, key: int | str) -> object:
    if isinstance(tree, Mapping):
        return tree.get(key, _NOTHING)
    if isinstance(tree, list) and isinstance(key, int) and key < len(tree):
        return tree[key]
    return _NOTHING
