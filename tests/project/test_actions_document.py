from __future__ import annotations

import ast
from pathlib import Path

import pytest

from receiver.actions import ACTIONS
from tests.project.actions_document import DOCUMENT, PROOFS, behind, document, example

TESTS = Path(__file__).parents[1] / "receiver"
SHOWN = sorted(
    {shown for on in PROOFS.values() for shown in on.values() if not shown.startswith("- ")}
)


def test_the_page_is_what_the_code_says() -> None:
    assert DOCUMENT.read_text() == document(), "run: python -m tests.project.actions_document"


def test_every_action_is_shown_on_everything_that_it_works_on() -> None:
    wanted = {(name, thing) for name in ACTIONS for thing in behind(name, example(name))}
    assert {(name, thing) for name, on in PROOFS.items() for thing in on} == wanted


@pytest.mark.parametrize("proof", SHOWN)
def test_what_shows_it_is_a_test(proof: str) -> None:
    file, _, name = proof.partition("::")
    functions = ast.walk(ast.parse((TESTS / file).read_text()))
    assert name in {
        one.name for one in functions if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def test_every_action_says_what_it_touches_or_needs() -> None:
    for name in ACTIONS:
        assert f"## `{name}`" in document()
