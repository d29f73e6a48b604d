"""`web.yml` as Prometheus, its exporters and Alertmanager share it (exporter-toolkit): TLS, client certificates, users.

What the file can say and we cannot do is an error, never a weaker door than the one that was asked for.
"""

from __future__ import annotations

import importlib
import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from prunella.service.header_lines import HeaderValue
from prunella.service.pem import Certificates, check_key
from prunella.service.rules import Rule, is_given
from prunella.service.settings import Duration, LocalPath, Secret, Settings, load

_VERSIONS = {
    "TLS10": ssl.TLSVersion.TLSv1,
    "TLS11": ssl.TLSVersion.TLSv1_1,
    "TLS12": ssl.TLSVersion.TLSv1_2,
    "TLS13": ssl.TLSVersion.TLSv1_3,
}
_OF_13 = frozenset({
    "TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256",
})  # fmt: skip
_CIPHERS = {
    "TLS_RSA_WITH_AES_128_CBC_SHA": "AES128-SHA",
    "TLS_RSA_WITH_AES_256_CBC_SHA": "AES256-SHA",
    "TLS_RSA_WITH_AES_128_GCM_SHA256": "AES128-GCM-SHA256",
    "TLS_RSA_WITH_AES_256_GCM_SHA384": "AES256-GCM-SHA384",
    **{
        f"TLS_ECDHE_{kind}_WITH_{theirs}": f"ECDHE-{kind}-{ours}"
        for kind in ("RSA", "ECDSA")
        for theirs, ours in (
            ("AES_128_CBC_SHA", "AES128-SHA"),
            ("AES_256_CBC_SHA", "AES256-SHA"),
            ("AES_128_GCM_SHA256", "AES128-GCM-SHA256"),
            ("AES_256_GCM_SHA384", "AES256-GCM-SHA384"),
            ("CHACHA20_POLY1305_SHA256", "CHACHA20-POLY1305"),
            ("CHACHA20_POLY1305", "CHACHA20-POLY1305"),
        )
    },
}
_CURVES = {
    "CurveP256": "prime256v1", "CurveP384": "secp384r1", "CurveP521": "secp521r1", "X25519": "X25519",
}  # fmt: skip
_NO_CERTIFICATE = frozenset({"", "NoClientCert"})
_REQUIRED = "RequireAndVerifyClientCert"
_CLIENTS = {
    "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
    _REQUIRED: ssl.CERT_REQUIRED,
}
_HEADERS = frozenset({
    "Content-Security-Policy", "X-Frame-Options", "X-Content-Type-Options", "X-XSS-Protection",
    "Strict-Transport-Security",
})  # fmt: skip

Version = Literal["TLS10", "TLS11", "TLS12", "TLS13"]


def _cipher(name: str) -> str:
    if name not in _CIPHERS and name not in _OF_13:
        raise ValueError(f"{name!r} is no cipher suite of Go's crypto/tls")
    return name


def _curve(name: str) -> str:
    if name not in _CURVES:
        raise ValueError(f"{name!r} is not one of {', '.join(_CURVES)}")
    return name


def _client(kind: str) -> str:
    if kind in {"RequestClientCert", "RequireAnyClientCert"}:
        raise ValueError(
            f"{kind} checks nothing and is not supported: say RequireAndVerifyClientCert"
        )
    if kind not in _NO_CERTIFICATE and kind not in _CLIENTS:
        raise ValueError(f"{kind!r} is not one of NoClientCert, {', '.join(_CLIENTS)}")
    return kind


def _header(name: str) -> str:
    if name not in _HEADERS:
        raise ValueError(f"the header {name!r} is not one of {', '.join(sorted(_HEADERS))}")
    return name


