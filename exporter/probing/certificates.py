"""What a handshake has shown: until when the certificates hold, and whose they are."""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

_DER = 2  # `_ssl.ENCODING_DER`
_LONGEST = 1000  # characters of a label: a certificate says what it likes
# As Go spells a name: these in this order, then what it has no word for.
_WORDS = (
    ("serialNumber", "SERIALNUMBER"), ("commonName", "CN"), ("postalCode", "POSTALCODE"),
    ("streetAddress", "STREET"), ("stateOrProvinceName", "ST"), ("localityName", "L"),
    ("organizationalUnitName", "OU"), ("organizationName", "O"), ("countryName", "C"),
)  # fmt: skip
# Go's zero time, which blackbox_exporter shows when nobody vouches for a chain
NO_CHAIN = -62135596800.0


@dataclass(frozen=True, slots=True)
class Shown:
    """`earliest` of all certificates that were sent, `chain` of those that lead to a root; unix seconds."""

    earliest: float
    chain: float
    fingerprint: str
    subject: str
    issuer: str
    names: str
    version: str


def shown_by(connection: ssl.SSLObject) -> Shown | None:
    """None when no certificate was sent."""
    sent = _chain(connection, "get_unverified_chain")
    if not sent:
        return None
    verified = connection.context.verify_mode is not ssl.CERT_NONE
    led = _chain(connection, "get_verified_chain") if verified else ()
    version = (connection.version() or "").replace("TLSv1", "TLS 1").removesuffix(".0")
    return _read(_Chains(sent, led), version)


class _Chains:
    """The certificates, compared by their bytes: a server shows the same ones for months."""

    def __init__(self, sent: Sequence[Any], led: Sequence[Any]) -> None:
        self.sent, self.led = sent, led
        self.raw = tuple(one.public_bytes(_DER) for one in (*sent, *led)), len(sent)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Chains) and self.raw == other.raw

    def __hash__(self) -> int:
        return hash(self.raw)


@lru_cache(256)
def _read(chains: _Chains, version: str) -> Shown:
    (der, *_), _count = chains.raw
    leaf: Mapping[str, Any] = chains.sent[0].get_info()
    alternatives = [value for kind, value in leaf.get("subjectAltName", ()) if kind == "DNS"]
    return Shown(
        earliest=_ends(chains.sent),
        chain=_ends(chains.led) if chains.led else NO_CHAIN,
        fingerprint=hashlib.sha256(der).hexdigest(),
        subject=_spelled(leaf["subject"])[:_LONGEST],
        issuer=_spelled(leaf["issuer"])[:_LONGEST],
        names=",".join(alternatives)[:_LONGEST],
        version=version,
    )


def _chain(connection: ssl.SSLObject, called: str) -> Sequence[Any]:
    """Python 3.13 gives the chain in public and as bytes; what can be read of it is below that, from 3.10 on."""
    inner: Any = getattr(connection, "_sslobj")  # noqa: B009 - spelled so that it stands out
    return list(getattr(inner, called)() or ())


def _ends(certificates: Iterable[Any]) -> float:
    return min(float(ssl.cert_time_to_seconds(one.get_info()["notAfter"])) for one in certificates)


def _spelled(name: Iterable[Iterable[tuple[str, str]]]) -> str:
    """RFC 2253, as Go writes it."""
    found: dict[str, list[str]] = {}
    for part in name:
        for kind, value in part:
            found.setdefault(kind, []).append(value)
    words = dict(_WORDS)
    known = [
        "+".join(f"{word}={_escaped(value)}" for value in found[kind])
        for kind, word in _WORDS
        if kind in found
    ]
    others = [
        f"{kind}={_escaped(v)}" for kind, all_ in found.items() if kind not in words for v in all_
    ]
    return ",".join([*known, *others])


def _escaped(value: str) -> str:
    shown = "".join(f"\\{one}" if one in ',+"\\<>;' else one for one in value)
    if shown.startswith(("#", " ")):
        shown = f"\\{shown}"
    return f"{shown[:-1]}\\ " if len(shown) > 1 and shown.endswith(" ") else shown
