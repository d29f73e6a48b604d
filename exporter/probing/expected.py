"""What must come back, as far as an answer says it by itself."""

from __future__ import annotations

from dataclasses import dataclass

from exporter.probing.http1 import Head
from exporter.probing.patterns import Pattern


@dataclass(frozen=True, slots=True)
class HeaderRule:
    """`name` in lower case. A header that is missing breaks the rule, unless it `may_be_missing`."""

    name: str
    pattern: Pattern
    may_be_missing: bool = False


@dataclass(frozen=True, slots=True)
class Expected:
    """What must come back; nothing said about the status means any 2xx."""

    statuses: tuple[int, ...] = ()
    versions: tuple[float, ...] = ()
    text: bytes = b""
    body_has: tuple[Pattern, ...] = ()
    body_has_not: tuple[Pattern, ...] = ()
    headers_have: tuple[HeaderRule, ...] = ()
    headers_have_not: tuple[HeaderRule, ...] = ()
    encrypted: bool | None = None
    most: int = 0  # bytes of the body; 0 for any

    def body_holds(self, body: bytes) -> bool:
        """Whether it has what it must have, and nothing that it must not."""
        return (
            self.text in body
            and all(one.search(body) for one in self.body_has)
            and not any(one.search(body) for one in self.body_has_not)
        )

    def headers_hold(self, head: Head) -> bool:
        """The same of the headers."""
        return not any(_found(rule, head, missing=True) for rule in self.headers_have_not) and all(
            _found(rule, head, missing=False) for rule in self.headers_have
        )


def _found(rule: HeaderRule, head: Head, *, missing: bool) -> bool:
    """Whether any value matches; one that is missing breaks the rule, which is `missing` for what must not be there."""
    values = head.headers.get(rule.name)
    if values is None:
        return missing is not rule.may_be_missing
    return any(rule.pattern.search(value.encode("latin-1")) for value in values)
