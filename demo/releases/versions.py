"""The releases of the shop: two good ones, and one for each way in which a release is bad."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

GOOD = "1.0.0"


@dataclass(frozen=True, slots=True)
class Version:
    """`subject` is its commit's; `flaw` is a fault of the shop as in `POST /admin/fault`; `compatible_down_to` is the
    oldest version that can live with its database, None its own."""

    name: str
    subject: str
    flaw: Mapping[str, object] | None = None
    says: str | None = None
    compatible_down_to: str | None = GOOD

    def named(self, name: str) -> Version:
        """The same built again, under another name; what lies says the same."""
        return replace(self, name=name)

    @property
    def oldest(self) -> str:
        return self.compatible_down_to or self.name


VERSIONS = {
    one.name: one
    for one in (
        Version(GOOD, "shop: tea, plasters and fuses"),
        Version("1.1.0", "orders: a line for each thing that was bought"),
        Version(
            "1.2.0-errors", "checkout: ask the new payment service", {"kind": "errors"}
        ),
        Version(
            "1.2.0-slow", "products: prices are looked up one by one", {"kind": "latency", "seconds": 12.0}
        ),
        Version(
            "1.2.0-leak", "products: keep what was shown", {"kind": "leak", "megabytes": 230.0}
        ),
        Version("1.2.0-crash", "shop: a new start, without its module", {"kind": "crash"}),
        Version("1.2.0-liar", "shop: the version is written by hand", says="1.1.0"),
        Version(
            "2.0.0-schema",
            "orders: prices move to a table of their own",
            {"kind": "errors"},
            compatible_down_to=None,
        ),
    )
}  # fmt: skip


def base_of(name: str) -> Version:
    """The version that a name means: itself, or built again (`1.2.0-errors.7` is 1.2.0-errors). Raises KeyError."""
    if name in VERSIONS:
        return VERSIONS[name]
    base, _, build = name.rpartition(".")
    if not build.isdecimal():
        raise KeyError(name)
    return VERSIONS[base]


def built_again(name: str, taken: frozenset[str]) -> str:
    """The next name for the same: a version that was bad is never deployed again, what is mended has a name of its own."""
    base = base_of(name).name
    number = 2
    while f"{base}.{number}" in taken:
        number += 1
    return f"{base}.{number}"
