from __future__ import annotations

import json
import json.encoder
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from receiver.journal.spelling import (
    all_texts,
    canonical,
    canonicals,
    compact,
    speller,
    texts,
)

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)


@given(VALUES)
@settings(max_examples=40)
def test_a_value_is_spelled_as_json_spells_it(value: Any) -> None:
    assert compact(value) == json.dumps(value, separators=(",", ":"))


@given(st.dictionaries(st.text(), VALUES, max_size=4))
@settings(max_examples=40)
def test_sorted_keys_are_sorted_all_the_way_down(value: dict[str, Any]) -> None:
    expected = json.dumps(value, sort_keys=True, separators=(",", ":"))
    assert speller(sort_keys=True)(value) == expected


def test_tuples_are_lists_and_what_is_no_json_is_refused() -> None:
    assert compact({"targets": ("api", "db")}) == '{"targets":["api","db"]}'
    with pytest.raises(TypeError):
        compact({"label": object()})


ORDINARY = st.none() | st.booleans() | st.integers() | st.floats(1e-5, 1e17) | st.text()


@given(st.dictionaries(st.text(), ORDINARY | st.lists(ORDINARY), max_size=6))
@settings(max_examples=200)
def test_what_is_hashed_is_spelled_as_json_spells_it(data: dict[str, Any]) -> None:
    assert canonical(data) == json.dumps(data, sort_keys=True, separators=(",", ":"))


@given(st.dictionaries(st.text(), VALUES, max_size=4))
@settings(max_examples=40)
def test_so_is_whatever_else_might_come(data: dict[str, Any]) -> None:
    assert canonical(data) == json.dumps(data, sort_keys=True, separators=(",", ":"))


@given(st.dictionaries(st.text(), st.text(), max_size=6))
@settings(max_examples=100)
def test_labels_are_spelled_as_json_spells_them(labels: dict[str, str]) -> None:
    assert texts(labels) == json.dumps(labels, separators=(",", ":"))


@pytest.mark.parametrize(
    "odd",
    [
        *("é", "\x7f", "\ud800", "\x00", "</", '"', "\u2028", "𝄞"),
        *(1e16, 1e-5, -1.5, 0.0, -0.0, float("nan"), float("inf"), 2**70, -(2**63)),
        *(["é"], [1.5], ["a", ["b"]], {"b": 1, "a": 2}, ("a",)),
    ],
)
def test_what_msgspec_would_spell_otherwise_is_spelled_as_ever(odd: object) -> None:
    data = {"b": odd, "a": 1}
    assert canonical(data) == json.dumps(data, sort_keys=True, separators=(",", ":"))


def test_half_a_character_in_a_label_is_kept() -> None:
    assert texts({"a": "\ud800"}) == '{"a":"\\ud800"}'


def test_what_is_no_json_is_refused_in_an_audit_row_too() -> None:
    with pytest.raises(TypeError):
        canonical({"label": object()})


@given(st.lists(st.dictionaries(st.text(), ORDINARY | st.lists(ORDINARY), max_size=4), max_size=5))
@settings(max_examples=100)
def test_many_are_spelled_as_each_would_be(all_: list[dict[str, Any]]) -> None:
    assert canonicals(all_) == [canonical(data) for data in all_]


@given(st.lists(st.dictionaries(st.text(), st.text(), max_size=4), max_size=5))
@settings(max_examples=100)
def test_many_labels_are_spelled_as_each_would_be(all_: list[dict[str, str]]) -> None:
    assert all_texts(all_) == [texts(labels) for labels in all_]


@pytest.mark.parametrize(
    "odd", ["a\nb", "é", "\x7f", "\ud800", 1e16, float("nan"), ["a\n"], ("a",)]
)
def test_one_that_is_odd_changes_nothing_for_the_others(odd: object) -> None:
    all_: list[dict[str, object]] = [{"b": 1, "a": "x"}, {"a": odd}, {}]
    assert canonicals(all_) == [canonical(data) for data in all_]


def test_none_at_all_are_no_lines() -> None:
    assert (canonicals([]), all_texts([])) == ([], [])