class TlsServerConfig(Settings):
    cert_file: Certificates
    key_file: LocalPath
    client_auth_type: Annotated[str, AfterValidator(_client)] = ""
    client_ca_file: Certificates | None = None
    client_allowed_sans: tuple[str, ...] = ()
    min_version: Version = "TLS12"
    max_version: Version = "TLS13"
    cipher_suites: tuple[Annotated[str, AfterValidator(_cipher)], ...] = ()
    prefer_server_cipher_suites: bool = True
    curve_preferences: Annotated[tuple[Annotated[str, AfterValidator(_curve)], ...], Field(max_length=1)] = ()  # fmt: skip

    @field_validator("key_file")
    @classmethod
    def _fits(cls, file: Path, info: ValidationInfo) -> Path:
        return check_key(file, info.data.get("cert_file"))

    @Rule
    def authority(self) -> Iterator[str]:
        clients = self.client_auth_type
        named = is_given(self, "client_ca_file")
        if clients in _CLIENTS and not named:
            yield f"{clients} needs client_ca_file"
        if clients in _NO_CERTIFICATE and named:
            yield "client_ca_file is there, but client_auth_type does not ask for it"

    @Rule
    def names_are_looked_at(self) -> Iterator[str]:
        if is_given(self, "client_allowed_sans") and self.client_auth_type != _REQUIRED:
            yield f"client_allowed_sans needs {_REQUIRED}"

    @Rule
    def versions_in_order(self) -> Iterator[str]:
        if _VERSIONS[self.min_version] > _VERSIONS[self.max_version]:
            yield "min_version is above max_version"

    def context(self) -> ssl.SSLContext:
        """The server's side of a handshake. Raises OSError, ssl.SSLError among them."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.cert_file, self.key_file)
        context.minimum_version = _VERSIONS[self.min_version]
        context.maximum_version = _VERSIONS[self.max_version]
        older = [_CIPHERS[name] for name in self.cipher_suites if name in _CIPHERS]
        if older:
            context.set_ciphers(":".join(older))
        if self.prefer_server_cipher_suites:
            context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE
        for curve in self.curve_preferences:
            context.set_ecdh_curve(_CURVES[curve])
        if self.client_ca_file is not None:
            context.load_verify_locations(self.client_ca_file)
            context.verify_mode = _CLIENTS[self.client_auth_type]
        context.set_alpn_protocols(["http/1.1"])
        return context

    @property
    def files(self) -> tuple[Path | None, ...]:
        return self.cert_file, self.key_file, self.client_ca_file


class HttpServerConfig(Settings):
    """`http2` allows it; HTTP/1.1 is what is spoken."""

    http2: bool = True
    headers: Mapping[Annotated[str, AfterValidator(_header)], HeaderValue] = Field(default_factory=dict)  # fmt: skip


class RateLimit(Settings):
    """One request every `interval`, and `burst` at once; 0 for no limit."""

    interval: Duration = 0.0
    burst: Annotated[int, Field(ge=0)] = 0


def _hashed(users: Mapping[str, Secret]) -> Mapping[str, Secret]:
    if not users:
        return users
    try:
        importlib.import_module("bcrypt")
    except ModuleNotFoundError:
        cure = 'pip install "prunella[exporter]"'
        raise ValueError(f"users need the package bcrypt: {cure}") from None
    plain = [name for name, hashed in users.items() if not _is_bcrypt(hashed.get_secret_value())]
    if plain:
        cure = "; ".join(f"htpasswd -nBC 10 {name}" for name in plain)
        said = ", ".join(map(repr, plain))
        raise ValueError(f"the password of {said} is not hashed with bcrypt: {cure}")
    return users


def _is_bcrypt(text: str) -> bool:
    kind, cost, rest = text[:4], text[4:6], text[7:]
    return kind in {"$2a$", "$2b$", "$2y$"} and cost.isdecimal() and 4 <= int(cost) <= 31 and text[6:7] == "$" and len(rest) == 53  # fmt: skip


class WebConfig(Settings):
    tls_server_config: TlsServerConfig | None = None
    http_server_config: HttpServerConfig = HttpServerConfig()
    basic_auth_users: Annotated[Mapping[str, Secret], AfterValidator(_hashed)] = Field(
        default_factory=dict
    )
    rate_limit: RateLimit = RateLimit()

    @property
    def files(self) -> tuple[Path | None, ...]:
        """Those besides the config itself."""
        return self.tls_server_config.files if self.tls_server_config is not None else ()


def read_web_config(file: Path) -> WebConfig:
    """Raises ConfigError with every mistake."""
    return load(WebConfig, file, {})
