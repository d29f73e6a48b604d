from __future__ import annotations

from receiver.cli.completion import FOLDER, SHELLS
from tests.project.commands_document import DOCUMENT, document, script

CURE = "run: python -m tests.project.commands_document"


def test_the_page_is_what_the_command_line_takes() -> None:
    assert DOCUMENT.read_text() == document(), CURE


def test_the_completions_are_those_of_the_command_line() -> None:
    for shell in SHELLS:
        assert (FOLDER / f"prunella.{shell}").read_text() == script(shell), CURE


def test_what_is_given_by_its_place_is_on_the_page_also_where_it_is_called_as_an_option_of_all() -> (
    None
):
    (section,) = [
        one for one in document().split("\n## ") if one.startswith("`prunella release started`")
    ]
    assert "| `version` |" in section
