from __future__ import annotations

import pytest

from receiver.quoting import last_words


@pytest.mark.parametrize("output", ["", "\n \n", "\x1b[0m\n"])
def test_who_said_nothing_is_not_quoted(output: str) -> None:
    assert last_words(output) == ""


def test_the_last_line_that_says_something_is_quoted_without_its_colours() -> None:
    assert last_words("one\n\x1b[31mtwo\x1b[0m \n\n") == ": two"


def test_a_quote_is_short_and_holds_no_secret() -> None:
    said = last_words("password=c4nary redis://u:c4nary@h/\x07 " + "x" * 1000)
    assert "c4nary" not in said
    assert "\x07" not in said
    assert len(said) < 210
