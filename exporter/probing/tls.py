"""TLS as bytes in and bytes out, worked through where the bytes of a probe's connection come in.

asyncio has it as a transport of its own, with a timer, a second buffer, a copy of the certificate as a dict and some
turns of the loop more; that pays for a connection that lives, and not for one that asks a single question.
"""

from __future__ import annotations

import ssl

_PIECE = 64 * 1024


class Tls:
    """Our side of one connection's. `connection` knows what the other side has shown."""

    def __init__(self, context: ssl.SSLContext, name: str) -> None:
        """Raises ssl.SSLError or ValueError for a name that no certificate can have."""
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.connection = context.wrap_bio(self._in, self._out, server_hostname=name)
        self.ended = False  # the other side has said that no more will come

    def shaken(self, came: bytes) -> bool:
        """Takes the handshake on; whether it is over. Raises ssl.SSLError."""
        self._in.write(came)
        try:
            self.connection.do_handshake()
        except ssl.SSLWantReadError:
            return False
        return True

    def opened(self, came: bytes = b"") -> bytes:
        """What was said in there, as far as it can be read yet. Raises ssl.SSLError."""
        self._in.write(came)
        pieces: list[bytes] = []
        try:
            while piece := self.connection.read(_PIECE):
                pieces.append(piece)
            self.ended = True
        except ssl.SSLWantReadError:
            pass
        return b"".join(pieces)

    def sealed(self, said: bytes = b"") -> bytes:
        """What is to be sent to say this, and whatever TLS has to say itself. Raises ssl.SSLError."""
        if said:
            self.connection.write(said)
        return self._out.read()
