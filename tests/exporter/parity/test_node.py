"""Every name that node_exporter and we have, on the same machine."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.exporter.parity.dashboards import without_data
from tests.exporter.parity.frame import MOVES, SAME, Near, Read, assert_parity, at
from tests.exporter.serving import serving
from tests.servers.peers import peer

pytestmark = pytest.mark.server

MIB = float(1 << 20)
# Its default since 1.6; Debian's 1.5 also takes compressed memory for a disk.
NO_DISK = r"^(z?ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\d+n\d+p)\d+$"
# How much of the machine's memory may change hands between two looks while other tests run.
ROOM = Near(share=0.2, apart=400 * MIB)
SOCKETS = Near(apart=200.0)

MEMORY: Mapping[Near, str] = {
    SAME: """MemTotal_bytes SwapTotal_bytes CommitLimit_bytes HugePages_Total HugePages_Free HugePages_Rsvd
        HugePages_Surp Hugepagesize_bytes Hugetlb_bytes VmallocTotal_bytes VmallocChunk_bytes
        NFS_Unstable_bytes Bounce_bytes HardwareCorrupted_bytes WritebackTmp_bytes""",
    ROOM: """MemFree_bytes MemAvailable_bytes Buffers_bytes Cached_bytes SwapCached_bytes SwapFree_bytes
        Active_bytes Inactive_bytes Active_anon_bytes Inactive_anon_bytes Active_file_bytes
        Inactive_file_bytes Unevictable_bytes Mlocked_bytes Dirty_bytes Writeback_bytes AnonPages_bytes
        Mapped_bytes Shmem_bytes ShmemHugePages_bytes ShmemPmdMapped_bytes AnonHugePages_bytes
        FileHugePages_bytes FilePmdMapped_bytes KReclaimable_bytes Slab_bytes SReclaimable_bytes
        SUnreclaim_bytes KernelStack_bytes PageTables_bytes SecPageTables_bytes Committed_AS_bytes
        VmallocUsed_bytes Percpu_bytes Zswap_bytes Zswapped_bytes DirectMap4k_bytes DirectMap2M_bytes
        DirectMap1G_bytes""",
}
# A counter lies between the peer's two looks, which is all that can be said of it, and enough.
TABLE: Mapping[str, Near] = {
    f"node_{name}": near
    for near, names in {
        SAME: """boot_time_seconds context_switches_total cpu_guest_seconds_total forks_total intr_total
            time_seconds uname_info filefd_maximum
            disk_discard_time_seconds_total disk_discarded_sectors_total disk_discards_completed_total
            disk_discards_merged_total disk_flush_requests_time_seconds_total disk_flush_requests_total
            disk_io_time_seconds_total disk_io_time_weighted_seconds_total disk_read_bytes_total
            disk_read_time_seconds_total disk_reads_completed_total disk_reads_merged_total
            disk_write_time_seconds_total disk_writes_completed_total disk_writes_merged_total
            disk_written_bytes_total
            filesystem_size_bytes filesystem_files filesystem_readonly filesystem_device_error
            network_receive_bytes_total network_receive_compressed_total network_receive_drop_total
            network_receive_errs_total network_receive_fifo_total network_receive_frame_total
            network_receive_multicast_total network_receive_packets_total network_transmit_bytes_total
            network_transmit_carrier_total network_transmit_colls_total
            network_transmit_compressed_total network_transmit_drop_total network_transmit_errs_total
            network_transmit_fifo_total network_transmit_packets_total
            netstat_Icmp_InErrors netstat_Icmp_InMsgs netstat_Icmp_OutMsgs netstat_IpExt_InOctets
            netstat_IpExt_OutOctets netstat_Ip_Forwarding netstat_TcpExt_ListenDrops
            netstat_TcpExt_ListenOverflows netstat_TcpExt_SyncookiesFailed
            netstat_TcpExt_SyncookiesRecv netstat_TcpExt_SyncookiesSent netstat_TcpExt_TCPSynRetrans
            netstat_Tcp_ActiveOpens netstat_Tcp_InErrs netstat_Tcp_InSegs
            netstat_Tcp_OutRsts netstat_Tcp_OutSegs netstat_Tcp_PassiveOpens netstat_Tcp_RetransSegs
            netstat_UdpLite_InErrors netstat_Udp_InDatagrams netstat_Udp_InErrors netstat_Udp_NoPorts
            netstat_Udp_OutDatagrams netstat_Udp_RcvbufErrors netstat_Udp_SndbufErrors
            softnet_dropped_total softnet_processed_total softnet_times_squeezed_total
            vmstat_pgfault vmstat_pgmajfault vmstat_pgpgin vmstat_pgpgout vmstat_pswpin vmstat_pswpout""",
        Near(apart=1.0): "cpu_seconds_total",  # idle and iowait are estimates, and may go back
        Near(apart=2.0): "load1 load5 load15",
        Near(apart=400 * MIB): "filesystem_avail_bytes filesystem_free_bytes",
        Near(apart=2000.0): "filesystem_files_free filefd_allocated",
        SOCKETS: """netstat_Tcp_CurrEstab sockstat_sockets_used sockstat_TCP_inuse sockstat_TCP_alloc
            sockstat_TCP_orphan sockstat_TCP_mem sockstat_UDP_inuse sockstat_UDP_mem
            sockstat_UDPLITE_inuse sockstat_RAW_inuse sockstat_FRAG_inuse sockstat_FRAG_memory""",
        Near(apart=4000.0): "sockstat_TCP_tw",
        Near(apart=MIB): "sockstat_TCP_mem_bytes sockstat_UDP_mem_bytes",
        MOVES: "procs_running procs_blocked disk_io_now",
    }.items()
    for name in names.split()
}
# What not every kernel has, or has switched on.
SOMETIMES: Mapping[str, Near] = {
    **{f"node_memory_{name}": near for near, names in MEMORY.items() for name in names.split()},
    **{
        f"node_{name}": near
        for near, names in {
            SAME: """pressure_cpu_waiting_seconds_total pressure_io_stalled_seconds_total
                pressure_io_waiting_seconds_total pressure_memory_stalled_seconds_total
                pressure_memory_waiting_seconds_total nf_conntrack_entries_limit vmstat_oom_kill
                netstat_TcpExt_TCPTimeouts netstat_Icmp6_InErrors netstat_Icmp6_InMsgs
                netstat_Icmp6_OutMsgs netstat_Ip6_InOctets netstat_Ip6_OutOctets
                netstat_Udp6_InDatagrams netstat_Udp6_InErrors netstat_Udp6_NoPorts
                netstat_Udp6_OutDatagrams netstat_Udp6_RcvbufErrors netstat_Udp6_SndbufErrors
                netstat_UdpLite6_InErrors""",
            SOCKETS: """sockstat_TCP6_inuse sockstat_UDP6_inuse sockstat_UDPLITE6_inuse
                sockstat_RAW6_inuse sockstat_FRAG6_inuse sockstat_FRAG6_memory nf_conntrack_entries""",
        }.items()
        for name in names.split()
    },
}  # fmt: skip


@asynccontextmanager
async def both(tmp_path: Path) -> AsyncIterator[tuple[Read, Read]]:
    """Ours and theirs, of this machine."""
    options = ("--web.listen-address={address}", f"--collector.diskstats.device-exclude={NO_DISK}")
    async with (
        serving(tmp_path, host={}) as served,
        peer("prometheus-node-exporter", tmp_path, *options) as theirs,
    ):
        yield at(f"{served.url}/metrics"), at(theirs)


async def test_our_values_are_node_exporters(tmp_path: Path) -> None:
    async with both(tmp_path) as (ours, theirs):
        there = set((await theirs()).series) | set((await ours()).series)
        table = {**TABLE, **{name: near for name, near in SOMETIMES.items() if name in there}}
        await assert_parity(table, ours, theirs, prefix="node_")


async def test_its_dashboards_have_their_data_from_us_alone(tmp_path: Path) -> None:
    async with both(tmp_path) as (ours, theirs):
        nobodys = without_data("node_exporter", await theirs())
        missing = without_data("node_exporter", await ours())
    assert [name for name in missing if name not in nobodys] == []
