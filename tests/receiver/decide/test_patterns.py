from __future__ import annotations

import time

import pytest

from receiver.decide.patterns import compile_pattern, full_match


@pytest.mark.parametrize(
    "text",
    [
        "(?=a)b",
        "(?!a)b",
        "(?<=a)b",
        "(?<!a)b",
        r"(a)\1",
        "(?P<x>a)(?P=x)",
        "(?>a)",
        "a++",
        "a*+",
        "a{2}+",
    ],
)
def test_what_re2_does_not_know_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="RE2"):
        compile_pattern(text)


@pytest.mark.parametrize(
    "text", ["[[:alpha:]]", r"\pL", r"\z", r"\Qa\E", "[", "(", "*a", "a{3,2}", "[a--b]"]
)
def test_what_python_does_not_know_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"POSIX|regular expression"):
        compile_pattern(text)


@pytest.mark.parametrize(
    "text", ["(a+)+", "(a*)*", "(?:a+|b)*", r"(\w+)+x", "((a+))+", "(a+){9}", "([a-z]+)*", "(.*)*"]
)
def test_a_repeat_of_a_repeat_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="repeat"):
        compile_pattern(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r"([a-z0-9-]+\.)*example", "a.b.example"),
        (r"web(-[a-z]+)*", "web-a-b"),
        ("(a|b)+", "abba"),
        ("(?:a+)?b", "aab"),
        ("(?i)api.*", "API-1"),
        (r"[\]+(?=]+", "+(?="),
        (r"a\++", "a++"),
        ("[+]+", "++"),
        ("5..", "503"),
        ("(?P<part>x)+", "xx"),
        (r"a\(b+", "a(bb"),
        ("", ""),
    ],
)
def test_what_both_know_matches(text: str, value: str) -> None:
    assert full_match(compile_pattern(text), value) is True


def test_the_longest_value_is_judged_quickly() -> None:
    started = time.perf_counter()
    assert full_match(compile_pattern(".*foo.*bar"), "foo" * 1365) is False
    assert time.perf_counter() - started < 2


def test_a_longer_value_is_not_asked() -> None:
    assert full_match(compile_pattern("a*"), "a" * 4097) is None
