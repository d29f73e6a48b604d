"""Every invariant of the design is named by a test of the product: `test_i7_…`. The checker's own tests do not count."""

from __future__ import annotations

import re

from tests.project.sources import functions, modules

NAMED = re.compile(r"test_i(\d+)_")
EVERY = set(range(1, 19))


def named() -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    of_the_product = [one for one in modules("tests") if one.name != "tests.proof.test_invariants"]
    for function in functions(of_the_product):
        match = NAMED.match(function.node.name)
        if match is not None:
            found.setdefault(int(match[1]), []).append(str(function))
    return found


def test_every_invariant_is_named_by_a_test() -> None:
    assert named().keys() >= EVERY


def test_no_test_names_an_invariant_that_the_design_does_not_have() -> None:
    assert set(named()) <= EVERY
