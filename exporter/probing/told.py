"""Outcomes as families, under blackbox_exporter's names."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from prometheus_client.metrics_core import Metric

from exporter.families import empty, gauge
from exporter.probing.grpc_message import SERVING
from exporter.probing.outcome import Answer, Echo, NameServer, Outcome, Serving
from exporter.probing.resolver import literal

Labels = tuple[str, ...]
Seen = Sequence[tuple[Labels, Outcome]]

_ANSWER: tuple[tuple[str, str, Callable[[Answer], float]], ...] = (
    ("probe_http_status_code", "Status of the answer, 0 when there was none.", lambda a: a.status),
    ("probe_http_version", "Version of HTTP of the answer, 0 when there was none.", lambda a: a.version),
    ("probe_http_redirects", "How often the probe was sent elsewhere.", lambda a: a.redirects),
    ("probe_http_content_length", "Length of the body as the answer said, -1 when it did not.", lambda a: a.content_length),
    ("probe_http_uncompressed_body_length", "Bytes of the body that came.", lambda a: a.body_length),
)  # fmt: skip
BY_PATTERN = "probe_failed_due_to_regex"
_PHASES = ("resolve", "connect", "tls", "processing", "transfer")
_CHAIN = ("fingerprint_sha256", "issuer", "subject", "subjectalternative")


def families(names: Sequence[str], seen: Seen, note: str = "") -> list[Metric]:
    """The series of every outcome; `names` are the labels that each one's values belong to, `note` ends the HELP."""
    found = [*_common(names, seen), *_http(names, seen), *_tls(names, seen)]
    if note:
        for family in found:
            family.documentation += note
    return found


def shown(outcome: Outcome) -> list[Metric]:
    """The series of one outcome, without labels and without names that have none."""
    seen = [((), outcome)]
    found = _common((), seen)
    if outcome.echo or outcome.server or outcome.serving:  # where there is no such word
        found = [family for family in found if family.name != BY_PATTERN]
    if outcome.answer is not None:
        found += _http((), seen)
    if outcome.shown is not None:
        found += _tls((), seen)
    if outcome.echo is not None:
        found += _icmp(outcome.lookup or 0.0, outcome.echo)
    if outcome.server is not None:
        found += _dns(outcome.lookup or 0.0, outcome.server)
    if outcome.serving is not None:
        encrypted = outcome.shown is not None and outcome.answered
        found += _grpc(outcome.lookup or 0.0, outcome.serving, encrypted=encrypted)
    return [family for family in found if not empty(family)]


def _common(names: Sequence[str], seen: Seen) -> list[Metric]:
    looked = [(labels, one) for labels, one in seen if one.lookup is not None]
    return [
        gauge("probe_success", "Whether the probe was answered as expected.", names, [(labels, one.success) for labels, one in seen]),
        gauge("probe_duration_seconds", "How long the probe took.", names, [(labels, one.seconds) for labels, one in seen]),
        gauge(BY_PATTERN, "Whether the probe failed because of what the answer says.", names, [(labels, one.by_pattern) for labels, one in seen]),
        gauge("probe_dns_lookup_time_seconds", "How long the address was looked for.", names, [(labels, one.lookup or 0.0) for labels, one in looked]),
        gauge("probe_ip_protocol", "4 or 6: the kind of address that was probed, 0 when there was none.", names, [(labels, _version(one.address)) for labels, one in looked]),
        gauge("probe_ip_addr_hash", "A number that changes with the address.", names, [(labels, address_hash(one.address)) for labels, one in looked]),
    ]  # fmt: skip


def _http(names: Sequence[str], seen: Seen) -> list[Metric]:
    answers = [(labels, one.answer) for labels, one in seen if one.answer is not None]
    over_http = [(labels, one) for labels, one in seen if one.answer is not None]
    return [
        *(gauge(name, text, names, [(labels, of(answer)) for labels, answer in answers]) for name, text, of in _ANSWER),
        gauge("probe_http_ssl", "Whether the final answer was encrypted.", names, [(labels, one.shown is not None and one.answered) for labels, one in over_http]),
        gauge("probe_http_last_modified_timestamp_seconds", "Last-Modified of the answer, in unix seconds.", names, [(labels, a.last_modified) for labels, a in answers if a.last_modified is not None]),
        gauge(
            "probe_http_duration_seconds", "How long each phase took, summed over all redirects.", (*names, "phase"),
            [((*labels, phase), getattr(one.phases, phase)) for labels, one in over_http for phase in _PHASES],
        ),
    ]  # fmt: skip


