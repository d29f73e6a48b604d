"""What is asked of a server's certificate, read again when one of its files has changed."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock
from weakref import WeakValueDictionary

from exporter.probing.outcome import Failed, Reason
from exporter.threads import in_thread
from exporter.tls_options import client_context
from prunella.service.changes import Stamp, stamp_of

_VERSIONS = {
    "TLS10": ssl.TLSVersion.TLSv1,
    "TLS11": ssl.TLSVersion.TLSv1_1,
    "TLS12": ssl.TLSVersion.TLSv1_2,
    "TLS13": ssl.TLSVersion.TLSv1_3,
}


@dataclass(frozen=True, slots=True)
class Demands:
    """As blackbox_exporter's `tls_config`. Without files the system's own authorities count."""

    insecure: bool = False
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    server_name: str = ""
    min_version: str = ""
    protocols: tuple[str, ...] = ()

    @property
    def files(self) -> tuple[Path | None, ...]:
        return self.ca_file, self.cert_file, self.key_file


class Contexts:
    """The context of one set of demands. Loading the authorities takes long, so it is kept, and made in a thread."""

    def __init__(self, demands: Demands) -> None:
        self.demands = demands
        self._stamp: Stamp = ()
        self._made: ssl.SSLContext | None = None

    async def context(self) -> ssl.SSLContext:
        """Raises Failed when a file cannot be read."""
        stamp = stamp_of(self.demands.files)
        if self._made is None or self._stamp != stamp:
            try:
                self._made = await in_thread(lambda: _shared(self.demands, stamp))
            except (OSError, ValueError) as error:
                raise Failed(Reason.TLS, f"tls_config: {error}") from error
            self._stamp = stamp
        return self._made


_made: WeakValueDictionary[tuple[Demands, Stamp], ssl.SSLContext] = WeakValueDictionary()
_making = Lock()


def _shared(demands: Demands, stamp: Stamp) -> ssl.SSLContext:
    """One for all who ask for the same of the same files: the system's authorities alone are a megabyte each time."""
    asked = replace(demands, server_name=""), stamp  # the name is checked, but not by the context
    with _making:
        context = _made.get(asked)
        if context is None:
            context = _made[asked] = context_of(demands)
    return context


def context_of(demands: Demands) -> ssl.SSLContext:
    """Raises OSError, ssl.SSLError or ValueError."""
    context = client_context(demands.ca_file, verified=not demands.insecure)
    if demands.cert_file is not None:
        context.load_cert_chain(demands.cert_file, demands.key_file)
    if demands.min_version:
        context.minimum_version = _VERSIONS[demands.min_version]
    if demands.protocols:
        context.set_alpn_protocols(list(demands.protocols))
    return context
