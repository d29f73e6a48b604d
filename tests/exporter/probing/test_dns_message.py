from __future__ import annotations

import struct

import pytest

from exporter.probing.dns_message import TYPES, message, question
from tests.exporter.probing.name_server import HERE, answered, named, record

ASKED = question(7, "shop.example", TYPES["ANY"], 1, recurse=True)


def texts(*records: bytes) -> list[str]:
    return [one.text for one in message(answered(ASKED, (records, (), ()))).answer]


@pytest.mark.parametrize(
    ("kind", "data", "said"),
    [
        ("A", b"\x0a\0\0\x01", "A\t10.0.0.1"),
        ("AAAA", b"\x20\x01\x0d\xb8" + b"\0" * 11 + b"\x01", "AAAA\t2001:db8::1"),
        ("CNAME", named("www.shop.example"), "CNAME\twww.shop.example."),
        ("NS", b"\x02ns" + HERE, "NS\tns.shop.example."),
        ("MX", b"\0\x0a" + named("mail.example"), "MX\t10 mail.example."),
        ("SRV", struct.pack("!3H", 1, 2, 443) + named("a.b"), "SRV\t1 2 443 a.b."),
        ("TXT", b'\x03a"b\x01\xff', 'TXT\t"a\\"b" "\\255"'),
        ("CAA", b"\x80\x05issueca.example", 'CAA\t128 issue "ca.example"'),
        ("DS", b"\x01\x02\xff", "DS\t\\# 3 0102ff"),
    ],
)
def test_a_record_is_the_line_of_a_zone_file(kind: str, data: bytes, said: str) -> None:
    assert texts(record(TYPES[kind], data)) == [f"shop.example.\t300\tIN\t{said}"]


def test_what_has_no_name_here_has_its_number() -> None:
    assert texts(record(999, b"", of=9)) == ["shop.example.\t300\tCLASS9\tTYPE999\t\\# 0 "]


def test_a_zone_has_its_serial() -> None:
    soa = named("ns.example") + named("a.example") + struct.pack("!5I", 2026112201, 1, 2, 3, 4)
    read = message(answered(ASKED, ((), (record(TYPES["SOA"], soa),), ())))
    assert [one.serial for one in read.authority] == [2026112201]
    assert read.authority[0].text.endswith("SOA\tns.example. a.example. 2026112201 1 2 3 4")


def test_the_sections_are_told_apart() -> None:
    one = record(TYPES["A"], b"\x0a\0\0\x01")
    read = message(answered(ASKED, ((one,), (one, one), ()), rcode=3))
    assert (read.number, read.rcode) == (7, 3)
    assert [len(part) for part in (read.answer, read.authority, read.additional)] == [1, 2, 0]


def test_whatever_a_server_sends_it_is_read_or_refused() -> None:
    whole = answered(ASKED, ((record(TYPES["MX"], b"\0\x0a" + named("mail.example")),), (), ()))
    for end in range(len(whole)):
        with pytest.raises(ValueError, match=r"cut off|no answer"):
            message(whole[:end])
    round_and_round = whole.replace(HERE, b"\xc0" + bytes([len(ASKED)]))
    with pytest.raises(ValueError, match="points at itself"):
        message(round_and_round)
    with pytest.raises(ValueError, match="no answer"):
        message(ASKED)


@pytest.mark.parametrize("name", ["a..b", "a" * 64, ".".join(["a" * 60] * 5)])
def test_what_is_no_name_cannot_be_asked_for(name: str) -> None:
    with pytest.raises(ValueError, match="is no name"):
        question(1, name, 1, 1, recurse=False)


def test_a_question_as_it_goes_out() -> None:
    assert question(1, ".", 2, 1, recurse=False)[2:] == b"\0\0\0\x01\0\0\0\0\0\0\0\0\x02\0\x01"
    assert question(1, "bücher.example.", 1, 1, recurse=True)[12:].startswith(b"\x0dxn--bcher-kva")
