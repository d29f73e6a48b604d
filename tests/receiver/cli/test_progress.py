from __future__ import annotations

from io import StringIO

from receiver.cli.progress import Bar


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_sees_how_far_it_is() -> None:
    seen = Terminal()
    bar = Bar("reading", seen)
    for share in (0.0, 0.501, 0.502, 1.0):
        bar(share)
    assert seen.getvalue().split("\r")[1:] == [
        f"reading [{' ' * 30}]   0 %",
        f"reading [{'#' * 15}{' ' * 15}]  50 %",
        f"reading [{'#' * 30}] 100 %\n",
    ]


def test_a_log_sees_nothing() -> None:
    seen = StringIO()
    Bar("reading", seen)(0.5)
    assert seen.getvalue() == ""


def test_a_share_beyond_the_whole_is_the_whole() -> None:
    seen = Terminal()
    Bar("reading", seen)(1.7)
    assert "100 %" in seen.getvalue()
