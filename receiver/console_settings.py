"""What the console may be told: under which names it is reached, how long a session lasts, which proxy is believed."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer

from prunella.service.rules import Rule, is_given
from prunella.service.settings import Duration, Settings
from prunella.service.units import at_least

FORGEABLE = frozenset({"authorization", "cookie", "host", "origin", "x-forwarded-for"})


def _network(value: object) -> IPv4Network | IPv6Network:
    if isinstance(value, IPv4Network | IPv6Network):
        return value
    try:
        network = ip_network(str(value))
    except ValueError as wrong:
        raise ValueError("must be an address or a network such as 10.0.0.0/8") from wrong
    if network.prefixlen == 0:
        raise ValueError("would believe everybody: name the proxy's own address")
    return network


def _header(value: str) -> str:
    if value.lower() in FORGEABLE:
        raise ValueError(f"{value} has a meaning of its own: choose another header")
    return value


Network = Annotated[
    IPv4Network | IPv6Network, BeforeValidator(_network), PlainSerializer(str, return_type=str)
]
HostName = Annotated[str, Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9.-]{0,252})$")]


class ConsoleSettings(Settings):
    """Nobody's header is believed unless `trusted_proxy` says whose; `scope` is what whoever it names may do."""

    hosts: tuple[HostName, ...] = ()
    session: Annotated[Duration, at_least("5m")] = 7 * 86400.0
    idle: Annotated[Duration, at_least("1m")] = 12 * 3600.0
    trusted_proxy: tuple[Network, ...] = ()
    header: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,64}$"), AfterValidator(_header)] = (
        "X-Forwarded-User"
    )
    scope: Literal["read", "operate"] = "read"

    @Rule
    def _whose(self) -> Iterator[str]:
        if not is_given(self, "trusted_proxy") and self.model_fields_set & {"header", "scope"}:
            yield "`header` and `scope` need `trusted_proxy`: the networks it comes from"

    def trusts(self, address: str | None) -> bool:
        """Whether a connection from there is the proxy's."""
        try:
            peer = ip_address(address or "")
        except ValueError:
            return False
        return any(peer in network for network in self.trusted_proxy)
