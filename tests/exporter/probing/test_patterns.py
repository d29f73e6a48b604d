from __future__ import annotations

import pytest

from exporter.probing.patterns import Found, expanded, pattern


def found(expression: str, text: bytes) -> Found:
    match = pattern(expression).search(text)
    assert match is not None
    return match


@pytest.mark.parametrize(
    ("template", "said"),
    [("PONG ${1}", "PONG x"), ("$1!", "x!"), ("$name", "y"), ("${name}s", "ys"), ("$$5", "$5"),
     ("$9", ""), ("$nobody", ""), ("$name1", ""), ("a$", "a$"), ("${1", "${1"), ("plain", "plain")],
)  # fmt: skip
def test_groups_are_filled_in_as_go_does(template: str, said: str) -> None:
    assert expanded(template, found("(x)(?P<name>y)", b"xy")) == said


@pytest.mark.parametrize("expression", ["(?=a)", "(", "a**", r"\1", "a{1,9999}"])
def test_what_re2_does_not_read_is_refused(expression: str) -> None:
    with pytest.raises(ValueError, match="no regular expression of RE2"):
        pattern(expression)


@pytest.mark.parametrize("expression", ["(?i)HELLO", r"^[[:alpha:]]+\z", r"\pL", "(?s)h.*o"])
def test_what_only_re2_reads_is_read(expression: str) -> None:
    assert found(expression, b"hello").group(0)


def test_bytes_that_are_no_text_do_not_matter() -> None:
    assert pattern("ok").search(b"\xff\xfe ok \x00")
