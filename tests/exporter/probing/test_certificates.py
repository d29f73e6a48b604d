from __future__ import annotations

import pytest

from exporter.probing.certificates import _escaped, _spelled


def test_a_name_is_spelled_as_go_spells_it() -> None:
    name = [
        [("countryName", "DE")],
        [("organizationName", "Shop, Inc.")],
        [("organizationalUnitName", "a")],
        [("organizationalUnitName", "b")],
        [("commonName", "shop")],
        [("emailAddress", "x@y")],
    ]
    assert _spelled(name) == r"CN=shop,OU=a+OU=b,O=Shop\, Inc.,C=DE,emailAddress=x@y"


@pytest.mark.parametrize(
    ("value", "said"),
    [("a", "a"), ("a+b", r"a\+b"), ("#a", r"\#a"), (" a", r"\ a"), ("a ", "a\\ "), ('"', r"\"")],
)
def test_what_a_value_may_hold(value: str, said: str) -> None:
    assert _escaped(value) == said
