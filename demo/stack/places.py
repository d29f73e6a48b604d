"""Where the stack's parts listen and keep their files: read from the environment once, and used by all."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PORTS = {  # part: (variable, default)
    "receiver": ("PRUNELLA_RECEIVER_PORT", 9651),
    "exporter": ("PRUNELLA_EXPORTER_PORT", 9650),
    "shop": ("PRUNELLA_SHOP_PORT", 9652),
    "prometheus": ("PRUNELLA_PROMETHEUS_PORT", 9090),
    "alertmanager": ("PRUNELLA_ALERTMANAGER_PORT", 9093),
    "redis": ("PRUNELLA_REDIS_PORT", 9653),
    "postgres": ("PRUNELLA_POSTGRES_PORT", 9654),
    "preview": ("PRUNELLA_PREVIEW_PORT", 9655),
}
LONGEST_SOCKET_PATH = 100  # the kernel takes 107 characters


class StackError(Exception):
    """The stack cannot run; the text says what to change."""


@dataclass(frozen=True, slots=True)
class Places:
    """Ports by part, and the folder of all state."""

    ports: Mapping[str, int]
    folder: Path

    def url(self, part: str) -> str:
        """The part's HTTP address."""
        return f"http://127.0.0.1:{self.ports[part]}"

    @property
    def secrets(self) -> Path:
        return self.folder / "secrets"

    @property
    def shop(self) -> Path:
        """Where the shop's releases lie."""
        return self.folder / "shop"

    @property
    def redis_url(self) -> str:
        return f"redis://127.0.0.1:{self.ports['redis']}/0"

    @property
    def logs(self) -> Path:
        return self.folder / "logs"

    @property
    def socket(self) -> Path:
        """supervisord's; in a folder of our own under the system's temporary one if the path would be too long."""
        path = self.folder / "supervisor.sock"
        if len(str(path)) <= LONGEST_SOCKET_PATH:
            return path
        name = hashlib.sha256(str(self.folder).encode()).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"prunella-{os.getuid()}-{name}" / "supervisor.sock"

    def environment(self) -> dict[str, str]:
        """What demo/config/*.yml refer to."""
        return {
            **{PORTS[part][0]: str(port) for part, port in self.ports.items()},
            "PRUNELLA_STACK": str(self.folder),
            "PRUNELLA_PYTHON": sys.executable,  # what the workers are asked by
            "PRUNELLA_SUPERVISOR_SOCKET": str(self.socket),
        }


def read(environ: Mapping[str, str]) -> Places:
    """The places that the environment asks for. Raises StackError."""
    ports = {part: _port(variable, default, environ) for part, (variable, default) in PORTS.items()}
    for part, port in ports.items():
        if same := [other for other in ports if other != part and ports[other] == port]:
            raise StackError(
                f"{PORTS[part][0]} and {PORTS[same[0]][0]} are both {port}: change one"
            )
    folder = Path(environ.get("PRUNELLA_STACK") or ROOT / "var" / "stack")
    return Places(ports, folder.absolute())


def record(places: Places) -> None:
    """Leaves word of the ports for other programs, such as a drill in another terminal."""
    _record(places.folder).write_text(json.dumps(dict(places.ports)))


def forget(places: Places) -> None:
    """The stack is no longer up."""
    _record(places.folder).unlink(missing_ok=True)


def recorded(environ: Mapping[str, str]) -> Places:
    """Where the running stack is. Raises StackError when none runs with this folder."""
    folder = read(environ).folder
    try:
        ports = json.loads(_record(folder).read_text())
    except (OSError, ValueError) as error:
        raise StackError(f"no stack runs with its state in {folder}") from error
    return Places(ports, folder)


def _record(folder: Path) -> Path:
    return folder / "ports.json"


def _port(variable: str, default: int, environ: Mapping[str, str]) -> int:
    text = environ.get(variable) or str(default)
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 65536):
        raise StackError(f"{variable}={text} is not a port: say a number from 1 to 65535")
    return int(text)


def refuse_taken(places: Places) -> None:
    """Raises StackError for ports on which something listens already, with the variables to change."""
    taken = [part for part, port in places.ports.items() if _listening(port)]
    if taken:
        lines = [
            f"port {places.ports[part]} for {part} is taken: set {PORTS[part][0]} to another, "
            f"as in {PORTS[part][0]}={places.ports[part] + 10000} make up"
            for part in taken
        ]
        raise StackError("\n".join([*lines, "(or stop what listens there: another `make up`?)"]))


def _listening(port: int) -> bool:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False
