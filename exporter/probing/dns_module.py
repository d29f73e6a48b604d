"""`dns:` of a module, as blackbox_exporter writes it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator

from exporter.probing.allowed import Gate
from exporter.probing.contexts import Contexts
from exporter.probing.dns import DnsOrder, Rules, probe_dns
from exporter.probing.dns_message import CLASSES, RCODES, TYPES, question
from exporter.probing.options import NotHere, TlsConfig, WayFrom, place_of
from exporter.probing.outcome import Outcome
from exporter.probing.patterns import Regexp, pattern
from prunella.service.rules import Rule
from prunella.service.settings import Settings

_PORT, _ENCRYPTED = 53, 853


def _name(text: str) -> str:
    question(0, text, 0, 0, recurse=True)
    return text


def _one_of(known: Mapping[str, int]) -> Callable[[str], str]:
    def check(word: str) -> str:
        if word not in known:
            raise ValueError(f"{word!r} is not one of {', '.join(known)}")
        return word

    return check


class RecordRules(Settings):
    fail_if_matches_regexp: tuple[Regexp, ...] = ()
    fail_if_not_matches_regexp: tuple[Regexp, ...] = ()
    fail_if_none_matches_regexp: tuple[Regexp, ...] = ()
    fail_if_all_match_regexp: NotHere = None  # fails there when not all match

    def rules(self) -> Rules:
        given = (
            self.fail_if_matches_regexp,
            self.fail_if_not_matches_regexp,
            self.fail_if_none_matches_regexp,
        )
        none, each, some = (tuple(map(pattern, texts)) for texts in given)
        return Rules(none, each, some)


class DnsModule(WayFrom):
    query_name: Annotated[str, AfterValidator(_name)]
    query_type: Annotated[str, AfterValidator(_one_of(TYPES))] = "ANY"
    query_class: Annotated[str, AfterValidator(_one_of(CLASSES))] = "IN"
    recursion_desired: bool = True
    transport_protocol: Literal["udp", "tcp"] = "udp"
    dns_over_tls: bool = False
    tls_config: TlsConfig = TlsConfig()
    valid_rcodes: tuple[Annotated[str, AfterValidator(_one_of(RCODES))], ...] = ("NOERROR",)
    validate_answer_rrs: RecordRules = RecordRules()
    validate_authority_rrs: RecordRules = RecordRules()
    validate_additional_rrs: RecordRules = RecordRules()

    @Rule
    def _can_be_encrypted(self) -> Iterator[str]:
        if self.dns_over_tls and self.transport_protocol == "udp":
            yield "dns_over_tls needs transport_protocol: tcp"


class NameServerProber:
    """Asks the name server that is the target."""

    def __init__(self, module: DnsModule) -> None:
        self._module = module
        self._contexts = Contexts(module.tls_config.demands())
        sections = (module.validate_answer_rrs, module.validate_authority_rrs, module.validate_additional_rrs)  # fmt: skip
        answer, authority, additional = (one.rules() for one in sections)
        self._rules = answer, authority, additional
        self._rcodes = frozenset(RCODES[word] for word in module.valid_rcodes)

    async def probe(self, target: str, gate: Gate, timeout: float) -> Outcome:
        module = self._module
        place = place_of(target, _ENCRYPTED if module.dns_over_tls else _PORT)
        if place is None:
            raise ValueError("the target is no name server: host or host:port")
        return await probe_dns(
            DnsOrder(
                host=place.host,
                port=place.port,
                gate=gate,
                timeout=timeout,
                name=module.query_name,
                kind=TYPES[module.query_type],
                of=CLASSES[module.query_class],
                recurse=module.recursion_desired,
                stream=module.transport_protocol == "tcp",
                encrypted=module.dns_over_tls,
                contexts=self._contexts,
                rcodes=self._rcodes,
                rules=self._rules,
                zone=module.query_type == "SOA",
                prefer=module.preferred_ip_protocol,
                fallback=module.ip_protocol_fallback,
                source=module.source_ip_address,
            )
        )
