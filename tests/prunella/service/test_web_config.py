from __future__ import annotations

import re
import ssl
from pathlib import Path
from typing import Any

import pytest
import yaml

from prunella.service.settings import ConfigError
from prunella.service.web_config import WebConfig, read_web_config
from tests.prunella.service.certificates import self_signed

INVALID = sorted((Path(__file__).parent / "testdata").glob("invalid-*.yml"))
HASH = "$2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG"


def written(folder: Path, **keys: Any) -> Path:
    file = folder / "web.yml"
    file.write_text(yaml.safe_dump(keys))
    return file


def tls(folder: Path, **keys: Any) -> WebConfig:
    """With certificates beside the file, as operators keep them."""
    self_signed(folder, "server")
    pair = {"cert_file": "server.pem", "key_file": "server.key"}
    return read_web_config(written(folder, tls_server_config={**pair, **keys}))


def context(config: WebConfig) -> ssl.SSLContext:
    assert config.tls_server_config is not None
    return config.tls_server_config.context()


def test_a_whole_file_as_the_toolkit_documents_it(tmp_path: Path) -> None:
    self_signed(tmp_path, "server")
    file = tmp_path / "web.yml"
    file.write_text(f"""\
tls_server_config:
  cert_file: server.pem
  key_file: server.key
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: server.pem
  min_version: TLS12
  max_version: TLS13
  cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, TLS_AES_128_GCM_SHA256]
  prefer_server_cipher_suites: true
  curve_preferences: [CurveP256]
http_server_config:
  http2: true
  headers: {{X-Frame-Options: deny, Strict-Transport-Security: max-age=31536000}}
basic_auth_users:
  prometheus: {HASH}
rate_limit: {{interval: 1s, burst: 20}}
""")
    config = read_web_config(file)
    made = context(config)
    assert made.verify_mode is ssl.CERT_REQUIRED
    assert made.minimum_version is ssl.TLSVersion.TLSv1_2
    older = {one["name"] for one in made.get_ciphers() if one["protocol"] != "TLSv1.3"}
    assert older == {"ECDHE-ECDSA-AES256-GCM-SHA384"}
    assert config.basic_auth_users["prometheus"].get_secret_value() == HASH
    assert HASH not in repr(config)


def test_an_empty_file_is_an_open_door(tmp_path: Path) -> None:
    config = read_web_config(written(tmp_path))
    assert config.tls_server_config is None
    assert not config.basic_auth_users


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"min_version": "TLS13", "max_version": "TLS12"}, "min_version is above max_version"),
        ({"min_version": "SSL3"}, "must be 'TLS10'"),
        ({"cipher_suites": ["TLS_INVENTED"]}, "no cipher suite of Go's crypto/tls"),
        ({"curve_preferences": ["CurveP1"]}, "is not one of CurveP256"),
        ({"curve_preferences": ["CurveP256", "X25519"]}, "at most 1 item"),
        ({"client_auth_type": "RequireAndVerifyClientCert"}, "needs client_ca_file"),
        ({"client_auth_type": "VerifyClientCertIfGiven"}, "needs client_ca_file"),
        ({"client_auth_type": "RequestClientCert"}, "checks nothing"),
        ({"client_auth_type": "Whoever"}, "is not one of NoClientCert"),
        ({"client_ca_file": "server.pem"}, "does not ask for it"),
        ({"client_ca_file": "nowhere.pem"}, "there is no file"),
        ({"client_allowed_sans": ["a"]}, "needs RequireAndVerifyClientCert"),
        ({"key_file": "server.pem"}, "holds no private key in PEM"),
        ({"cert": "inline"}, "unknown key"),
    ],
)
def test_a_door_that_cannot_be_built_is_said(
    tmp_path: Path, keys: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError, match="tls_server_config") as raised:
        tls(tmp_path, **keys)
    assert said in str(raised.value)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"basic_auth_users": {"a": "hunter2"}}, "is not hashed with bcrypt"),
        ({"basic_auth_users": {"a": HASH.replace("$10$", "$99$")}}, "is not hashed with bcrypt"),
        ({"http_server_config": {"headers": {"X-Mine": "a"}}}, "'X-Mine' is not one of"),
        ({"http_server_config": {"headers": {"X-Frame-Options": "a\nb"}}}, "must be one line"),
        ({"tls_server_config": {}}, "tls_server_config.cert_file: required key is missing"),
        ({"basic_auth": {}}, "unknown key (did you mean basic_auth_users?)"),
    ],
)
def test_another_mistake_is_said(tmp_path: Path, keys: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as raised:
        read_web_config(written(tmp_path, **keys))
    assert said in str(raised.value)
    assert "hunter2" not in str(raised.value)


def test_all_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    """Rules about several keys, too: another mistake in the block hides none of them."""
    made = {
        "cert_file": "nowhere.pem",
        "client_auth_type": "VerifyClientCertIfGiven",
        "client_allowed_sans": ["a"],
        "max_version": "TLS11",
    }
    users = {"ann": "hunter2", "bob": HASH, "eve": "hunter2"}
    with pytest.raises(ConfigError) as raised:
        read_web_config(written(tmp_path, tls_server_config=made, basic_auth_users=users))
    assert [line.split(str(tmp_path))[0] for line in str(raised.value).splitlines()] == [
        "tls_server_config.cert_file: there is no file ",
        "tls_server_config.key_file: required key is missing",
        "tls_server_config: VerifyClientCertIfGiven needs client_ca_file",
        "tls_server_config: client_allowed_sans needs RequireAndVerifyClientCert",
        "tls_server_config: min_version is above max_version",
        "basic_auth_users: the password of 'ann', 'eve' is not hashed with bcrypt: htpasswd -nBC 10 ann; htpasswd -nBC 10 eve",
    ]


@pytest.mark.parametrize("file", INVALID, ids=lambda file: file.stem)
def test_a_bad_file_is_told_where_and_why(file: Path) -> None:
    expected = re.findall(r"^# (.+)$", file.read_text(), re.MULTILINE)
    with pytest.raises(ConfigError) as raised:
        read_web_config(file)
    for line, start in zip(str(raised.value).splitlines(), expected, strict=True):
        assert line.startswith(start), line
