"""One call of grpc.health.v1.Health/Check over HTTP/2, without a connection: bytes in, bytes out.

Loaded where a module asks for it, because h2 is an extra. Whoever answers may be anybody, so little is listened to.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
)
from h2.exceptions import H2Error

from exporter.probing import grpc_message
from exporter.probing.grpc_message import Code, of_http, of_reset
from exporter.probing.outcome import Failed, Reason
from exporter.probing.wire import in_words
from prunella.version import version

_PATH = "/grpc.health.v1.Health/Check"
_AGENT = f"grpc-prunella-exporter/{version()}"
_HEAD = 4  # bytes that say how a server begins
_KIND = 3  # the last of them: with what kind of frame
_SETTINGS = b"\x04"  # as each does that speaks HTTP/2
_MOST = 64 * 1024  # bytes that are listened to, greetings and pings among them


class HealthCall:
    """When it has `ended`, `status` says how; `serving` is there when an answer came whole."""

    def __init__(self, service: str, authority: str, scheme: str, seconds: float) -> None:
        self.ended = False
        self.status: int = Code.UNKNOWN
        self.serving = ""
        self._came, self._head, self._body = 0, b"", bytearray()
        self._line = H2Connection(H2Configuration(header_encoding=None))
        self._line.initiate_connection()
        self._stream = self._line.get_next_available_stream_id()
        self._line.send_headers(
            self._stream,
            [
                (":method", "POST"), (":scheme", scheme), (":path", _PATH), (":authority", authority),
                ("te", "trailers"), ("content-type", "application/grpc"), ("user-agent", _AGENT),
                ("grpc-timeout", f"{max(1, round(seconds * 1000))}m"),
            ],
        )  # fmt: skip
        self._line.send_data(self._stream, grpc_message.request(service), end_stream=True)

    def to_send(self) -> bytes:
        """What is to be said by now; each byte once."""
        return self._line.data_to_send()

    def take(self, data: bytes) -> None:
        """Hears what came. Raises Failed when it is not HTTP/2."""
        self._came += len(data)
        if self._came > _MOST:
            raise Failed(Reason.BODY, f"the answer is longer than {_MOST >> 10} KiB")
        self._head = (self._head + data)[:_HEAD]
        if self._head[_KIND:] not in {b"", _SETTINGS}:  # h2 would wait for all of a long frame
            raise Failed(Reason.STATUS, f"the answer is not HTTP/2: {self._head!r}")
        try:
            for event in self._line.receive_data(data):
                self._hear(event)
        except H2Error as error:
            raise Failed(Reason.STATUS, f"the answer is not HTTP/2: {in_words(error)}") from error

    def _hear(self, event: Event) -> None:
        match event:
            case ResponseReceived():
                self._begin(_text(event.headers))
            case TrailersReceived():
                self._judge(_text(event.headers))
            case DataReceived():
                self._body += event.data
            case StreamEnded():
                self._end(self.status)
            case StreamReset():
                self._end(of_reset(event.error_code))
            case ConnectionTerminated():  # whatever it still says, h2 hears nothing more
                self._end(Code.UNAVAILABLE)
            case _:
                pass

    def _begin(self, headers: Mapping[str, str]) -> None:
        if not headers.get("content-type", "").startswith("application/grpc"):
            self.status = of_http(headers.get(":status", ""))
        self._judge(headers)

    def _judge(self, headers: Mapping[str, str]) -> None:
        said = headers.get("grpc-status", "")
        if said.isdecimal() and len(said) <= len("4294967295"):
            self.status = int(said)

    def _end(self, status: int) -> None:
        if self.ended:
            return
        self.ended, self.status = True, status
        if status == Code.OK:
            serving = grpc_message.serving(bytes(self._body))
            self.serving, self.status = serving or "", Code.INTERNAL if serving is None else Code.OK


def _text(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in headers}
