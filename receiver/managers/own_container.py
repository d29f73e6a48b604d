"""Whether the receiver itself lives in a container, and in which: what it may be given there, and what it must not end.

The kernel's list of mounts is believed and /.dockerenv is not: that file is also found on virtual machines that were
made from an image.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

# an engine mounts these files of a container from the folder that has its id
_OWN_FILE = re.compile(
    r"/[\w-]*containers/([0-9a-f]{64})/\S+ /etc/(?:hostname|hosts|resolv\.conf) "
)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where it is written; lines as in proc_pid_mountinfo(5)."""

    mounts: Path = Path("/proc/self/mountinfo")

    def own_id(self) -> str | None:
        """The id of the container that we are in."""
        found = _OWN_FILE.search(self._text())
        return found and found[1]

    def objection(self, url: str, unfiltered_socket: bool) -> str | None:
        """Why the engine must not be used in that way from here."""
        if unfiltered_socket or not url.startswith("unix:") or not self._from_outside(url):
            return None
        return (
            "whoever holds the Docker socket is root on its machine, so a container gets a filtering proxy instead "
            "(`url: http://…`, docs/examples/docker-socket-proxy.yml); `unfiltered_socket: true` allows it all the same"
        )

    def _from_outside(self, url: str) -> bool:
        """Whether the socket was mounted here: itself, or in a container with a folder of the machine's."""
        socket = Path(urlsplit(url).path).resolve()
        around = [
            (len(at.parts), root, at) for root, at in self._mounted() if socket.is_relative_to(at)
        ]
        if not around:
            return False
        _, root, nearest = max(around)
        return nearest == socket or (root != "/" and self.own_id() is not None)

    def _mounted(self) -> Iterator[tuple[str, Path]]:
        for line in self._text().splitlines():
            fields = line.split(" ")
            if len(fields) > 4:
                yield fields[3], Path(fields[4])

    def _text(self) -> str:
        try:
            return self.mounts.read_text()
        except OSError:  # not Linux
            return ""
