from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from receiver.decide.matchers import Matcher, Matchers, Op, matches_all, parse_matchers


class Holder(BaseModel):
    matchers: Matchers = ()


def one(text: str) -> Matcher:
    (matcher,) = parse_matchers(text)
    return matcher


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('alertname="A"', ("alertname", "=", "A")),
        ('alertname=~"A|B"', ("alertname", "=~", "A|B")),
        (' env != "prod" ', ("env", "!=", "prod")),
        ("env!~dev.*", ("env", "!~", "dev.*")),
        ("env=prod", ("env", "=", "prod")),
        ("env=two words ", ("env", "=", "two words")),
        ("env=", ("env", "=", "")),
        ('env=""', ("env", "=", "")),
        ('"my.label"="x"', ("my.label", "=", "x")),
        ('"ключ ✓"="да"', ("ключ ✓", "=", "да")),
        ("ключ=да", ("ключ", "=", "да")),
        (r'a="say \"hi\""', ("a", "=", 'say "hi"')),
        (r'a="back\\slash"', ("a", "=", "back\\slash")),
        (r'a="line\nfeed"', ("a", "=", "line\nfeed")),
        (r'code=~"\d+"', ("code", "=~", r"\d+")),
        ('{a="b"}', ("a", "=", "b")),
        ('{a="b",}', ("a", "=", "b")),
        ('a="b, c"', ("a", "=", "b, c")),
        ("url=http://x/y?z", ("url", "=", "http://x/y?z")),
    ],
)
def test_alertmanagers_own_spellings_are_read(text: str, expected: tuple[str, str, str]) -> None:
    matcher = one(text)
    assert (matcher.name, matcher.op.value, matcher.value) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        "{}",
        "alertname",
        '="x"',
        '""="x"',
        'a="b',
        'a="b"c',
        'a=="b"',
        "a==b",
        "a='b'",
        '{a="b"',
        'a="b" c="d"',
        'a="b",,c="d"',
        'a>"b"',
        "a=~[",
        "a=b}",
    ],
)
def test_what_is_not_a_matcher_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_matchers(text)


def test_one_string_may_hold_several() -> None:
    assert parse_matchers('{a="1", b!="2",c=~"3|4"}') == (
        Matcher("a", Op.EQUAL, "1"),
        Matcher("b", Op.NOT_EQUAL, "2"),
        Matcher("c", Op.MATCHES, "3|4"),
    )


@pytest.mark.parametrize(
    ("text", "labels", "holds"),
    [
        ('a="x"', {"a": "x"}, True),
        ('a="x"', {"a": "xx"}, False),
        ('a="x"', {}, False),
        ('a=""', {}, True),
        ('a=""', {"a": ""}, True),
        ('a!=""', {}, False),
        ('a!="x"', {}, True),
        ('a=~"x"', {"a": "xx"}, False),
        ('a=~"x|y"', {"a": "y"}, True),
        ('a=~"x|y"', {"a": "ya"}, False),
        ('a=~".*"', {}, True),
        ('a=~".+"', {}, False),
        ('a!~"x.*"', {"a": "xx"}, False),
        ('a!~"x.*"', {}, True),
        ('a=~"x$"', {"a": "x\n"}, False),
        ('a=~"x.y"', {"a": "x\ny"}, False),
        (r'a=~"\d"', {"a": "٣"}, False),
    ],
)
def test_matching_follows_alertmanager(text: str, labels: dict[str, str], holds: bool) -> None:
    assert one(text).matches(labels) is holds


@pytest.mark.parametrize("op", ["=~", "!~"])
def test_of_a_value_too_long_to_be_asked_no_expression_holds(op: str) -> None:
    assert not one(f'a{op}"x*"').matches({"a": "x" * 4097})


def test_all_must_hold_and_none_holds_for_everything() -> None:
    both = parse_matchers('a="1",b="2"')
    assert matches_all(both, {"a": "1", "b": "2"})
    assert not matches_all(both, {"a": "1"})
    assert matches_all((), {})


def test_a_model_reads_strings_and_writes_them_back() -> None:
    holder = Holder.model_validate({"matchers": ['a=~"x|y"', '{b="1",c!="2"}']})
    dumped = holder.model_dump(mode="json")
    assert dumped == {"matchers": ['a=~"x|y"', 'b="1"', 'c!="2"']}
    assert Holder.model_validate(dumped) == holder


def test_a_bad_matcher_is_named_in_the_error() -> None:
    with pytest.raises(ValidationError, match="alertname: not a matcher"):
        Holder.model_validate({"matchers": ["alertname"]})


def test_all_bad_matchers_are_named_at_once() -> None:
    with pytest.raises(ValidationError, match=r"nonsense: not a matcher.*; an empty matcher"):
        Holder.model_validate({"matchers": ["nonsense", 'a="b"', ""]})


@pytest.mark.parametrize("value", [3, {"a": "b"}, [3]])
def test_other_types_are_refused(value: object) -> None:
    with pytest.raises(ValidationError):
        Holder.model_validate({"matchers": value})


def test_who_writes_it_as_alertmanagers_api_does_is_told_how() -> None:
    with pytest.raises(ValidationError, match="write each as text, as in 'service=\"api\"'"):
        Holder.model_validate({"matchers": [{"name": "a", "value": "b"}]})


def test_a_matcher_is_a_value() -> None:
    assert len({one('a=~"x"'), one("a=~x")}) == 1
    assert "re.compile" not in repr(one('a=~"x"'))


@given(
    st.text(min_size=1),
    st.sampled_from([Op.EQUAL, Op.NOT_EQUAL]),
    st.text(),
)
def test_every_matcher_survives_its_own_text(name: str, op: Op, value: str) -> None:
    matcher = Matcher(name, op, value)
    assert one(str(matcher)) == matcher


@given(st.dictionaries(st.text(), st.text()), st.text(min_size=1), st.text())
def test_equal_and_not_equal_are_opposites(labels: dict[str, str], name: str, value: str) -> None:
    assert Matcher(name, Op.EQUAL, value).matches(labels) is not Matcher(
        name, Op.NOT_EQUAL, value
    ).matches(labels)
