from __future__ import annotations

import pytest

from demo.shop.faults import Fault, Kind, parse


def test_a_kind_alone_is_enough() -> None:
    assert parse('{"kind": "errors"}') == Fault(Kind.ERRORS)


def test_numbers_replace_the_defaults() -> None:
    assert parse('{"kind": "latency", "seconds": 2}') == Fault(Kind.LATENCY, seconds=2)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("", "not JSON"),
        ("[]", "say"),
        ("{}", "one of none, errors, latency, leak, hang, crash, garbage, poison, "),
        ('{"kind": "fire"}', "one of"),
        ('{"kind": []}', "one of"),
        ('{"kind": "errors", "chance": 1}', "unknown key 'chance'"),
        ('{"kind": "errors", "share": 2}', "share must be a number above 0 and at most 1"),
        ('{"kind": "errors", "share": true}', "share must be"),
        ('{"kind": "leak", "megabytes": "all"}', "megabytes must be"),
        ('{"kind": "leak", "megabytes": NaN}', "megabytes must be"),
    ],
)
def test_a_switch_that_makes_no_sense_is_explained(body: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse(body)
