from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from receiver.stores.key_patterns import KeyPattern, check_pattern, covers, literal_prefix


@pytest.mark.parametrize(
    ("pattern", "prefix"),
    [
        ("cache:*", "cache:"),
        ("rl:[0-9]*", "rl:"),
        ("a:?", "a:"),
        (r"odd\*key:*", "odd*key:"),
        (r"a\[b\]\\c", r"a[b]\c"),
        ("whole-key", "whole-key"),
        ("schlüssel:*", "schlüssel:"),
    ],
)
def test_the_literal_prefix_is_what_stands_before_the_first_wildcard(
    pattern: str, prefix: str
) -> None:
    assert literal_prefix(pattern) == prefix
    assert check_pattern(pattern) == pattern


@pytest.mark.parametrize(
    "pattern",
    ["", "*", "**", "?*", "??", "[a-z]*", "[^a]*", "*cache", "c*", r"\**", "?ache:*", "c[a]*"],
)
def test_what_could_take_every_key_is_refused(pattern: str) -> None:
    with pytest.raises(ValidationError, match="must begin with a literal prefix of 2 characters"):
        TypeAdapter(KeyPattern).validate_python(pattern)


@pytest.mark.parametrize("pattern", ["cache:[", "cache:[ab", "cache:\\", r"cache:[a\]", "cache:[]"])
def test_what_redis_would_read_in_its_own_way_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"has a \[ without \] or ends in a backslash"):
        check_pattern(pattern)


@pytest.mark.parametrize("pattern", ["cache:\n*", "cache:\0*", "cache:" + "x" * 600])
def test_what_nobody_can_read_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="must be printable and at most 512"):
        check_pattern(pattern)


@pytest.mark.parametrize(
    ("wide", "other", "so"),
    [
        ("app:*", "app:session:*", True),
        ("app:*", "app:?", True),
        ("app:*", "apps:*", False),
        ("app:?", "app:x", False),
        ("app:x*y*", "app:xy*", False),
        (r"app\*", "app*", False),
        (r"a\*b*", r"a\*bc*", True),
    ],
)
def test_a_plain_prefix_covers_what_begins_with_it(wide: str, other: str, so: bool) -> None:
    assert covers(wide, other) is so


@given(st.text(max_size=12))
def test_every_pattern_is_either_refused_or_begins_with_itself(pattern: str) -> None:
    try:
        check_pattern(pattern)
    except ValueError:
        return
    assert pattern.replace("\\", "").startswith(literal_prefix(pattern).replace("\\", ""))


@given(st.text(alphabet="ab*?[]\\^-", max_size=30))
def test_no_pattern_keeps_it_busy(pattern: str) -> None:
    with suppress(ValueError):
        check_pattern("ab" + pattern * 15)
