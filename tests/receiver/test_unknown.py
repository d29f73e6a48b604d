from __future__ import annotations

from receiver.unknown import did_you_mean, unknown


def test_what_is_spelled_alike_is_asked_for_and_all_are_named() -> None:
    said = unknown("target", "shpo", {"cache", "shop"})
    assert said == "there is no target 'shpo' (did you mean shop?); known: cache, shop"


def test_nothing_alike_is_guessed() -> None:
    assert unknown("channel", "pager", ["ops"]) == "there is no channel 'pager'; known: ops"
    assert unknown("target", "x", ()) == "there is no target 'x'; known: none"


def test_a_long_name_and_many_names_stay_a_sentence() -> None:
    assert len(unknown("target", "x" * 10_000, [f"t{n:03}" for n in range(1000)])) < 600


def test_case_is_no_other_name() -> None:
    assert did_you_mean("Shop", ["shop"]) == " (did you mean shop?)"
