"""The measuring itself, on snippets whose figures are known."""

from __future__ import annotations

import ast
from textwrap import dedent

import pytest

from tests.project.sources import (
    ROOT,
    Function,
    Module,
    broad_excepts,
    functions,
    imports,
    silent,
    unexplained_suppressions,
)


def module(text: str, name: str = "snippet") -> Module:
    text = dedent(text)
    return Module(ROOT / f"{name}.py", name, text, ast.parse(text))


def function(text: str) -> Function:
    return functions([module(text)])[0]


def test_a_docstring_is_no_line_of_a_function() -> None:
    assert function('def f() -> None:\n    """One\n    two."""\n    return\n').lines == 2


@pytest.mark.parametrize(
    ("body", "depth"),
    [
        ("return", 0),
        ("if a:\n  for b in c:\n    pass", 2),
        ("if a:\n  pass\nelif b:\n  pass\nelse:\n  pass", 1),
        ("try:\n  pass\nexcept ValueError:\n  with a:\n    pass", 2),
        ("match a:\n  case 1:\n    if b:\n      pass", 2),
        ("if a:\n  def inner():\n    if b:\n      pass", 1),
    ],
)
def test_nesting_counts_blocks_within_blocks(body: str, depth: int) -> None:
    indented = body.replace("\n", "\n  ")
    assert function(f"def f():\n  {indented}\n").nesting == depth


def test_every_branch_is_a_turn() -> None:
    assert function("def f():\n  if a: pass\n  elif b: pass\n  for c in d: pass\n").complexity == 4


def test_self_is_no_parameter_and_a_missing_annotation_is_seen() -> None:
    method = function("class A:\n  def f(self, a: int, *, b) -> None: ...\n")
    assert [arg.arg for arg in method.params] == ["a", "b"]
    assert not method.annotated


def test_what_is_inside_something_private_is_not_public() -> None:
    found = functions([module("class _A:\n  def f(self): ...\ndef g():\n  def h(): ...\n")])
    assert [f.node.name for f in found if f.public] == ["g"]


@pytest.mark.parametrize(
    ("handler", "broad"),
    [("except:", True), ("except (OSError, Exception):", True), ("except ValueError:", False)],
)
def test_broad_is_bare_or_exception(handler: str, broad: bool) -> None:
    found = broad_excepts([module(f"try:\n  f()\n{handler}\n  pass\n")])
    assert bool(found) is broad
    assert all(silent(node) for _, node in found)


def test_a_late_import_is_an_import_and_the_package_on_the_way_is_not() -> None:
    late = module("def f():\n    from receiver.actions import base\n", "receiver.x")
    known = frozenset({"receiver.actions", "receiver.actions.base", "receiver.x"})
    assert imports(late, known) == {"receiver.actions.base"}


def test_a_name_from_a_package_is_an_import_of_the_package() -> None:
    taken = module("from receiver.actions import ACTIONS\n", "receiver.x")
    assert imports(taken, frozenset({"receiver.actions", "receiver.x"})) == {"receiver.actions"}


@pytest.mark.parametrize(
    ("comment", "explained"),
    [
        ("noqa: E741", False),
        ("noqa", False),
        ("noqa: E741 - the options of a collector", True),
        ("type: ignore[arg-type]", False),
        ("type: ignore[arg-type] # both take a request", True),
    ],
)
def test_a_silenced_check_needs_its_reason(comment: str, explained: bool) -> None:
    assert (unexplained_suppressions([module(f"a = 1  # {comment}\n")]) == []) is explained
