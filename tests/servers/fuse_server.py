"""A filesystem for tests/servers/fuse.py: `… fuse_server.py MOUNTPOINT` mounts it there and answers for it.

By the kernel's own protocol (linux/fuse.h), without a library.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys

BLOCKS, BLOCK, FREE = 1000, 4096, 400
_IN, _OUT = struct.Struct("<IIQQIIII"), struct.Struct("<IiQ")
_GETATTR, _STATFS, _INIT, _DESTROY = 3, 17, 26, 38
_WITHOUT_ANSWER = {2, 36, 42}  # forget, interrupt, forget many
_NOT_HERE = -38  # ENOSYS
_READ = 1 << 17


def serve(point: str) -> None:
    """Mounts, and answers until it is unmounted or ended."""
    device = os.open("/dev/fuse", os.O_RDWR)
    libc = ctypes.CDLL(None, use_errno=True)
    options = f"fd={device},rootmode=40000,user_id=0,group_id=0".encode()
    if libc.mount(b"far-server", point.encode(), b"fuse.far", 0, options) != 0:
        raise OSError(ctypes.get_errno(), "mount")
    while True:
        question = os.read(device, _READ)
        _, kind, unique, *_ = _IN.unpack_from(question)
        if kind == _DESTROY:
            return
        if kind not in _WITHOUT_ANSWER:
            error, answer = _answer(kind)
            os.write(device, _OUT.pack(_OUT.size + len(answer), error, unique) + answer)


def _answer(kind: int) -> tuple[int, bytes]:
    if kind == _INIT:
        return 0, struct.pack("<IIIIHHIIHHI7I", 7, 31, 0, 0, 0, 0, 4096, 1, 0, 0, 0, *[0] * 7)
    if kind == _STATFS:
        figures = struct.pack("<QQQQQIIII6I", BLOCKS, FREE, FREE, 10, 9, BLOCK, 255, BLOCK, 0, *[0] * 6)  # fmt: skip
        return 0, figures
    if kind == _GETATTR:
        folder = struct.pack("<QQQQQQIIIIIIIIII", 1, 0, 0, 0, 0, 0, 0, 0, 0, 0o40755, 2, 0, 0, 0, 512, 0)  # fmt: skip
        return 0, struct.pack("<QII", 0, 0, 0) + folder
    return _NOT_HERE, b""


if __name__ == "__main__":
    serve(sys.argv[1])
