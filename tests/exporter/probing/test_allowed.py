from __future__ import annotations

from ipaddress import ip_address

import pytest

from exporter.probing.allowed import Forbidden, Gate, elsewhere, rule_of

RULES = ("shop.example.org", "*.inner.example.org", "10.0.0.0/8", "2001:db8::/32", "192.0.2.7")


def passes(gate: Gate, host: str, address: str) -> bool:
    try:
        gate.admit(host)
        gate.check(host, ip_address(address))
    except Forbidden:
        return False
    return True


@pytest.mark.parametrize(
    ("host", "address", "allowed"),
    [
        ("shop.example.org", "192.0.2.1", True),
        ("SHOP.example.org.", "192.0.2.1", True),
        ("other.example.org", "192.0.2.1", False),
        ("xshop.example.org", "192.0.2.1", False),
        ("a.inner.example.org", "192.0.2.1", True),
        ("a.b.inner.example.org", "192.0.2.1", True),
        ("inner.example.org", "192.0.2.1", False),
        ("10.1.2.3", "10.1.2.3", True),
        ("anything.example", "10.1.2.3", True),  # by its address
        ("anything.example", "11.1.2.3", False),
        ("192.0.2.7", "192.0.2.7", True),
        ("192.0.2.8", "192.0.2.8", False),
        ("2001:db8::5", "2001:db8::5", True),
        ("::ffff:10.1.2.3", "::ffff:10.1.2.3", True),
        ("::ffff:11.1.2.3", "::ffff:11.1.2.3", False),
    ],
)
def test_what_is_on_the_list_and_nothing_else(host: str, address: str, allowed: bool) -> None:
    assert passes(Gate.of(RULES, local=False), host, address) is allowed


@pytest.mark.parametrize(
    "address",
    ["169.254.169.254", "fe80::1", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "0.0.0.0", "::",
     "224.0.0.1", "ff02::1", "240.0.0.1", "fd00:ec2::254", "100.100.100.200", "127.0.0.1", "::1",
     "127.8.8.8", "::ffff:127.0.0.1", "64:ff9b::7f00:1"],
)  # fmt: skip
def test_a_name_on_the_list_that_turns_out_to_be_elsewhere_is_refused(address: str) -> None:
    """What a name server says may change between two questions."""
    assert not passes(Gate.of(["shop.example.org"], local=False), "shop.example.org", address)


@pytest.mark.parametrize("rule", ["169.254.169.254", "169.254.0.0/16"])
def test_metadata_needs_a_rule_of_its_own(rule: str) -> None:
    assert passes(Gate.of([rule], local=False), "169.254.169.254", "169.254.169.254")
    assert not passes(Gate.of(["*.example.org"], local=True), "169.254.169.254", "169.254.169.254")


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("localhost", "127.0.0.1"),
        ("127.0.0.1", "127.0.0.1"),
        ("::1", "::1"),
        ("127.9.9.9", "127.9.9.9"),
    ],
)
def test_loopback_by_its_own_name_only_where_the_exporter_listens_there(
    host: str, address: str
) -> None:
    assert passes(Gate.of([], local=True), host, address)
    assert not passes(Gate.of([], local=False), host, address)


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f.1", "localtest.me", "localhost.evil"])  # fmt: skip
def test_loopback_in_disguise_is_no_loopback(host: str) -> None:
    assert not passes(Gate.of([], local=True), host, "127.0.0.1")


def test_nothing_is_looked_up_for_a_name_that_no_rule_could_allow() -> None:
    with pytest.raises(Forbidden, match="probe"):
        Gate.of(["shop"], local=True).admit("evil.example")
    Gate.of(["10.0.0.0/8"], local=True).admit("anything.example")


def test_an_endpoint_may_be_anywhere_and_redirect_to_the_world() -> None:
    assert passes(elsewhere("shop.example.org"), "shop.example.org", "192.0.2.1")
    assert passes(elsewhere("shop.example.org"), "login.example.com", "198.51.100.1")
    assert passes(elsewhere("127.0.0.1"), "127.0.0.1", "127.0.0.1")
    assert passes(elsewhere("169.254.1.1"), "169.254.1.1", "169.254.1.1")


@pytest.mark.parametrize("address", ["127.0.0.1", "169.254.169.254", "::1", "0.0.0.0"])
def test_an_endpoint_out_there_cannot_redirect_into_this_machine(address: str) -> None:
    assert not passes(elsewhere("192.0.2.1"), "evil.example", address)


@pytest.mark.parametrize(
    "rule", ["", "a b", "http://shop", "shop:80", "10.0.0.0/99", "10.0.0", "*", "-x", "sh*p"]
)
def test_a_rule_that_is_none_is_refused(rule: str) -> None:
    with pytest.raises(ValueError, match="not a host"):
        rule_of(rule)


@pytest.mark.parametrize(
    "address",
    ["169.254.169.254", "fe80::1", "fd00:ec2::254", "100.100.100.200", "127.0.0.1", "::1"],
)
@pytest.mark.parametrize("rules", [["0.0.0.0/0", "::/0"], ["100.64.0.0/10", "fd00::/8"]])
def test_a_wide_network_is_not_about_credentials_nor_about_this_machine(
    address: str, rules: list[str]
) -> None:
    with pytest.raises(Forbidden):
        Gate.of(rules, local=False).check(address, ip_address(address))


@pytest.mark.parametrize(
    ("rule", "address"),
    [
        ("169.254.169.254", "169.254.169.254"),
        ("169.254.0.0/16", "169.254.169.254"),
        ("fd00:ec2::/32", "fd00:ec2::254"),
        ("127.0.0.0/8", "127.0.0.1"),
        ("0.0.0.0/0", "192.0.2.1"),
    ],
)
def test_a_network_of_their_own_lets_a_probe_there(rule: str, address: str) -> None:
    Gate.of([rule], local=False).check(address, ip_address(address))
