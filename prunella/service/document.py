"""A config file as a tree: YAML in which nothing is guessed, with `${NAME}` filled in from the environment.

YAML 1.1 would read the key `on` as true, `22:30` as 1350 and a date as an object. Here only what YAML 1.2 calls a
number, a boolean or null is one; everything else stays the text that the operator wrote.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from prunella.service.problems import Location, Problem, dotted

_TEXT = "tag:yaml.org,2002:str"
_VARIABLE = re.compile(r"\$(?:(\$)|\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}|\{(?![0-9]+\}))")


class _Loader(yaml.SafeLoader):
    """SafeLoader with YAML 1.2's idea of what is not text."""


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ("~", "n", "N", "")),
    ("bool", r"true|True|TRUE|false|False|FALSE", tuple("tTfF")),
    ("int", r"[-+]?(0|[1-9][0-9]*)|0x[0-9a-fA-F]+", tuple("-+0123456789")),
    ("float", r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?", tuple("-+.0123456789")),
    ("merge", r"<<", ("<",)),
):
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(rf"(?:{_pattern})\Z"), list(_first)
    )


class UnsetVariable(Exception):
    """A `${…}` that cannot be filled in; the text says why."""


def expand(text: str, environ: Mapping[str, str]) -> str:
    """`${NAME}`, `${NAME:-default}` (when unset or empty) and `$$` for one `$`. Raises UnsetVariable.

    `${1}` is no name of a variable but of a group in a regular expression, and stays.
    """

    def value(match: re.Match[str]) -> str:
        dollar, name, default = match.groups()
        if dollar:
            return "$"
        if name is None:
            raise UnsetVariable("`${` needs NAME} or NAME:-default} after it; write $$ for one $")
        if default is not None:
            return environ.get(name) or default
        if name not in environ:
            raise UnsetVariable(
                f"environment variable {name} is not set (set it, or write ${{{name}:-default}})"
            )
        return environ[name]

    return _VARIABLE.sub(value, text)


def read_document(
    file: Path, environ: Mapping[str, str]
) -> tuple[dict[object, object], list[Problem]]:
    """The file's tree, and what is wrong with it before anyone looks at the meaning of its keys."""
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return _unusable(file, "no such file; create it or name another with --config")
    except OSError as error:
        return _unusable(file, f"cannot be read ({error.strerror}); check its owner and mode")
    except UnicodeDecodeError as error:
        return _unusable(file, f"not UTF-8 text (byte {error.start}); save it as UTF-8")
    try:
        return _parse(text, file, environ)
    except yaml.YAMLError as error:
        return _unusable(file, f"not YAML: {_where(error)}")
    except RecursionError:
        return _unusable(file, "nested too deeply")


def _unusable(file: Path, message: str) -> tuple[dict[object, object], list[Problem]]:
    return {}, [Problem(str(file), message)]


def _where(error: yaml.YAMLError) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        return f"line {mark.line + 1}, column {mark.column + 1}: {error.problem}"
    return str(error).replace("\n", " ")


def _parse(
    text: str, file: Path, environ: Mapping[str, str]
) -> tuple[dict[object, object], list[Problem]]:
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return {}, []
        problems = list(_prepare(node, (), environ, set()))
        tree = loader.construct_document(node)
    finally:
        loader.dispose()
    if tree is None:
        return {}, problems
    if not isinstance(tree, dict):
        return _unusable(file, f"must be a mapping of keys at the top, not a {type(tree).__name__}")
    return tree, problems


def _prepare(
    node: Node, at: Location, environ: Mapping[str, str], seen: set[int]
) -> Iterator[Problem]:
    """Fills in variables and looks for keys given twice, each node once however often an alias repeats it."""
    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, ScalarNode) and node.tag == _TEXT:
        try:
            node.value = expand(node.value, environ)
        except UnsetVariable as error:
            yield Problem(dotted(at), str(error))
    elif isinstance(node, SequenceNode):
        for index, item in enumerate(node.value):
            yield from _prepare(item, (*at, index), environ, seen)
    elif isinstance(node, MappingNode):
        yield from _repeated_keys(node, at)
        for key, item in node.value:
            yield from _prepare(item, (*at, str(key.value)), environ, seen)


def _repeated_keys(node: MappingNode, at: Location) -> Iterator[Problem]:
    lines: dict[str, int] = {}
    for key, _ in node.value:
        line = key.start_mark.line + 1
        if isinstance(key, ScalarNode) and key.value in lines:
            message = f"key given twice (lines {lines[key.value]} and {line})"
            yield Problem(dotted((*at, key.value)), message)
        lines[str(key.value)] = line
