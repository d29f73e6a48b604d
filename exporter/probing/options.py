"""The parts of a module that `endpoints` have, too: what is shown to a server, and what is asked of its certificate."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal, NamedTuple
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    ValidationInfo,
    field_validator,
)

from exporter.probing.contexts import Demands
from exporter.probing.http import basic
from exporter.probing.resolver import literal
from prunella.service.header_lines import SecretHeader
from prunella.service.pem import Certificates, check_key
from prunella.service.rules import Rule, is_given
from prunella.service.settings import LocalPath, Secret, Settings


def _refused(value: object) -> object:
    raise ValueError("is not supported here: keep blackbox_exporter for this module")


NotHere = Annotated[None, BeforeValidator(_refused)]


class TlsConfig(Settings):
    insecure_skip_verify: bool = False
    ca_file: Certificates | None = None
    cert_file: Certificates | None = None
    key_file: LocalPath | None = None
    server_name: str = ""
    min_version: Literal["", "TLS10", "TLS11", "TLS12", "TLS13"] = ""

    @field_validator("key_file")
    @classmethod
    def _fits(cls, file: Path | None, info: ValidationInfo) -> Path | None:
        return None if file is None else check_key(file, info.data.get("cert_file"))

    @Rule
    def _whole(self) -> Iterator[str]:
        if is_given(self, "cert_file") is not is_given(self, "key_file"):
            yield "cert_file and key_file belong together"

    def demands(self, *protocols: str) -> Demands:
        return Demands(
            self.insecure_skip_verify, self.ca_file, self.cert_file, self.key_file,
            self.server_name, self.min_version, protocols,
        )  # fmt: skip


class BasicAuth(Settings):
    username: str = ""
    password: Secret = Secret("")

    def header(self) -> str:
        return basic(f"{self.username}:{self.password.get_secret_value()}")


class Authorization(Settings):
    type: Annotated[str, Field(pattern=r"^(?i:bearer|[!-~]+)$")] = "Bearer"
    credentials: SecretHeader


Ip = Literal["ip4", "ip6"]


def _source(text: str) -> str:
    if text and literal(text) is None:
        raise ValueError(f"{text!r} is no address")
    return text


class Way(Settings):
    """How a target is reached."""

    preferred_ip_protocol: Ip = "ip6"
    ip_protocol_fallback: bool = True


class WayFrom(Way):
    """The same where we may say from which of our addresses."""

    source_ip_address: Annotated[str, AfterValidator(_source)] = ""


def url_of(target: str) -> str:
    """The target as a URL, which it need not be. Raises ValueError when there is no host in it."""
    url = target if target.startswith(("http://", "https://")) else f"http://{target}"
    if not urlsplit(url).hostname:
        raise ValueError("the target has no host")
    return url


class Place(NamedTuple):
    """A host and a port of it."""

    host: str
    port: int


def place_of(target: str, port: int | None = None) -> Place | None:
    """Of `host:port` or `[::1]:port`; where a `port` is usual, of a host alone, too."""
    host, colon, said = target.rpartition(":")
    if not colon or target.endswith("]") or literal(target) is not None:
        host, said = target, str(port)
    if not said.isdecimal() or not 0 < int(said) < 65536:
        return None
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host and host != target:
        return None
    return Place(host, int(said)) if host else None
