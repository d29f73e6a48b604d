from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web
from pydantic import ValidationError

from exporter.probing.allowed import Forbidden, Gate
from exporter.probing.modules import Module, named, prober
from exporter.probing.options import place_of
from exporter.probing.outcome import Reason
from exporter.probing.patterns import expanded, pattern
from tests.exporter.probing.asking import ANYWHERE, pages, saying

# As Debian's prometheus-blackbox-exporter ships it, without what is not supported.
SHIPPED = """
http_2xx: {prober: http}
http_post_2xx: {prober: http, http: {method: POST}}
tcp_connect: {prober: tcp}
pop3s_banner:
  prober: tcp
  tcp:
    query_response: [{expect: "^+OK"}]
    tls: true
    tls_config: {insecure_skip_verify: false}
ssh_banner:
  prober: tcp
  tcp: {query_response: [{expect: "^SSH-2.0-"}, {send: "SSH-2.0-blackbox-ssh-check"}]}
irc_banner:
  prober: tcp
  tcp:
    query_response:
      - send: "NICK prober"
      - send: "USER prober prober prober :prober"
      - {expect: "PING :([^ ]+)", send: "PONG ${1}"}
      - expect: "^:[^ ]+ 001"
"""


def module(**keys: Any) -> Module:
    return Module.model_validate(keys)


def http(**keys: Any) -> Module:
    return module(prober="http", http=keys)


def test_the_shipped_modules_are_read_as_they_are() -> None:
    read = {name: module(**keys) for name, keys in yaml.safe_load(SHIPPED).items()}
    assert set(named(read)) == set(read)
    assert expanded("PONG ${1}", pattern("(x)").search(b"x")) == "PONG x"  # type: ignore[arg-type]  # it matches


