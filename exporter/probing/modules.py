"""`modules:` as blackbox_exporter writes them, and the order that each makes of a target.

What is asked for here and not done here is an error in the config, not silence: a probe that checks less than its
module says would be worse than none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from typing import Annotated, Any, Literal, Protocol

from pydantic import AfterValidator, BeforeValidator, Field

from exporter.probing.allowed import Gate
from exporter.probing.contexts import Contexts
from exporter.probing.dns_module import DnsModule, NameServerProber
from exporter.probing.expected import Expected, HeaderRule
from exporter.probing.grpc_module import GrpcModule, HealthProber
from exporter.probing.http import Order, probe_http
from exporter.probing.icmp_module import IcmpModule, Ping
from exporter.probing.options import (
    Authorization,
    BasicAuth,
    NotHere,
    TlsConfig,
    Way,
    WayFrom,
    place_of,
    url_of,
)
from exporter.probing.outcome import Failed, Outcome, Reason
from exporter.probing.patterns import Pattern, Regexp, pattern
from exporter.probing.tcp import Step, TcpOrder, probe_tcp
from prunella.service.header_lines import HeaderName, SecretHeader
from prunella.service.rules import Rule, is_given
from prunella.service.settings import Duration, Secret, Settings, Size

LONGEST = 120.0  # seconds, when neither the module nor Prometheus says


def _known_prober(value: object) -> object:
    if value in ("unix", "websocket"):
        raise ValueError(
            f"{value} is not supported here, only http, tcp, dns, icmp and grpc: keep blackbox_exporter for this module"
        )
    if value == "grpc" and find_spec("h2") is None:
        raise ValueError('grpc needs the package h2: pip install "prunella[grpc]"')
    return value


_SPOKEN = {"HTTP/1.0": 1.0, "HTTP/1.1": 1.1}


def _one_is_spoken(versions: tuple[str, ...]) -> tuple[str, ...]:
    if versions and not _SPOKEN.keys() & set(versions):
        raise ValueError("has neither HTTP/1.0 nor HTTP/1.1, and nothing else is spoken here")
    return versions


class HeaderMatch(Settings):
    header: str
    regexp: Regexp
    allow_missing: bool = False

    def rule(self) -> HeaderRule:
        return HeaderRule(self.header.lower(), pattern(self.regexp), self.allow_missing)


class HttpModule(Way):
    valid_status_codes: tuple[Annotated[int, Field(ge=100, le=599)], ...] = ()
    valid_http_versions: Annotated[tuple[str, ...], AfterValidator(_one_is_spoken)] = ()
    method: Annotated[str, Field(pattern=r"^[A-Z]*$")] = "GET"
    headers: Mapping[HeaderName, SecretHeader] = Field(default_factory=dict)
    follow_redirects: bool = True
    no_follow_redirects: bool = False
    fail_if_ssl: bool = False
    fail_if_not_ssl: bool = False
    fail_if_body_matches_regexp: tuple[Regexp, ...] = ()
    fail_if_body_not_matches_regexp: tuple[Regexp, ...] = ()
    fail_if_header_matches: tuple[HeaderMatch, ...] = ()
    fail_if_header_not_matches: tuple[HeaderMatch, ...] = ()
    body_size_limit: Size = 0
    compression: Literal["", "identity", "gzip", "deflate"] = ""
    body: Secret = Secret("")
    basic_auth: BasicAuth | None = None
    bearer_token: SecretHeader | None = None
    authorization: Authorization | None = None
    tls_config: TlsConfig = TlsConfig()
    enable_http2: bool = True  # allows it, and HTTP/1.1 is what is spoken
    enable_http3: Literal[False] = False
    oauth2: NotHere = None
    proxy_url: NotHere = None
    proxy_from_environment: NotHere = None
    proxy_connect_header: NotHere = None
    no_proxy: NotHere = None
    skip_resolve_phase_with_proxy: NotHere = None
    fail_if_body_json_matches_cel: NotHere = None
    fail_if_body_json_not_matches_cel: NotHere = None

    @Rule
    def _one_login(self) -> Iterator[str]:
        logins = ("basic_auth", "bearer_token", "authorization")
        if sum(is_given(self, name) for name in logins) > 1:
            yield "give one of basic_auth, bearer_token and authorization"

    def versions(self) -> tuple[float, ...]:
        return tuple(_SPOKEN[one] for one in self.valid_http_versions if one in _SPOKEN)

    def sent(self) -> dict[str, str]:
        """The headers."""
        found = {name: value.get_secret_value() for name, value in self.headers.items()}
        if self.basic_auth is not None:
            found["Authorization"] = self.basic_auth.header()
        if self.bearer_token is not None:
            found["Authorization"] = f"Bearer {self.bearer_token.get_secret_value()}"
        if self.authorization is not None:
            token = self.authorization.credentials.get_secret_value()
            found["Authorization"] = f"{self.authorization.type} {token}"
        if self.compression and "accept-encoding" not in map(str.lower, found):
            found["Accept-Encoding"] = self.compression
        return found

    def expected(self) -> Expected:
        return Expected(
            statuses=self.valid_status_codes,
            versions=self.versions(),
            body_has=_patterns(self.fail_if_body_not_matches_regexp),
            body_has_not=_patterns(self.fail_if_body_matches_regexp),
            headers_have=tuple(one.rule() for one in self.fail_if_header_not_matches),
            headers_have_not=tuple(one.rule() for one in self.fail_if_header_matches),
            encrypted=True if self.fail_if_not_ssl else False if self.fail_if_ssl else None,
            most=self.body_size_limit,
        )


def _patterns(texts: tuple[str, ...]) -> tuple[Pattern, ...]:
    return tuple(pattern(text) for text in texts)


class QueryResponse(Settings):
    expect: Regexp = ""
    send: Secret = Secret("")
    starttls: bool = False
    labels: NotHere = None

    def step(self) -> Step:
        expect = pattern(self.expect) if self.expect else None
        return Step(expect, self.send.get_secret_value(), self.starttls)


class TcpModule(WayFrom):
    query_response: tuple[QueryResponse, ...] = ()
    tls: bool = False
    tls_config: TlsConfig = TlsConfig()


class Module(Settings):
    prober: Annotated[Literal["http", "tcp", "dns", "icmp", "grpc"], BeforeValidator(_known_prober)]
    timeout: Annotated[Duration, Field(ge=0)] = 0.0
    http: HttpModule = HttpModule()
    tcp: TcpModule = TcpModule()
    dns: DnsModule | None = None
    icmp: IcmpModule = IcmpModule()
    grpc: GrpcModule = GrpcModule()

    @Rule
    def _asks_something(self) -> Iterator[str]:
        if self.prober == "dns" and not is_given(self, "dns"):
            yield "prober: dns needs dns: {query_name: …}"


Modules = Mapping[str, Module]
DEFAULT = Module(prober="http")


class Prober(Protocol):
    """A module that is ready to be used again and again."""

    async def probe(self, target: str, gate: Gate, timeout: float) -> Outcome:
        """Raises Forbidden for a target that the gate does not let through, ValueError for what is none."""
        ...


def prober(module: Module) -> Prober:
    match module.prober:
        case "tcp":
            return _Tcp(module.tcp)
        case "icmp":
            return Ping(module.icmp)
        case "grpc":
            return HealthProber(module.grpc)
        case "dns" if module.dns is not None:
            return NameServerProber(module.dns)
        case _:
            return _Http(module.http)


class _Http:
    def __init__(self, module: HttpModule) -> None:
        self._module, self._expected = module, module.expected()
        self._headers, self._body = module.sent(), module.body.get_secret_value().encode()
        self._contexts = Contexts(module.tls_config.demands("http/1.1"))

    async def probe(self, target: str, gate: Gate, timeout: float) -> Outcome:
        module, url = self._module, url_of(target)
        return await probe_http(
            Order(
                url=url,
                gate=gate,
                timeout=timeout,
                method=module.method or "GET",
                headers=self._headers,
                body=self._body,
                expected=self._expected,
                follow=module.follow_redirects and not module.no_follow_redirects,
                compression=module.compression.replace("identity", ""),
                contexts=self._contexts,
                prefer=module.preferred_ip_protocol,
                fallback=module.ip_protocol_fallback,
            )
        )


class _Tcp:
    def __init__(self, module: TcpModule) -> None:
        self._module = module
        self._steps = tuple(one.step() for one in module.query_response)
        self._contexts = Contexts(module.tls_config.demands())

    async def probe(self, target: str, gate: Gate, timeout: float) -> Outcome:
        module, place = self._module, place_of(target)
        if place is None:
            gate.admit(target)
            return _nowhere(target)
        return await probe_tcp(
            TcpOrder(
                host=place.host,
                port=place.port,
                gate=gate,
                timeout=timeout,
                steps=self._steps,
                encrypted=module.tls,
                contexts=self._contexts,
                prefer=module.preferred_ip_protocol,
                fallback=module.ip_protocol_fallback,
                source=module.source_ip_address,
            )
        )


def _nowhere(target: str) -> Outcome:
    """As blackbox_exporter: what has no port is a probe that failed."""
    outcome = Outcome()
    failed = Failed(Reason.CONNECT, f"{target[:200]!r} is not host:port")
    outcome.fail(failed.reason, str(failed))
    return outcome


def named(modules: Modules | None) -> dict[str, Any]:
    """A prober for each, `http_2xx` among them."""
    return {
        name: prober(module) for name, module in {"http_2xx": DEFAULT, **(modules or {})}.items()
    }
