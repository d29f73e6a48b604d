from __future__ import annotations

from pathlib import Path

from exporter.proc import sockets
from tests.exporter.proc.tree import machine
from tests.exporter.reading import names, value


def test_protocols_are_counted_under_the_kernels_own_words(tmp_path: Path) -> None:
    found = list(sockets.statistics(machine(tmp_path)))
    assert value(found, "node_netstat_Tcp_RetransSegs") == 7
    assert value(found, "node_netstat_TcpExt_ListenDrops") == 5
    assert value(found, "node_netstat_Udp_RcvbufErrors") == 55
    assert value(found, "node_netstat_Ip6_InOctets") == 1480
    assert value(found, "node_netstat_Ip_DefaultTTL") is None


def test_columns_are_found_by_their_heads(tmp_path: Path) -> None:
    root = machine(tmp_path)
    (root / "net/netstat").write_text("TcpExt: ListenDrops New\nTcpExt: 8 9\n")
    found = list(sockets.statistics(root))
    assert value(found, "node_netstat_TcpExt_ListenDrops") == 8
    assert value(found, "node_netstat_TcpExt_ListenOverflows") is None


def test_sockets_are_counted_by_protocol_and_state(tmp_path: Path) -> None:
    found = list(sockets.sockets(machine(tmp_path)))
    assert value(found, "node_sockstat_sockets_used") == 25
    assert value(found, "node_sockstat_TCP_tw") == 150
    assert value(found, "node_sockstat_TCP_mem_bytes") == 2 * 4096
    assert value(found, "node_sockstat_TCP6_inuse") == 4


def test_packets_are_counted_by_the_cpu_that_the_kernel_names(tmp_path: Path) -> None:
    found = list(sockets.packets(machine(tmp_path)))
    assert value(found, "node_softnet_processed_total", cpu="0") == 10
    assert value(found, "node_softnet_processed_total", cpu="3") == 16
    assert value(found, "node_softnet_dropped_total", cpu="0") == 1


def test_an_older_kernel_names_no_cpu_and_lists_them_in_order(tmp_path: Path) -> None:
    root = machine(tmp_path)
    (root / "net/softnet_stat").write_text("00000001 0 0\n00000002 0 0\n")
    found = list(sockets.packets(root))
    assert value(found, "node_softnet_processed_total", cpu="1") == 2


def test_a_machine_without_ipv6_or_tracking_says_nothing_of_them(tmp_path: Path) -> None:
    root = machine(tmp_path)
    for file in ("net/snmp6", "net/sockstat6", "sys/net/netfilter/nf_conntrack_count"):
        (root / file).unlink()
    (root / "sys/net/netfilter/nf_conntrack_max").unlink()
    assert list(sockets.tracked(root)) == []
    found = names([*sockets.sockets(root), *sockets.statistics(root)])
    assert not [name for name in found if "6" in name]


def test_tracked_connections_stand_beside_their_limit(tmp_path: Path) -> None:
    found = list(sockets.tracked(machine(tmp_path)))
    assert value(found, "node_nf_conntrack_entries") == 12
    assert value(found, "node_nf_conntrack_entries_limit") == 262144
