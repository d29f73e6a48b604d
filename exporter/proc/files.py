"""Reads files that the kernel makes up: whole, in as few system calls as it takes.

A file object asks for its size, its position and its kind first, which for a small file of /proc costs more than the
reading does.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

_CHUNK = 32768


def content(path: str | Path) -> str:
    """The whole of it. A byte that is no UTF-8 stays what it is (a path), as Python keeps it in a string."""
    return raw(path).decode("utf-8", "surrogateescape")


def raw(path: str | Path) -> bytes:
    """The whole of it, as it lies there."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        chunk = os.read(handle, _CHUNK)
        found = chunk
        while chunk:
            chunk = os.read(handle, _CHUNK)
            found += chunk
        return found
    finally:
        os.close(handle)


def numbers(text: str, fields: Iterable[str]) -> Iterator[tuple[str, float]]:
    """Those fields of a list of `field number` lines, of which a few out of hundreds are wanted, as far as they are there."""
    text = f"\n{text}"
    for field in fields:
        at = text.find(f"\n{field} ")
        if at >= 0:
            start = at + len(field) + 2
            yield field, float(text[start : text.find("\n", start)])


def record(path: str) -> bytes:
    """A file that the kernel gives in one piece, as those of a process are; nothing where we may not read it."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return os.read(handle, _CHUNK)
    except OSError:
        return b""  # it has ended in this moment
    finally:
        os.close(handle)


def of_the_machine(procfs: Path, file: str) -> str:
    """A /proc file as process 1 sees it: our own may show a container's mounts and network.

    Unprivileged users may not look there, and get their own view.
    """
    try:
        return content(f"{procfs}/1/{file}")
    except OSError:
        return content(f"{procfs}/{file}")


def shown(text: str) -> str:
    """As a label can hold it: what is no UTF-8 becomes the sign for that."""
    if text.isascii():
        return text
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
