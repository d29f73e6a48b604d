"""Regular expressions over what strangers send: RE2, as in blackbox_exporter, which takes time in proportion to the text.

Python's own may take for ever over a body that somebody has thought about, and would hold the whole process meanwhile.
The package is loaded when there is an expression.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Annotated, Any, Protocol

from pydantic import AfterValidator


class Found(Protocol):
    """A place that matches."""

    def group(self, number: int, /) -> bytes | None: ...

    def groupdict(self) -> Mapping[bytes, bytes | None]: ...


class Pattern(Protocol):
    """A compiled expression."""

    def search(self, text: bytes, /) -> Found | None: ...


def pattern(text: str) -> Pattern:
    """Raises ValueError for what is none, or when there is nothing to read it with."""
    try:
        re2: Any = importlib.import_module("re2")
    except ModuleNotFoundError:
        cure = 'pip install "prunella[exporter]"'
        raise ValueError(f"regular expressions need the package google-re2: {cure}") from None
    options = re2.Options()
    options.log_errors = False
    try:
        compiled: Pattern = re2.compile(text.encode(), options)
    except re2.error as error:
        said = error.args[0] if error.args else error
        shown = said.decode(errors="replace") if isinstance(said, bytes) else said
        raise ValueError(f"is no regular expression of RE2: {shown}") from None
    return compiled


def _checked(text: str) -> str:
    pattern(text)
    return text


Regexp = Annotated[str, AfterValidator(_checked)]


def expanded(template: str, found: Found) -> str:
    """`$1`, `${1}` and `${name}` as Go's Regexp.Expand fills them in; `$$` is one `$`."""
    out, rest = [], template
    while rest:
        before, dollar, rest = rest.partition("$")
        out.append(before)
        if dollar:
            name, rest = _name(rest)
            out.append("$" if name in {"$", ""} else _group(found, name))
    return "".join(out)


def _name(rest: str) -> tuple[str, str]:
    """The name that stands behind a `$`, and what follows it."""
    if rest.startswith("$"):
        return "$", rest[1:]
    if rest.startswith("{"):
        name, closed, after = rest[1:].partition("}")
        return (name, after) if closed else ("", rest)
    end = 0
    while end < len(rest) and (rest[end] == "_" or rest[end].isalnum()):
        end += 1
    return rest[:end], rest[end:]


def _group(found: Found, name: str) -> str:
    try:
        value = found.group(int(name)) if name.isdecimal() else found.groupdict().get(name.encode())
    except IndexError:
        value = None
    return (value or b"").decode(errors="replace")
