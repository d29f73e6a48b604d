"""An operator's own words: what they can be made of, and that nothing of it can take long or grow large."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from receiver.channels.notice import Notice
from receiver.channels.templates import (
    SAMPLE,
    SOURCE_MOST,
    TEXT_MOST,
    TemplateFailed,
    Templates,
    render,
)

LARGE = replace(
    SAMPLE,
    title="x" * 1_000_000,
    text="{{ 'a' * 10 }} <!channel>" * 40_000,
    labels={f"label{n}": "y" * 1000 for n in range(5000)},
)


def words(source: str, notice: Notice = SAMPLE) -> str:
    return render(source, notice, "production", TEXT_MOST)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("{{ severity | upper }}: {{ title }}", "CRITICAL: [firing] the shop answers with errors"),
        ("{{ labels.service }} in {{ environment }}", "shop in production"),
        ("{{ labels['team'] | default('nobody') }}", "nobody"),
        ("{% if facts.Next %}next {{ facts.Next }}{% else %}-{% endif %}", "next restart on shop"),
        ("{% for name, value in facts.items() %}{{ name }};{% endfor %}", "Target;Since;Next;"),
        ("{{ labels.values() | join(', ') }}", "HighErrorRate, shop, critical"),
        ("{{ 'over' if ended else 'open' }} #{{ incident }}", "open #1"),
        ("{{ title | truncate(10) }}", "[firing] …"),
        ("{{ labels.get('team', '?') ~ text[:8] }}", "?Playbook"),
        ("{{ at }}", "2023-11-14 22:13:20 UTC"),
    ],
)
def test_a_template_says_what_it_is_made_of(source: str, said: str) -> None:
    assert words(source) == said


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("{{ 'a' * 10**9 }}", r"`\*` cannot be used"),
        ("{{ 9**9**9 }}", r"`\*\*` cannot be used"),
        ("{{ '%1000000000d' % 1 }}", "`%` cannot be used"),
        ("{% for a in range(99999) %}{% endfor %}", "a loop goes over"),
        (
            "{% for a in labels.items() %}{% for b in labels.items() %}{% endfor %}{% endfor %}",
            "no other inside",
        ),
        ("{% for a in title %}{% endfor %}", "a loop goes over"),
        ("{% for a in labels.items() recursive %}{% endfor %}", "a loop goes over"),
        ("{{ range(10) }}", "can be called"),
        ("{{ lipsum(n=1000) }}", "can be called"),
        ("{{ title.format(1) }}", "can be called"),
        ("{{ 'x' | center(1000000000) }}", "unknown filter 'center'"),
        ("{{ 'x' | replace('x', 'xx') }}", "unknown filter 'replace'"),
        ("{% set a = title ~ title %}{{ a }}", "`set` cannot be used"),
        ("{% macro m() %}{% endmacro %}", "`macro` cannot be used"),
        ("{% include 'x' %}", "`include` cannot be used"),
        ("{{ [1, 2] }}", "`list` cannot be used"),
        ("{{ 1 + 1 }}", "write `~`"),
        ("{{ title is odd }}", "unknown test 'odd'"),
        (
            "{{ title.__class__ }}",
            r"unsafe. What stands after a dot is a key of `facts`.*`labels\.service`",
        ),
        ("{{ labels.nothing }}", r"no attribute 'nothing'; .* write `\| default\('…'\)` after it"),
        (
            "{{ titel }}",
            r"'titel' is undefined \(did you mean title\?\); there are at, ended, .* title",
        ),
        ("{{ nix }}", "'nix' is undefined; there are at, ended, environment, "),
        ("{{ title", "is not a template"),
        ("{{ " + "(" * 900 + "1" + ")" * 900 + " }}", "nested too deeply|not a template"),
        ("{{ " + "not " * 900 + "title }}", "nested too deeply"),
        ("x" * (SOURCE_MOST + 1), "is longer than"),
        ("  {# nothing #} ", "makes no words"),
    ],
)
def test_what_could_take_long_or_is_wrong_is_refused_when_it_is_read(source: str, why: str) -> None:
    began = time.process_time()
    with pytest.raises(ValidationError, match=why):
        Templates.model_validate({"text": source})
    assert time.process_time() - began < 2


@pytest.mark.parametrize(
    "source",
    [
        "{{ text }}" * 400,
        "{% for name, value in labels.items() %}" + "{{ value }}{{ text }}" * 180 + "{% endfor %}",
        "{% for name, value in labels.items() %}"
        + "{% if value %}a{% endif %}" * 150
        + "{% endfor %}",
        "{{ " + " ~ ".join(["text"] * 400) + " }}",
        "{{ " + "not " * 20 + "title }}",
    ],
)
def test_the_worst_that_can_be_written_over_the_most_data_ends_soon(source: str) -> None:
    began = time.process_time()
    assert len(words(source, LARGE)) <= TEXT_MOST
    assert time.process_time() - began < 2


HOSTILE = "\U000e0001ß" * 2000
HAYSTACK = "a" * 4000
FULL = {f"{n:03}" * 1000: HOSTILE for n in range(100)}
HOSTILE_NOTICES = (
    replace(SAMPLE, title=HOSTILE, text=HOSTILE, labels=FULL, facts=FULL, links=FULL),
    replace(SAMPLE, title=HAYSTACK[:2000] + "b" + HAYSTACK[:1999], text=HAYSTACK),
    replace(SAMPLE, text=HAYSTACK, labels={str(n): HAYSTACK[:1999] + str(n) for n in range(100)}),
)
LOOPS = ("if {}", "if 'x' in {}|lower|title|upper|capitalize")
BODIES = (
    "labels~labels",
    "text|join",
    "labels.values()|join('',)",
    "labels==facts",
    "labels.items()==facts.items()",
    "labels.items()<=facts.items()",
    "v in text",
    "title in text",
    "v in labels.values()",
    "(labels,facts,links) in (facts,labels)",
    "text[::-1]",
    "(text~title)[::-1][::-1][::-1]",
    "(labels,(labels,(labels,labels)))|trim",
    "labels[text]is defined",
    "text[text]is defined",
    "text is eq(title)",
    "labels|truncate(1)",
    "labels.items",
    "x|d",
)


def filled(body: str, condition: str) -> str:
    """A loop whose condition repeats the body as often as a source has room for it."""
    head, tail = "{% for k,v in labels.items() %}{% ", " %}{% endif %}{% endfor %}x"
    room = SOURCE_MOST - len(head) - len(tail) - len(condition)
    repeated = "~".join([f"({body})"] * (room // (len(body) + 3)))
    return head + condition.format(f"({repeated})") + tail


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("condition", LOOPS)
def test_the_nastiest_that_is_never_shown_ends_soon(body: str, condition: str) -> None:
    source = filled(body, condition)
    assert len(source) <= SOURCE_MOST
    for notice in HOSTILE_NOTICES:
        began = time.process_time()
        with suppress(TemplateFailed):
            words(source, notice)
        assert time.process_time() - began < 2


def test_a_template_that_does_too_much_says_what_to_write_instead() -> None:
    with pytest.raises(TemplateFailed, match=r"more than 1,000,000 characters: take single keys"):
        words(filled("labels", "if {}|length"), HOSTILE_NOTICES[0])


def test_all_labels_of_an_alert_with_many_can_be_shown_and_asked_about() -> None:
    labels = {f"label{n}": "y" * 100 for n in range(60)}
    source = (
        "{% for name, value in labels.items() if 'z' not in value and name != 'a' %}-{% endfor %}"
    )
    assert words(source, replace(SAMPLE, labels=labels)) == "-" * 60
    assert "'label59'" in words("{{ labels }}", replace(SAMPLE, labels=labels))[:8000]


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("{{ 1 < 2 <= 2 }} {{ 1 < 2 < 2 }}", "True False"),
        ("{{ 'a' ~ 1 ~ 'b' }}{{ title[1:7] }}{{ title[0] }}", "a1bfiring["),
        ("{{ 'Next' in facts }} {{ 'x' not in facts }} {{ title is in(title) }}", "True True True"),
        ("{{ severity == 'critical' }} {{ severity is ne('critical') }}", "True False"),
    ],
)
def test_what_is_counted_means_what_it_meant(source: str, said: str) -> None:
    assert words(source) == said


def test_a_join_that_would_be_too_long_fails() -> None:
    with pytest.raises(TemplateFailed, match="more than a message holds"):
        words("{{ labels.values() | join(text) }}", LARGE)


def test_markup_of_a_label_is_text_and_no_template() -> None:
    nasty = replace(SAMPLE, title="{{ 7 ~ 7 }} <b> {% raw %}")
    assert words("{{ title }}", nasty) == "{{ 7 ~ 7 }} <b> {% raw %}"


def test_a_label_that_is_missing_fails_instead_of_being_left_out() -> None:
    with pytest.raises(
        TemplateFailed, match="has no attribute 'service'; for what not every message has"
    ):
        words("{{ labels.service }}", replace(SAMPLE, labels={}))


@given(st.text(max_size=200))
def test_whatever_is_written_there_are_words_or_a_refusal(source: str) -> None:
    with suppress(TemplateFailed):
        assert words(source)


@given(
    st.lists(
        st.sampled_from(
            [
                "{{",
                "}}",
                "{%",
                "%}",
                " for ",
                " in ",
                "labels",
                ".items()",
                "title",
                "|join",
                "(",
                ")",
                "~",
                "if ",
                "endif",
                "endfor",
                "'a'",
                "*",
                "9",
                "set a=",
                "range(9)",
            ]
        ),
        max_size=25,
    )
)
def test_pieces_of_the_language_in_any_order_end_soon(pieces: list[str]) -> None:
    began = time.process_time()
    with suppress(TemplateFailed):
        words("".join(pieces), LARGE)
    assert time.process_time() - began < 2
