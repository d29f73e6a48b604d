"""The page that says what a deploy changed: only where it is known, and whatever CI calls its versions."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from receiver.decide.diff import Comparison, diff_link
from receiver.decide.release import Release, ReleaseState

FORGE = "https://forge.example/shop/compare/{from}...{to}"


def live(number: int, version: str, commit: str | None = None) -> Release:
    at = 1000.0 * number
    state = ReleaseState.WATCHING
    return Release("shop", version, state, at, "ci", commit=commit, finished_at=at, id=number)


def link(*ledger: Release, template: str | None = FORGE) -> str | None:
    return diff_link(template, ledger[-1], ledger).get("Diff")


def test_commits_are_compared_where_both_are_known_and_versions_elsewhere() -> None:
    assert link(live(1, "v1", "aaaaaaa"), live(2, "v2", "bbbbbbb")) == (
        "https://forge.example/shop/compare/aaaaaaa...bbbbbbb"
    )
    assert link(live(1, "v1"), live(2, "v2", "bbbbbbb")) == (
        "https://forge.example/shop/compare/v1...v2"
    )


def test_nothing_is_compared_with_nothing_nor_with_itself() -> None:
    assert link(live(1, "v1")) is None
    assert link(live(1, "v1"), live(2, "v1")) is None
    assert link(live(1, "v1"), live(2, "v2"), template=None) is None


def test_a_version_stays_a_part_of_the_path() -> None:
    assert link(live(1, "v1"), live(2, "2+x?a=b#c d@e:{from}")) == (
        "https://forge.example/shop/compare/v1...2%2Bx%3Fa%3Db%23c%20d%40e%3A%7Bfrom%7D"
    )


@pytest.mark.parametrize(
    "text",
    [
        "https://forge.example/shop",
        "https://forge.example/compare/{from}",
        "https://{from}.example/compare/{to}",
        "https://forge.example/{from}/{from}...{to}",
        "https://forge.example/{from}...{to}/{x}",
        "javascript:{from}{to}",
        "ftp://forge.example/{from}...{to}",
    ],
)
def test_what_is_no_such_address_is_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="must be an address"):
        TypeAdapter(Comparison).validate_python(text)
