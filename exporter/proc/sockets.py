"""What the network stack counts, under node_exporter's names: errors and retransmissions, sockets, packets that were dropped.

Those fields that node_exporter shows by itself. A kernel without IPv6 or connection tracking has no such files, which is no
mistake.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from prometheus_client.metrics_core import Metric

from exporter.families import Alone, counter
from exporter.proc.files import content, numbers, of_the_machine
from exporter.proc.kernel import untyped

NETSTAT: Mapping[str, tuple[str, ...]] = {
    "Icmp": ("InErrors", "InMsgs", "OutMsgs"),
    "Ip": ("Forwarding",),
    "IpExt": ("InOctets", "OutOctets"),
    "Tcp": (
        "ActiveOpens", "CurrEstab", "InErrs", "InSegs", "OutRsts", "OutSegs", "PassiveOpens",
        "RetransSegs",
    ),
    "TcpExt": (
        "ListenDrops", "ListenOverflows", "SyncookiesFailed", "SyncookiesRecv", "SyncookiesSent",
        "TCPSynRetrans", "TCPTimeouts",
    ),
    "Udp": (
        "InDatagrams", "InErrors", "NoPorts", "OutDatagrams", "RcvbufErrors", "SndbufErrors",
    ),
    "UdpLite": ("InErrors",),
}  # fmt: skip
NETSTAT_6: Mapping[str, str] = {
    f"{protocol}6{field}": f"{protocol}6_{field}"
    for protocol, fields in (
        ("Icmp", ("InErrors", "InMsgs", "OutMsgs")),
        ("Ip", ("InOctets", "OutOctets")),
        ("Udp", NETSTAT["Udp"]),
        ("UdpLite", ("InErrors",)),
    )
    for field in fields
}


def _named(name: str) -> tuple[str, str]:
    return f"node_netstat_{name}", f"Statistic {name.replace('_', '')}."


# Made once: what the line begins with, and for each of its fields the metric's name and help.
_STATISTICS = {
    f"{protocol}:": {field: _named(f"{protocol}_{field}") for field in fields}
    for protocol, fields in NETSTAT.items()
}
_STATISTICS_6 = {field: _named(name) for field, name in NETSTAT_6.items()}
SOCKSTAT: Mapping[str, tuple[str, ...]] = {
    "TCP": ("inuse", "orphan", "tw", "alloc", "mem"),
    "UDP": ("inuse", "mem"),
    "UDPLITE": ("inuse",),
    "RAW": ("inuse",),
    "FRAG": ("inuse", "memory"),
    "TCP6": ("inuse",),
    "UDP6": ("inuse",),
    "UDPLITE6": ("inuse",),
    "RAW6": ("inuse",),
    "FRAG6": ("inuse", "memory"),
}
_PAGE = 4096
_SOFTNET = (
    (0, "processed", "Number of processed packets"),
    (1, "dropped", "Number of dropped packets"),
    (2, "times_squeezed", "Number of times processing packets ran out of quota"),
)
_CONNTRACK = (
    ("count", "entries", "Number of currently allocated flow entries for connection tracking."),
    ("max", "entries_limit", "Maximum size of connection tracking table."),
)


def statistics(procfs: Path) -> Iterator[Metric]:
    for file in ("net/snmp", "net/netstat"):
        lines = of_the_machine(procfs, file).splitlines()
        for head, values in zip(lines[::2], lines[1::2], strict=False):
            protocol, *fields = head.split(" ")
            wanted = _STATISTICS.get(protocol)
            if wanted:
                known = dict(zip(fields, values.split(" ")[1:], strict=True))
                yield from _statistics(wanted, known)
    for field, number in numbers(_optional(procfs, "net/snmp6"), _STATISTICS_6):
        yield untyped(*_STATISTICS_6[field], number)


def _statistics(
    wanted: Mapping[str, tuple[str, str]], known: Mapping[str, str]
) -> Iterator[Metric]:
    for field, (name, text) in wanted.items():
        if field in known:
            yield untyped(name, text, float(known[field]))


def sockets(procfs: Path) -> Iterator[Metric]:
    lines = of_the_machine(procfs, "net/sockstat") + _optional(procfs, "net/sockstat6")
    for line in lines.splitlines():
        protocol, _, rest = line.partition(":")
        words = rest.split()
        found = dict(zip(words[::2], words[1::2], strict=True))
        if protocol == "sockets":
            text = "Number of IPv4 sockets in use."
            yield Alone("node_sockstat_sockets_used", text, "gauge", float(found["used"]))
        for field in SOCKSTAT.get(protocol, ()):
            if field in found:
                yield _sockets(f"{protocol}_{field}", protocol, field, float(found[field]))
        if "mem" in found:
            yield _sockets(f"{protocol}_mem_bytes", protocol, "mem_bytes", float(found["mem"]) * _PAGE)  # fmt: skip


def _sockets(name: str, protocol: str, state: str, value: float) -> Metric:
    text = f"Number of {protocol} sockets in state {state}."
    return Alone(f"node_sockstat_{name}", text, "gauge", value)


def packets(procfs: Path) -> Iterator[Metric]:
    """Of every CPU; without the column that numbers them their place in the list does."""
    table = [line.split() for line in content(f"{procfs}/net/softnet_stat").splitlines()]
    cpus = [str(int(row[12], 16)) if len(row) > 12 else str(at) for at, row in enumerate(table)]
    for column, name, text in _SOFTNET:
        rows = [((cpu,), float(int(row[column], 16))) for cpu, row in zip(cpus, table, strict=True)]
        yield counter(f"node_softnet_{name}_total", text, ("cpu",), rows)


def tracked(procfs: Path) -> Iterator[Metric]:
    for file, name, text in _CONNTRACK:
        try:
            number = content(f"{procfs}/sys/net/netfilter/nf_conntrack_{file}")
        except FileNotFoundError:
            continue  # the kernel tracks no connections
        yield Alone(f"node_nf_conntrack_{name}", text, "gauge", float(number))


def _optional(procfs: Path, file: str) -> str:
    try:
        return of_the_machine(procfs, file)
    except FileNotFoundError:
        return ""
