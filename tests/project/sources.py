"""The house's source as syntax trees, and the figures of the style budget taken from them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("prunella", "exporter", "receiver", "demo")

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
NESTERS = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith, ast.Try, ast.TryStar, ast.Match)  # fmt: skip
BRANCHES = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.ExceptHandler, ast.match_case)
SUPPRESSION = re.compile(r"#\s*(?:noqa|type:\s*ignore)")
WITH_REASON = re.compile(
    r"#\s*(?:noqa:\s*[A-Z]+\d+(?:,\s*[A-Z]+\d+)*|type:\s*ignore\[[\w, -]+\])\s+(?:#\s*|-\s*)\S.{8,}"
)


@dataclass(frozen=True)
class Module:
    """One file: its dotted name, text and tree."""

    path: Path
    name: str
    text: str
    tree: ast.Module

    @property
    def lines(self) -> int:
        return len(self.text.splitlines())

    @property
    def code_lines(self) -> int:
        """Lines with code: not blank, not only a comment, not a docstring."""
        said = {
            number
            for doc in _docstrings(self.tree)
            for number in range(doc.lineno, (doc.end_lineno or 0) + 1)
        }
        return sum(
            1
            for number, line in enumerate(self.text.splitlines(), 1)
            if line.strip() and not line.strip().startswith("#") and number not in said
        )


@dataclass(frozen=True)
class Function:
    """One function or method, with where it stands."""

    module: Module
    node: FunctionNode
    public: bool

    def __str__(self) -> str:
        return f"{self.module.path.relative_to(ROOT)}:{self.node.lineno} {self.node.name}"

    @property
    def lines(self) -> int:
        """From `def` to its last line, without decorators and docstring."""
        docs = list(_own_docstring(self.node))
        doc = (docs[0].end_lineno or 0) - docs[0].lineno + 1 if docs else 0
        return (self.node.end_lineno or 0) - self.node.lineno + 1 - doc

    @property
    def nesting(self) -> int:
        return _depth(self.node.body)

    @property
    def complexity(self) -> int:
        return 1 + sum(isinstance(node, BRANCHES) for node in ast.walk(self.node))

    @property
    def params(self) -> list[ast.arg]:
        """Every parameter but self and cls."""
        args = self.node.args
        every = [*args.posonlyargs, *args.args, *args.kwonlyargs, args.vararg, args.kwarg]
        return [arg for arg in every if arg is not None and arg.arg not in {"self", "cls"}]

    @property
    def annotated(self) -> bool:
        returns = self.node.returns is not None or self.node.name == "__init__"
        return returns and all(arg.annotation is not None for arg in self.params)


@cache
def modules(*folders: str) -> tuple[Module, ...]:
    """Every file below these folders that holds anything."""
    return tuple(
        Module(path, _dotted(path), text, ast.parse(text))
        for folder in folders
        for path in sorted((ROOT / folder).rglob("*.py"))
        if (text := path.read_text()).strip()
    )


def functions(of: Iterable[Module]) -> list[Function]:
    return [function for module in of for function in _functions(module, module.tree, True)]


def imports(module: Module, known: frozenset[str]) -> set[str]:
    """Modules of ours that it imports anywhere, late imports too."""
    wanted: set[str] = set()
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            wanted |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            wanted |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    # `from a.b import c` names a.b for a.b.c
    packages = {name.rpartition(".")[0] for name in wanted & known}
    return {name for name in wanted & known if name not in packages or name in _asked(module, name)}


def _asked(module: Module, package: str) -> set[str]:
    """`package` itself if something is imported from it that is no module of its own."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ImportFrom) and node.module == package:
            folder = ROOT.joinpath(*package.split("."))
            for alias in node.names:
                if (
                    not (folder / f"{alias.name}.py").exists()
                    and not (folder / alias.name).is_dir()
                ):
                    return {package}
    return set()


def broad_excepts(of: Iterable[Module]) -> list[tuple[Module, ast.ExceptHandler]]:
    return [
        (module, node)
        for module in of
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ExceptHandler) and _broad(node.type) and not _passes_on(node)
    ]


def _passes_on(handler: ast.ExceptHandler) -> bool:
    """Cleans up and raises again: nothing is caught."""
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def silent(handler: ast.ExceptHandler) -> bool:
    return all(isinstance(node, ast.Pass | ast.Continue | ast.Break) for node in handler.body)


def unexplained_suppressions(of: Iterable[Module]) -> list[str]:
    return [
        f"{module.path.relative_to(ROOT)}:{number} {line.strip()}"
        for module in of
        for number, line in enumerate(module.text.splitlines(), 1)
        if SUPPRESSION.search(line) and not WITH_REASON.search(line)
    ]


def _dotted(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _functions(module: Module, node: ast.AST, public: bool) -> Iterator[Function]:
    for child in ast.iter_child_nodes(node):
        named = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        shown = public and not (named and getattr(child, "name", "").startswith("_"))
        if isinstance(child, FunctionNode):
            yield Function(module, child, shown)
            yield from _functions(module, child, False)
        else:
            yield from _functions(module, child, shown)


def _docstrings(tree: ast.Module) -> Iterator[ast.Expr]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | FunctionNode):
            yield from _own_docstring(node)


def _own_docstring(node: ast.Module | ast.ClassDef | FunctionNode) -> Iterator[ast.Expr]:
    if node.body and isinstance(node.body[0], ast.Expr) and ast.get_docstring(node) is not None:
        yield node.body[0]


def _depth(body: Iterable[ast.AST]) -> int:
    return max((_depth_of(node) for node in body), default=0)


def _depth_of(node: ast.AST) -> int:
    if isinstance(node, FunctionNode | ast.ClassDef | ast.Lambda):
        return 0
    inner = 0
    for field, value in ast.iter_fields(node):
        children = [v for v in (value if isinstance(value, list) else [value]) if isinstance(v, ast.AST)]  # fmt: skip
        depth = _depth(children)
        if field == "orelse" and isinstance(node, ast.If) and [*map(type, children)] == [ast.If]:
            depth -= 1  # elif stands beside its if
        inner = max(inner, depth)
    return inner + isinstance(node, NESTERS)


def _broad(kind: ast.expr | None) -> bool:
    names = kind.elts if isinstance(kind, ast.Tuple) else [kind]
    return any(
        name is None or (isinstance(name, ast.Name) and name.id in {"Exception", "BaseException"})
        for name in names
    )
