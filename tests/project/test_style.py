"""The style budget: what separates readable trees from others is the tail, so the tail is what is limited."""

from __future__ import annotations

import ast
import graphlib
import re
from functools import cache
from pathlib import Path
from statistics import quantiles

from tests.project.sources import (
    PACKAGES,
    ROOT,
    Function,
    Module,
    broad_excepts,
    functions,
    imports,
    modules,
    silent,
    unexplained_suppressions,
)

MOCKISH = re.compile(r"\b(Mock|MagicMock|AsyncMock|patch|create_autospec|mocker|monkeypatch)\b")
UNFINISHED = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X|HA" + r"CK)\b")


def ours() -> tuple[Module, ...]:
    return modules(*PACKAGES)


def the_tests() -> tuple[Module, ...]:
    return modules("tests")


@cache
def all_functions() -> list[Function]:
    return functions(ours())


def offenders(limit: int, figures: dict[str, int]) -> dict[str, int]:
    return {what: figure for what, figure in figures.items() if figure > limit}


def test_a_module_fits_on_a_few_screens() -> None:
    assert offenders(300, {str(m.path.relative_to(ROOT)): m.lines for m in ours()}) == {}


def test_a_function_fits_on_one_screen() -> None:
    lengths = {str(function): function.lines for function in all_functions()}
    assert offenders(50, lengths) == {}
    assert len(offenders(40, lengths)) <= len(all_functions()) / 100


def test_nothing_is_nested_deeply() -> None:
    assert offenders(4, {str(function): function.nesting for function in all_functions()}) == {}


def test_no_function_takes_many_turns() -> None:
    assert offenders(8, {str(function): function.complexity for function in all_functions()}) == {}


def test_hardly_a_function_takes_more_than_five_values() -> None:
    many = offenders(5, {str(function): len(function.params) for function in all_functions()})
    assert len(many) <= len(all_functions()) / 100, many


def test_every_public_function_says_what_it_takes_and_gives() -> None:
    assert [str(f) for f in all_functions() if f.public and not f.annotated] == []


def test_every_module_says_why_it_is_there() -> None:
    silent_ones = [m for m in ours() if ast.get_docstring(m.tree) is None]
    assert [str(m.path.relative_to(ROOT)) for m in silent_ones] == []


def test_no_module_imports_itself_through_others_not_even_late() -> None:
    known = frozenset(module.name for module in ours())
    graph = {module.name: imports(module, known) - {module.name} for module in ours()}
    # raises CycleError, which names the modules
    tuple(graphlib.TopologicalSorter(graph).static_order())


def test_everything_is_caught_in_supervising_loops_only_and_never_in_silence() -> None:
    # requests both ways, tasks, collectors, incidents, letters, a writer an engine
    found = broad_excepts(ours())
    assert len(found) <= 8, [f"{module.path.name}:{node.lineno}" for module, node in found]
    assert not any(silent(node) for _, node in found)


def test_our_services_count_with_the_kits_own_metrics() -> None:
    official = [
        m.name for m in ours() if re.search(r"^from prometheus_client import", m.text, re.MULTILINE)
    ]
    assert [name for name in official if not name.startswith("prunella.")] == []


def test_nothing_is_left_for_later() -> None:
    assert [m.name for m in (*ours(), *the_tests()) if UNFINISHED.search(m.text)] == []


def test_only_a_command_line_prints() -> None:
    printing = {
        str(module.path.relative_to(ROOT))
        for module in ours()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "print"
    }
    assert {path for path in printing if "cli" not in Path(path).parts} == set()


def test_no_function_changes_a_global() -> None:
    changing = [m.name for m in ours() for node in ast.walk(m.tree) if isinstance(node, ast.Global)]
    assert changing == []


def test_whoever_silences_a_check_says_why_beside_it() -> None:
    assert unexplained_suppressions((*ours(), *the_tests(), *modules("benchmarks"))) == []


def test_there_is_more_test_than_code() -> None:
    assert _code(the_tests()) >= 1.2 * _code(ours())


def _code(of: tuple[Module, ...]) -> int:
    return sum(module.code_lines for module in of)


def _tests() -> list[Function]:
    return [
        function for function in functions(the_tests()) if function.node.name.startswith("test_")
    ]


def test_a_test_is_short() -> None:
    assert quantiles([test.lines for test in _tests()], n=10)[-1] <= 30


def test_stand_ins_are_written_by_hand() -> None:
    words = sum(
        len(MOCKISH.findall(m.text)) for m in the_tests() if m.path != Path(__file__).absolute()
    )
    assert words <= 0.15 * len(_tests())
