"""Where a probe may go.

`/probe` takes its target from whoever can reach the exporter, and an endpoint may redirect a probe anywhere. So every
address is looked at after the name was resolved and before it is connected to, at each redirect again; what no rule
allows is refused. Link-local addresses, where clouds keep their credentials, need a rule of their own: not even
0.0.0.0/0 is one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_address, ip_network
from typing import Self

from exporter.probing.resolver import Address, literal

Network = IPv4Network | IPv6Network
_NAME = re.compile(r"(\*\.)?[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?")
_NAT64 = ip_network("64:ff9b::/96")
# Metadata of clouds that is not on a link-local address: of AWS in IPv6, of Alibaba.
_METADATA = (ip_network("fd00:ec2::/32"), ip_network("100.100.100.200/32"))


class Forbidden(Exception):
    """The target is not on the list; the text says what would put it there."""


@dataclass(frozen=True, slots=True)
class Gate:
    """`hosts` in lower case, `*.example.org` for all below it; `local`: loopback by its own name; `open`: any name."""

    hosts: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()
    local: bool = False
    open: bool = False

    @classmethod
    def of(cls, rules: Iterable[str], *, local: bool) -> Self:
        """Raises ValueError for a rule that is neither a name nor an address nor a network."""
        read = [rule_of(rule) for rule in rules]
        names = frozenset(rule for rule in read if isinstance(rule, str))
        networks = tuple(rule for rule in read if not isinstance(rule, str))
        return cls(names, networks, local)

    def admit(self, host: str) -> None:
        """Before anything is looked up. Raises Forbidden for what no address could make good."""
        if not (self.networks or self.names(host)):
            raise refusal(host)

    def check(self, host: str, address: Address) -> None:
        """Before it is connected to. Raises Forbidden."""
        real = _real(address)
        if any(real in network and _means(network, real) for network in self.networks):
            return
        if not self.names(host):
            wide = any(real in network for network in self.networks)
            raise _by_its_address(host, real) if wide else refusal(host)
        if _is_dangerous(real):
            raise _by_its_address(host, real)
        if _is_here(real) and not (self.local or _is_loopback(host)):
            raise Forbidden(f"{host[:200]} is at {real}, which is this machine itself")

    def names(self, host: str) -> bool:
        """Whether a rule is about this name, whatever its address."""
        name = _folded(host)
        if self.open or name in self.hosts or (self.local and _is_loopback(name)):
            return True
        above = name.partition(".")[2]
        while above:
            if f"*.{above}" in self.hosts:
                return True
            above = above.partition(".")[2]
        return False


def rule_of(rule: str) -> str | Network:
    """A name in lower case, or what an address or a network is. Raises ValueError."""
    try:
        return ip_network(rule)
    except ValueError:
        name = _folded(rule)
    if not _NAME.fullmatch(name) or re.fullmatch(r"[0-9.]+", name):
        raise ValueError(f"{rule!r} is not a host, *.domain, address or network such as 10.0.0.0/8")
    return name


def elsewhere(host: str) -> Gate:
    """For an endpoint of the config: wherever it is, and where it sends us, but not from outside into this machine."""
    known = literal(host)
    networks = (ip_network(known),) if known is not None else ()
    return Gate(frozenset({_folded(host)}), networks, local=_is_loopback(host), open=True)


def _means(network: Network, address: Address) -> bool:
    """Whether who wrote this network meant that address: one of all the world is not about a cloud's credentials."""
    if not (_is_dangerous(address) or _is_here(address)):
        return True
    alone = network.prefixlen == network.max_prefixlen
    within = (one for one in _METADATA if one.version == network.version)
    whole = network.is_link_local or network.is_multicast or network.is_loopback
    return alone or whole or any(_inside(network, one) for one in within)


def _inside(network: Network, other: Network) -> bool:
    return network.network_address in other and network.broadcast_address in other


def _folded(host: str) -> str:
    return host.lower().rstrip(".")


@lru_cache(4096)
def _is_loopback(host: str) -> bool:
    known = literal(host)
    return _is_here(_real(known)) if known is not None else _folded(host) == "localhost"


@lru_cache(4096)
def _is_here(address: Address) -> bool:
    return address.is_loopback


@lru_cache(4096)
def _is_dangerous(address: Address) -> bool:
    return (
        address.is_link_local
        or address.is_multicast
        or address.is_unspecified
        or (address.is_reserved and not address.is_loopback)
        or any(address in network for network in _METADATA)
    )


def _real(address: Address) -> Address:
    """The address that is reached: one of IPv4 can be written as one of IPv6."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in _NAT64:
        return ip_address(int(address) & 0xFFFFFFFF)
    return address


def refusal(host: str) -> Forbidden:
    """What is said of a target that is on no list."""
    return Forbidden(f"{host[:200]!r} is no host of `endpoints` and not in `probe: {{allow: […]}}`")


def _by_its_address(host: str, address: Address) -> Forbidden:
    return Forbidden(f"{host[:200]} is at {address}, which has to be allowed by its address")