def _tls(names: Sequence[str], seen: Seen) -> list[Metric]:
    handshakes = [
        (labels, one.shown) for labels, one in seen if one.shown is not None and one.answered
    ]
    chains = [
        ((*labels, s.fingerprint, s.issuer, s.subject, s.names), 1.0) for labels, s in handshakes
    ]
    return [
        gauge("probe_ssl_earliest_cert_expiry", "Unix time at which the first of the certificates that were shown ends.", names, [(labels, s.earliest) for labels, s in handshakes]),
        gauge("probe_ssl_last_chain_expiry_timestamp_seconds", "Unix time at which the chain that was verified ends.", names, [(labels, s.chain) for labels, s in handshakes]),
        gauge("probe_ssl_last_chain_info", "The certificate that was shown; always 1.", (*names, *_CHAIN), chains),
        gauge("probe_tls_version_info", "The version of TLS; always 1.", (*names, "version"), [((*labels, s.version), 1.0) for labels, s in handshakes]),
    ]  # fmt: skip


def _icmp(lookup: float, echo: Echo) -> list[Metric]:
    phases = {"resolve": lookup, "setup": echo.setup, "rtt": echo.round_trip}
    hops = [] if echo.hops_left is None else [((), echo.hops_left)]
    return [
        gauge("probe_icmp_duration_seconds", "How long each phase took.", ("phase",), [((phase,), took) for phase, took in phases.items()]),
        gauge("probe_icmp_reply_hop_limit", "How many hops the answer had left.", (), hops),
    ]  # fmt: skip


def _dns(lookup: float, server: NameServer) -> list[Metric]:
    phases = {"resolve": lookup, "connect": server.connect, "request": server.request}
    serial = [] if server.serial is None else [((), server.serial)]
    return [
        gauge("probe_dns_duration_seconds", "How long each phase took.", ("phase",), [((phase,), took) for phase, took in phases.items()]),
        gauge("probe_dns_answer_rrs", "Records in the answer.", (), [((), server.answer)]),
        gauge("probe_dns_authority_rrs", "Records of the authority.", (), [((), server.authority)]),
        gauge("probe_dns_additional_rrs", "Records that came besides.", (), [((), server.additional)]),
        gauge("probe_dns_serial", "Serial of the zone.", (), serial),
    ]  # fmt: skip


def _grpc(lookup: float, serving: Serving, *, encrypted: bool) -> list[Metric]:
    asked = {} if serving.check is None else {"check": serving.check}
    words = dict.fromkeys(SERVING, 0.0) if asked else {}
    if serving.said:
        words[serving.said] = 1.0
    return [
        gauge("probe_grpc_duration_seconds", "How long each phase took.", ("phase",), [((phase,), took) for phase, took in {"resolve": lookup, **asked}.items()]),
        gauge("probe_grpc_healthcheck_response", "What the server said of the service: 1 for its word, 0 for the others.", ("serving_status",), [((word,), so) for word, so in words.items()]),
        gauge("probe_grpc_ssl", "Whether the answer was encrypted.", (), [((), encrypted)]),
        gauge("probe_grpc_status_code", "How the call ended, as gRPC's number.", (), [((), serving.status)]),
    ]  # fmt: skip


def _version(address: str) -> float:
    known = literal(address)
    return known.version if known is not None else 0


def address_hash(address: str) -> float:
    """FNV-1a in 32 bits over the bytes of the address."""
    known = literal(address)
    if known is None:
        return 0.0
    found = 2166136261
    for byte in known.packed:
        found = ((found ^ byte) * 16777619) & 0xFFFFFFFF
    return float(found)
