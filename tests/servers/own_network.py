"""A network of one's own, with loopback and nothing else, in which the test says who may ping.

A network namespace, so that nothing of this machine changes. Run as a program it is the first one in there: it takes all
rights of root away but those that it is told to keep, and becomes the test's program.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import shutil
import socket
import struct
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

EVERYBODY, NOBODY = "0 0", "1 0"  # the groups that may ping; there is one in here
RAW = 13  # CAP_NET_RAW
_GROUPS = Path("/proc/sys/net/ipv4/ping_group_range")
_SET_FLAGS, _UP = 0x8914, 1  # SIOCSIFFLAGS, IFF_UP
_DROP = 24  # PR_CAPBSET_DROP
_RIGHTS = 64


def said_in_own_network(code: str, groups: str, keep: Collection[int] = ()) -> str:
    """What this Python prints in there."""
    assert shutil.which("unshare"), "install util-linux: there is no unshare"
    user = [] if os.geteuid() == 0 else ["--map-root-user"]
    here = [sys.executable, "-m", __name__, groups, ",".join(map(str, keep)), code]
    argv = ["unshare", *user, "--net", *here]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"needs network namespaces, as root or a user may have: {done.stderr}"  # fmt: skip
    return done.stdout


def _become(groups: str, keep: str, code: str) -> None:
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, _SET_FLAGS, struct.pack("16sh14x", b"lo", _UP))
    _GROUPS.write_text(groups)
    kernel = ctypes.CDLL(None)
    for right in range(_RIGHTS):
        if str(right) not in keep.split(","):
            kernel.prctl(_DROP, right, 0, 0, 0)
    os.execv(sys.executable, [sys.executable, "-c", code])  # noqa: S606 - with it the rights are lost


if __name__ == "__main__":
    _become(*sys.argv[1:])
