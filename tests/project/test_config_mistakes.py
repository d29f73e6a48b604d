"""Whatever is wrong with a config is said at once: each rule has its bad file, and one mistake more in it hides nothing."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from exporter.settings import read as exporter_config
from prunella.service.document import read_document
from prunella.service.rules import Rule
from prunella.service.settings import ConfigError, Problem, load
from prunella.service.web_config import read_web_config
from receiver.rules.thresholds import read as thresholds
from receiver.settings import ReceiverSettings
from tests.project.sources import PACKAGES, ROOT, modules

READERS: dict[str, Callable[[Path], object]] = {
    "tests/exporter/testdata": lambda file: exporter_config(file, {}),
    "tests/receiver/testdata": lambda file: load(ReceiverSettings, file, {}),
    "tests/prunella/service/testdata": read_web_config,
    "tests/receiver/rules/testdata": lambda file: thresholds(file, {}),
}
INVALID = [file for folder in READERS for file in sorted((ROOT / folder).glob("invalid-*.yml"))]
# one that is of no kind, and one that waits for its variable
MORE = {"one_more": [[1]], "another": "${NOT_SET_ANYWHERE}"}
# of these nobody knows what keys they have
STRANGERS = re.compile(
    r"\b(manager|kind|system|strategy|action): |needs `(match|system)`|unknown key"
)
ONE_KEY_ONLY = re.compile(r"\.checks\[\d+\](\.\w+)?$")
KNOWN = re.compile(r"known: .*")


def said(file: Path, written: Path) -> list[Problem]:
    """Of the file, or of what was written in its place; without where that is, and what is known beside it."""
    try:
        READERS[str(file.parent.relative_to(ROOT))](written)
    except ConfigError as error:
        texts = (one.message.replace(str(written.parent), "") for one in error.problems)
        return [
            Problem(one.path, KNOWN.sub("known", text))
            for one, text in zip(error.problems, texts, strict=True)
        ]
    return []


def around(tree: Any, path: str) -> dict[str, Any]:
    """The block that stands at the path, or around it."""
    block: dict[str, Any] = tree
    for index, key in re.findall(r"\[(\d+)\]|([^.\[\]]+)", ONE_KEY_ONLY.sub("", path)):
        try:
            tree = tree[int(index) if index else key]
        except (LookupError, TypeError):
            break
        block = tree if isinstance(tree, dict) else block
    return block


def copied(file: Path, tree: object, folder: Path) -> Path:
    """The tree as a file beside what the bad files name."""
    for other in file.parent.iterdir():
        if not other.name.startswith("invalid-"):
            (folder / other.name).symlink_to(other)
    written = folder / file.name
    written.write_text(json.dumps(tree), encoding="utf-8")
    return written


@pytest.mark.parametrize("file", INVALID, ids=lambda file: file.stem)
def test_one_mistake_more_in_a_block_hides_none(file: Path, tmp_path: Path) -> None:
    before, (tree, _) = said(file, file), read_document(file, {})
    for problem in before:
        around(tree, problem.path).update(MORE)
    after = said(file, copied(file, tree, tmp_path))
    assert set(before) <= set(after)
    strange = all(STRANGERS.search(str(problem)) for problem in before)
    assert all(strange or any(key in one.path for one in after) for key in MORE)


def texts_of_rules() -> Iterator[str]:
    """Each message of a Rule as a pattern; not those that are made elsewhere."""
    for module in modules(*PACKAGES):
        for node in ast.walk(module.tree):
            if isinstance(node, ast.FunctionDef) and any(map(is_rule, node.decorator_list)):
                yields = (one.value for one in ast.walk(node) if isinstance(one, ast.Yield))
                yield from (pattern(text) for text in yields if not isinstance(text, ast.Name))


def is_rule(decorator: ast.expr) -> bool:
    return isinstance(decorator, ast.Name) and decorator.id == Rule.__name__


def pattern(text: ast.expr | None) -> str:
    parts = text.values if isinstance(text, ast.JoinedStr) else [text]
    return "".join(
        re.escape(str(part.value)) if isinstance(part, ast.Constant) else ".+" for part in parts
    )


def test_each_rule_about_several_keys_has_its_bad_file() -> None:
    messages = {problem.message for file in INVALID for problem in said(file, file)}
    untold = [
        text
        for text in texts_of_rules()
        if not any(re.fullmatch(text, message) for message in messages)
    ]
    assert untold == []


def test_no_rule_is_asked_of_finished_values_only() -> None:
    """A validator after the model is not run when any key of it is wrong."""
    assert [
        module.name
        for module in modules(*PACKAGES)
        if re.search(r"@model_validator\(mode=.after", module.text)
    ] == ["receiver.targets"]  # which is no rule: it puts together what goes together
