from __future__ import annotations

import json
import uuid
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prunella.fingerprints import LENGTH, normalised, of_error, of_message, said


def raised_by(function: Callable[[], object]) -> BaseException:
    try:
        function()
    except BaseException as error:  # noqa: BLE001 - it is what the test is about
        return error
    raise AssertionError("it did not raise")


def from_source(source: str, file: str = "/srv/shop/orders.py") -> BaseException:
    """The error of `load()` in a module of this text."""
    names: dict[str, object] = {}
    exec(compile(source, file, "exec"), names)  # noqa: S102 - the same code on other lines is the point
    load = names["load"]
    assert callable(load)
    return raised_by(load)


LOAD = "def fetch(): raise KeyError({key!r})\ndef load():\n{blank}    fetch()\n"


@given(st.integers(0, 50), st.integers(0, 50), st.text(max_size=10))
def test_the_lines_on_which_the_code_stands_do_not_matter(
    above: int, within: int, key: str
) -> None:
    moved = "\n" * above + LOAD.format(key=key, blank="\n" * within)
    assert of_error(from_source(moved)) == of_error(from_source(LOAD.format(key="a", blank="")))


def test_the_folder_of_a_release_does_not_matter() -> None:
    source = LOAD.format(key="a", blank="")
    before = from_source(source, "/srv/api/releases/1.0/orders.py")
    assert of_error(before) == of_error(from_source(source, "/srv/api/releases/1.1/orders.py"))


def test_another_way_to_the_same_line_is_another_error() -> None:
    def deep() -> None:
        raise ValueError

    def one() -> None:
        deep()

    def other() -> None:
        deep()

    assert of_error(raised_by(one)) != of_error(raised_by(other))


@pytest.mark.parametrize("depth", [3, 50, 900])
def test_how_deep_a_recursion_went_does_not_matter(depth: int) -> None:
    def down(left: int) -> None:
        if left == 0:
            raise ValueError
        down(left - 1)

    assert of_error(raised_by(lambda: down(depth))) == of_error(raised_by(lambda: down(2)))


def test_code_of_libraries_on_the_way_does_not_hide_who_called_it() -> None:
    def cart() -> None:
        json.loads("{")

    def order() -> None:
        json.loads("{")

    assert of_error(raised_by(cart)) != of_error(raised_by(order))


def test_what_an_error_was_made_from_makes_another() -> None:
    def wrapped(cause: Exception) -> None:
        raise RuntimeError from cause

    of_key = raised_by(lambda: wrapped(KeyError()))
    assert of_error(of_key) != of_error(raised_by(lambda: wrapped(OSError())))


@given(st.lists(st.sampled_from([ValueError, KeyError]), min_size=1, max_size=8))
def test_a_group_is_the_same_however_often_each_kind_is_in_it(
    kinds: list[type[Exception]],
) -> None:
    def group(*inside: Exception) -> str:
        def fail() -> None:
            raise ExceptionGroup("some", inside)

        return of_error(raised_by(fail))

    once = group(*(kind() for kind in set(kinds)))
    assert group(*(kind(i) for i, kind in enumerate(kinds))) == once


def test_errors_that_were_caused_by_each_other_come_to_an_end() -> None:
    first, second = ValueError(), KeyError()
    first.__cause__, second.__cause__ = second, first
    assert of_error(first) != of_error(second)


@given(st.integers(), st.uuids(), st.integers(0, 2**64), st.ip_addresses())
def test_ids_numbers_and_addresses_in_a_message_do_not_matter(
    number: int, unique: uuid.UUID, address: int, peer: object
) -> None:
    def message(*values: object) -> str:
        return of_message("order {} of {} at {} from {}, took {} ms".format(*values))

    other = message(7, uuid.UUID(int=0), "0xff", "10.0.0.1", -3)
    assert message(number, unique, hex(address), peer, 1.5) == other


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("user 7 not found", "user 81 not found"),
        ("no key 'a'", "no key 'b c'"),
        ("<Cart object at 0x7f88>", "<Cart object at 0x10>"),
        ("2026-11-21T10:00:00Z late", "2025-01-02T03:04:05Z late"),
        ("10.0.0.1:5432 refused", "10.20.30.40:1 refused"),
        ("ann@example.com bounced", "bob@example.org bounced"),
        ("chunk 3f2a9c1b77 lost", "chunk 0000ffff1 lost"),
        ("a  b\n", "a b"),
    ],
)
def test_messages_that_differ_in_such_only_are_one(one: str, other: str) -> None:
    assert normalised(one) == normalised(other)


def test_messages_that_say_something_else_are_two() -> None:
    assert of_message("cart lost") != of_message("cart found")


@given(st.text())
def test_any_text_has_a_fingerprint_that_is_a_harmless_label(text: str) -> None:
    mark = of_message(text)
    assert len(mark) == LENGTH
    assert int(mark, 16) >= 0


@given(st.text())
def test_text_once_normalised_stays_short(text: str) -> None:
    assert len(normalised(text * 50)) <= 300


def test_an_error_that_cannot_be_shown_has_a_fingerprint() -> None:
    class Odd(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    assert said(Odd()) == "<exception str() failed>"
    assert len(of_error(Odd())) == LENGTH


def test_an_error_that_was_never_raised_is_told_by_what_it_says() -> None:
    assert of_error(ValueError("a")) != of_error(ValueError("b"))
    assert of_error(ValueError("order 1")) == of_error(ValueError("order 2"))