def test_http_2xx_is_there_by_itself() -> None:
    assert set(named(None)) == {"http_2xx"}


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"prober": "unix"}, "unix is not supported here, only http, tcp, dns, icmp and grpc"),
        ({"prober": "smoke"}, "must be 'http', 'tcp', 'dns', 'icmp' or 'grpc'"),
        ({"prober": "dns"}, "needs dns: {query_name"),
        ({"prober": "dns", "dns": {"query_name": "a..b"}}, "is no name"),
        ({"prober": "dns", "dns": {"query_name": "a", "query_type": "B"}}, "'B' is not one of A, NS"),
        ({"prober": "dns", "dns": {"query_name": "a", "valid_rcodes": ["OK"]}}, "'OK' is not one of NOERROR"),
        ({"prober": "dns", "dns": {"query_name": "a", "dns_over_tls": True}}, "needs transport_protocol: tcp"),
        ({"prober": "dns", "dns": {"query_name": "a", "validate_answer_rrs": {"fail_if_all_match_regexp": ["a"]}}}, "keep blackbox"),
        ({"prober": "icmp", "icmp": {"source_ip_address": "here"}}, "'here' is no address"),
        ({"prober": "http", "http": {"proxy_url": "http://x"}}, "keep blackbox_exporter for this"),
        ({"prober": "http", "http": {"oauth2": {}}}, "keep blackbox_exporter for this"),
        ({"prober": "http", "http": {"compression": "br"}}, "must be"),
        ({"prober": "http", "http": {"valid_http_versions": ["HTTP/2.0"]}}, "nothing else is spoken here"),
        ({"prober": "http", "http": {"enable_http3": True}}, "must be False"),
        ({"prober": "http", "http": {"fail_if_body_matches_regexp": ["("]}}, "no regular expression"),
        ({"prober": "http", "http": {"basic_auth": {}, "bearer_token": "a"}}, "give one of"),
        ({"prober": "http", "http": {"tls_config": {"ca_file": "/nowhere"}}}, "there is no file"),
        ({"prober": "http", "http": {"metod": "GET"}}, "unknown key (did you mean method?)"),
        ({"prober": "tcp", "tcp": {"query_response": [{"expect": "("}]}}, "no regular expression"),
        ({"prober": "tcp", "tcp": {"query_response": [{"labels": []}]}}, "keep blackbox_exporter"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_an_error_in_the_config(keys: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as raised:
        module(**keys)
    assert said in str(raised.value)


def test_a_file_that_is_no_certificate_is_said(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    with pytest.raises(ValidationError, match="holds no certificate in PEM"):
        http(tls_config={"ca_file": str(tmp_path / "ca.pem")})


WITHOUT_H2 = """
import sys
import exporter.app
from exporter.probing.modules import Module
assert "h2" not in sys.modules, "loaded before anybody asked for it"
sys.modules["h2"] = None
Module(prober="http")
Module(prober="grpc")
"""


def test_without_its_package_a_grpc_module_says_how_to_get_it() -> None:
    argv = [sys.executable, "-c", WITHOUT_H2]
    said = subprocess.run(argv, capture_output=True, text=True, check=False).stderr
    assert 'grpc needs the package h2: pip install "prunella[grpc]"' in said


async def echo(request: web.Request) -> web.StreamResponse:
    seen = request.headers
    said = f"{request.method} {seen.get('Authorization')} {seen.get('X-A')} {await request.text()}"
    return web.Response(text=said)


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ({}, "GET None None "),
        ({"method": "POST", "body": "hi", "headers": {"X-A": "b"}}, "POST None b hi"),
        ({"basic_auth": {"username": "u", "password": "p"}}, "GET Basic dTpw"),
        ({"bearer_token": "abc"}, "GET Bearer abc"),
        ({"authorization": {"credentials": "abc"}}, "GET Bearer abc"),
        ({"authorization": {"type": "Token", "credentials": "abc"}}, "GET Token abc"),
    ],
)
async def test_what_a_module_says_is_sent(keys: dict[str, Any], text: str) -> None:
    wanted = f"^{text}".replace("+", r"\+")
    one = prober(http(**keys, fail_if_body_not_matches_regexp=[wanted]))
    async with pages(echo) as server:
        outcome = await one.probe(f"127.0.0.1:{server.port}/x", ANYWHERE, 5.0)
    assert outcome.reason is None


async def test_a_module_fails_for_what_it_says() -> None:
    one = prober(http(fail_if_not_ssl=True, valid_status_codes=[200]))
    async with pages(echo) as server:
        outcome = await one.probe(str(server.make_url("/")), ANYWHERE, 5.0)
    assert outcome.reason is Reason.TLS


async def test_a_tcp_module_talks() -> None:
    one = prober(module(prober="tcp", tcp={"query_response": [{"expect": "^SSH-2.0-"}]}))
    async with saying(b"SSH-2.0-OpenSSH\r\n") as address:
        assert (await one.probe(address, ANYWHERE, 5.0)).reason is None


@pytest.mark.parametrize("target", ["foo", "foo:", "foo:0", "foo:99999", "::1:80", ":80", "[::1]"])
async def test_a_tcp_target_without_a_port_is_a_failed_probe(target: str) -> None:
    outcome = await prober(module(prober="tcp")).probe(target, ANYWHERE, 5.0)
    assert (outcome.reason, outcome.lookup) == (Reason.CONNECT, None)


@pytest.mark.parametrize("target", ["foo", "127.0.0.1:1", "169.254.169.254:80"])
async def test_a_tcp_target_passes_the_gate_first(target: str) -> None:
    with pytest.raises(Forbidden):
        await prober(module(prober="tcp")).probe(target, Gate(), 5.0)


@pytest.mark.parametrize("target", ["", "http://", "http:///x", "?"])
async def test_a_target_without_a_host_is_none(target: str) -> None:
    with pytest.raises(ValueError, match="no host"):
        await prober(http()).probe(target, ANYWHERE, 5.0)


def test_the_secrets_of_a_module_are_not_shown() -> None:
    one = http(headers={"X-Key": "hunter2"}, body="hunter2", basic_auth={"password": "hunter2"})
    assert "hunter2" not in repr(one)
    assert "hunter2" not in one.model_dump_json()


@pytest.mark.parametrize(
    ("target", "place"),
    [
        ("ns.example", ("ns.example", 53)),
        ("ns.example:5353", ("ns.example", 5353)),
        ("10.0.0.1", ("10.0.0.1", 53)),
        ("::1", ("::1", 53)),
        ("[::1]", ("::1", 53)),
        ("[::1]:5353", ("::1", 5353)),
        ("", None),
        ("ns.example:", None),
        ("a:b:53", None),
    ],
)
def test_a_port_that_is_usual_need_not_be_said(target: str, place: tuple[str, int] | None) -> None:
    assert place_of(target, 53) == place
