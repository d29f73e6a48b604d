from __future__ import annotations

import json
import json.encoder
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from receiver.journal.spelling import compact, speller

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
