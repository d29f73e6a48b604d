from __future__ import annotations

import io
from contextlib import redirect_stdout

from receiver.cli.tables import coloured, table


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def on_a_terminal(word: str, **environ: str) -> str:
    with redirect_stdout(Terminal()):
        return coloured(word, environ)


def test_columns_are_as_wide_as_what_stands_in_them() -> None:
    assert table(("ID", "NAME"), [("1", "a"), ("100", "bb")]) == "ID   NAME\n1    a\n100  bb"


def test_colours_take_no_room() -> None:
    red = "\033[31mcritical\033[0m"
    assert table(("A", "B"), [(red, "x")]) == f"A         B\n{red}  x"


def test_colours_are_for_terminals() -> None:
    assert coloured("ESCALATED") == "ESCALATED"
    assert on_a_terminal("ESCALATED") == "\033[31mESCALATED\033[0m"
    assert on_a_terminal("OPEN") == "OPEN"


def test_who_wants_no_colours_has_none() -> None:
    assert on_a_terminal("ESCALATED", NO_COLOR="1") == "ESCALATED"
