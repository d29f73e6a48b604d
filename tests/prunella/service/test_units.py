from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prunella.service.units import (
    ListenAddress,
    format_duration,
    parse_duration,
    parse_listen,
    parse_size,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30s", 30),
        ("1h30m", 5400),
        ("250ms", 0.25),
        ("1d", 86_400),
        ("1w", 604_800),
        ("1y", 31_536_000),
        ("9.5s", 9.5),
        ("0", 0),
        (0, 0),
        ("0s", 0),
    ],
)
def test_a_duration_reads_as_prometheus_reads_it(text: object, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("number", [30, 9.5, "30", "9.5"])
def test_a_duration_without_a_unit_is_told_which_to_write(number: object) -> None:
    with pytest.raises(ValueError, match=f"say {number}s"):
        parse_duration(number)


@pytest.mark.parametrize(
    "wrong", ["", "s", "-5s", "5 s", "5x", "1m1h", "1s1s", "1.s", "٣s", True, None, [], "0.1ms"]
)
def test_what_is_no_duration_is_refused(wrong: object) -> None:
    with pytest.raises(ValueError, match="duration"):
        parse_duration(wrong)


def test_a_duration_finer_than_a_millisecond_is_refused() -> None:
    with pytest.raises(ValueError, match="finer than a millisecond"):
        parse_duration("0.0001s")


def test_a_duration_longer_than_prometheus_can_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="longer than 292y"):
        parse_duration("99999999999999y")


@given(st.integers(min_value=0, max_value=10**12))
def test_a_duration_written_out_reads_the_same_again(milliseconds: int) -> None:
    assert parse_duration(format_duration(milliseconds / 1000)) == milliseconds / 1000


@given(st.text(max_size=20))
def test_no_text_breaks_the_reader_of_durations(text: str) -> None:
    with suppress(ValueError):
        assert parse_duration(text) >= 0


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("64MiB", 64 * 2**20),
        ("10MB", 10_000_000),
        ("512B", 512),
        ("1.5GiB", 3 * 2**29),
        ("2kib", 2048),
        ("1TB", 10**12),
        ("4096", 4096),
        (4096, 4096),
    ],
)
def test_a_size_counts_in_the_unit_that_it_names(text: object, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("wrong", ["", "MiB", "-1B", "1.5B", "10 bananas", True, None, 1.5, {}])
def test_what_is_no_size_is_refused(wrong: object) -> None:
    with pytest.raises(ValueError, match=r"size|bytes"):
        parse_size(wrong)


@given(st.integers(min_value=0, max_value=2**40), st.sampled_from(["", "B", "kB", "KiB", "MB"]))
def test_a_whole_size_is_never_rounded(count: int, unit: str) -> None:
    assert parse_size(f"{count}{unit}") % max(count, 1) == 0


@given(st.text(max_size=20))
def test_no_text_breaks_the_reader_of_sizes(text: str) -> None:
    with suppress(ValueError):
        assert parse_size(text) >= 0


@pytest.mark.parametrize(
    ("text", "host", "port", "loopback"),
    [
        ("127.0.0.1:9651", "127.0.0.1", 9651, True),
        ("127.8.8.8:1", "127.8.8.8", 1, True),
        ("localhost:9651", "localhost", 9651, True),
        ("[::1]:9650", "::1", 9650, True),
        (":9650", "", 9650, False),
        ("0.0.0.0:9650", "0.0.0.0", 9650, False),
        ("[::]:9650", "::", 9650, False),
        ("box-1.example.com:80", "box-1.example.com", 80, False),
    ],
)
def test_an_address_knows_its_parts(text: str, host: str, port: int, loopback: bool) -> None:
    address = parse_listen(text)
    assert (address.host, address.port, address.loopback) == (host, port, loopback)
    assert str(address) == text


@pytest.mark.parametrize(
    "wrong", ["", "9650", "host", "::1:9650", "h:65536", "[g]:1", "[1:2]:3", 9650, None, "a b:1"]
)
def test_what_is_no_address_is_refused(wrong: object) -> None:
    with pytest.raises(ValueError, match=r"address|At least|digits"):
        parse_listen(wrong)


def test_an_address_given_as_a_value_is_taken_as_it_is() -> None:
    assert parse_listen(ListenAddress("127.0.0.1", 0)) == ListenAddress("127.0.0.1", 0)
