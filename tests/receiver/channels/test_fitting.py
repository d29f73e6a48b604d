from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.channels.fitting import escaping, fit, fit_ends, one_line, plain, units, web_links

MARKUP = escaping({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
AS_IT_IS = escaping({})


def test_what_fits_is_as_it_was() -> None:
    assert fit("5 < 6 & more", 22, MARKUP) == "5 &lt; 6 &amp; more"


def test_what_is_cut_ends_between_two_escapes() -> None:
    assert fit("<<<<", 10, MARKUP) == "&lt;&lt;…"


def test_a_service_that_counts_what_is_read_gets_more() -> None:
    assert fit("<<<<", 4, MARKUP, parsed=True) == "&lt;" * 4
    assert fit("<<<<<", 4, MARKUP, parsed=True) == "&lt;" * 3 + "…"


@pytest.mark.parametrize("whole", ["e\u0301", "\U0001f469\u200d\U0001f52c", "\U0001f44d\U0001f3fd"])
def test_what_is_one_character_to_a_reader_is_cut_before_or_after(whole: str) -> None:
    for limit in range(2, units(whole) + 2):
        cut = fit(f"a{whole}bcdefgh", limit, AS_IT_IS)
        assert cut in {"a…", f"a{whole}…"}


def test_what_comes_after_the_cut_is_missed_also_behind_a_space() -> None:
    assert fit("abc def", 3, AS_IT_IS) == "ab…"


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("a\x00b\x1b[31m", "a\\u0000b\\u001b[31m"),
        ("pay\u202etxt.exe", "pay\\u202etxt.exe"),
        ("@\u200beveryone", "@\\u200beveryone"),
        ("\ufeffx\U000e0041", "\\ufeffx\\ue0041"),
        ("a\u2028b\rc", "a\\u2028b\\u000dc"),
    ],
)
def test_what_turns_hides_or_forges_is_named(hostile: str, shown: str) -> None:
    assert plain(hostile, 100) == shown


def test_scripts_and_emoji_keep_the_joiners_that_they_need() -> None:
    for text in ("\u0645\u06cc\u200c\u062e", "\U0001f469\u200d\U0001f52c"):
        assert plain(text, 100) == text


@given(st.text(alphabet=st.characters(), max_size=300), st.integers(min_value=1, max_value=120))
def test_whatever_the_text_the_limit_holds_and_no_escape_is_cut(text: str, limit: int) -> None:
    cut = fit(text, limit, MARKUP)
    assert units(cut) <= limit
    left = cut.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "")
    assert not {"&", "<", ">"} & set(left)


@given(st.text(alphabet=st.characters(), max_size=300), st.integers(min_value=1, max_value=120))
def test_whatever_the_text_what_is_read_is_within_the_limit(text: str, limit: int) -> None:
    cut = fit(text, limit, MARKUP, parsed=True)
    read = cut.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    assert units(read) <= limit


def test_a_megabyte_is_not_walked_through() -> None:
    assert fit("&" * (1 << 20), 100, MARKUP) == "&amp;" * 19 + "…"


def test_only_links_that_lead_to_the_web_are_shown() -> None:
    links = {
        "Run\nbook": "https://h/a?b=1",
        "": "http://h/",
        "script": "javascript:alert(1)",
        "turned": "http://h/\u202egnp.exe",
        "endless": "http://h/" + "x" * 2000,
    }
    assert list(web_links(links)) == [("Run book", "https://h/a?b=1"), ("link", "http://h/")]


def test_a_line_is_a_line() -> None:
    assert one_line(" a\n\tb ") == "a b"


TRIED = (
    "restart on shop: done → still broken (fail: 0.93 > 0.9)\nrollback on shop: done → recovered"
)


def test_what_is_cut_out_of_the_middle_ends_with_a_whole_line_if_it_can() -> None:
    assert fit_ends(TRIED, len(TRIED), AS_IT_IS) == TRIED
    assert fit_ends(TRIED, 70, AS_IT_IS) == (
        "restart on shop: done …\nrollback on shop: done → recovered"
    )
    assert fit_ends(TRIED, 40, AS_IT_IS) == "restart on s…k on shop: done → recovered"


def test_a_line_that_is_too_long_keeps_its_end() -> None:
    long = f"call on shop: failed ({'x' * 500}) → still broken"
    cut = fit_ends(long, 60, AS_IT_IS)
    assert (cut.startswith("call on shop"), cut.endswith("x) → still broken")) == (True, True)


def test_an_end_is_not_cut_between_what_is_one_character_to_a_reader() -> None:
    for whole in ("e\u0301", "\U0001f469\u200d\U0001f52c"):
        for limit in range(12, 24):
            end = fit_ends(f"{'a' * 30}{whole}{'b' * 10}", limit, AS_IT_IS).rpartition("…")[2]
            assert whole in end or set(end) <= {"b"}


@given(
    st.text(alphabet=st.characters(), max_size=300),
    st.integers(min_value=1, max_value=120),
    st.booleans(),
)
def test_both_ends_hold_the_limit_too_and_cut_no_escape(
    text: str, limit: int, parsed: bool
) -> None:
    cut = fit_ends(text, limit, MARKUP, parsed=parsed)
    read = cut.replace("&amp;", "+").replace("&lt;", "-").replace("&gt;", "*")
    assert units(read if parsed else cut) <= limit
    assert not set(read) & set("&<>")
