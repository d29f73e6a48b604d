"""A /proc of the test's own making: what a machine looks like, line for line as Linux writes it."""

from __future__ import annotations

from pathlib import Path

STAT = """\
cpu  300 0 100 900 20 0 0 0 30 0
cpu0 100 10 50 400 20 1 2 3 30 0
cpu1 200 0 50 500 0 0 0 0 0 0
intr 5000 1 2 3
ctxt 7000
btime 1700000000
processes 42
procs_running 3
procs_blocked 1
"""
MEMINFO = """\
MemTotal:       16000000 kB
MemFree:         1000000 kB
MemAvailable:    8000000 kB
Buffers:          100000 kB
Cached:          2000000 kB
SwapTotal:             0 kB
SwapFree:              0 kB
HugePages_Total:       0
"""
DISKSTATS = """\
   7       0 loop0 1 1 1 1 1 1 1 1 1 1 1
   8       0 sda 10 11 12 13000 14 15 16 17000 18 19000 20000 0 0
   8       1 sda1 1 1 1 1 1 1 1 1 1 1 1
 259       0 nvme0n1 1 2 3 4 5 6 7 8 9 10 11
 259       1 nvme0n1p1 1 2 3 4 5 6 7 8 9 10 11
"""
NETDEV = """\
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo: 1000 10 0 0 0 0 0 0 1000 10 0 0 0 0 0 0
  eth0:5000 50 1 2 0 0 0 0 6000 60 3 4 0 0 0 0
"""
VMSTAT = "nr_free_pages 7\noom_kill 2\npgfault 9\npgmajfault 1\npgpgin 4\npgpgout 5\npswpin 6\npswpout 8\n"
SNMP = """\
Ip: Forwarding DefaultTTL
Ip: 1 64
Icmp: InMsgs InErrors OutMsgs
Icmp: 5 1 4
Tcp: ActiveOpens PassiveOpens CurrEstab InSegs OutSegs RetransSegs InErrs OutRsts
Tcp: 100 200 3 1000 1100 7 2 9
Udp: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors
Udp: 51 52 53 54 55 56
UdpLite: InErrors
UdpLite: 0
"""
NETSTAT = """\
TcpExt: SyncookiesSent SyncookiesRecv SyncookiesFailed ListenOverflows ListenDrops TCPTimeouts TCPSynRetrans
TcpExt: 1 2 3 4 5 6 7
IpExt: InOctets OutOctets
IpExt: 8000 9000
"""
SNMP6 = """\
Ip6InOctets                     	1480
Ip6OutOctets                    	10544
Icmp6InMsgs                     	5
Icmp6InErrors                   	1
Icmp6OutMsgs                    	124
Udp6InDatagrams                 	1
Udp6NoPorts                     	2
Udp6InErrors                    	3
Udp6OutDatagrams                	4
Udp6RcvbufErrors                	5
Udp6SndbufErrors                	6
UdpLite6InErrors                	7
"""
SOCKSTAT = """\
sockets: used 25
TCP: inuse 7 orphan 1 tw 150 alloc 8 mem 2
UDP: inuse 3 mem 1
UDPLITE: inuse 0
RAW: inuse 0
FRAG: inuse 0 memory 0
"""
SOCKSTAT6 = """\
TCP6: inuse 4
UDP6: inuse 0
UDPLITE6: inuse 0
RAW6: inuse 0
FRAG6: inuse 0 memory 0
"""
SOFTNET = """\
0000000a 00000001 00000002 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000
00000010 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000003
"""
MOUNTS = """\
proc /proc proc rw 0 0
/dev/sda1 / ext4 rw,relatime 0 0
/dev/sdb1 /mnt/my\\040disk xfs ro 0 0
/dev/sda1 / ext4 rw,relatime 0 0
overlay /var/lib/docker/overlay2/x overlay rw 0 0
tmpfs /dev/shm tmpfs rw 0 0
"""


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def machine(root: Path, **replaced: str) -> Path:
    """A small machine under `root`; keyword arguments replace files: `stat="…"`."""
    files = {
        "stat": STAT,
        "meminfo": MEMINFO,
        "loadavg": "0.50 0.25 0.10 1/100 4242\n",
        "diskstats": DISKSTATS,
        "net/dev": NETDEV,
        "mounts": MOUNTS,
        "vmstat": VMSTAT,
        "net/snmp": SNMP,
        "net/snmp6": SNMP6,
        "net/netstat": NETSTAT,
        "net/sockstat": SOCKSTAT,
        "net/sockstat6": SOCKSTAT6,
        "net/softnet_stat": SOFTNET,
        "sys/net/netfilter/nf_conntrack_count": "12\n",
        "sys/net/netfilter/nf_conntrack_max": "262144\n",
        "sys/fs/file-nr": "960\t0\t1000000\n",
        "sys/kernel/domainname": "(none)\n",
    }
    return write(root, files | replaced)


def process(
    root: Path, pid: int, *, name: str = "app", parent: int = 1, state: str = "S", **more: str
) -> None:
    """One process: 2 s of user time, 1 s of system time, 0.5 s of ended children, 100 pages, started at 60 s."""
    rest = f"{state} {parent} 0 0 0 0 0 0 0 0 0 200 100 50 0 20 0 1 0 6000 1000000 100 0 0"
    write(
        root,
        {f"{pid}/stat": f"{pid} ({name}) {rest}\n", **{f"{pid}/{k}": v for k, v in more.items()}},
    )
