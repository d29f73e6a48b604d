from __future__ import annotations

import ssl

import pytest
from pydantic import TypeAdapter, ValidationError

from exporter.resp.link import RedisUrl, address


def test_an_address_is_read_as_redis_py_reads_it() -> None:
    found = address("redis://me:p%40ss@cache:6380/3")
    assert (found.host, found.port, found.username, found.password) == ("cache", 6380, "me", "p@ss")
    assert not found.tls
    assert address("redis://").host == "localhost"
    assert address("redis://").port == 6379
    assert address("unix:///run/redis.sock?password=x").path == "/run/redis.sock"
    assert address("unix:///run/redis.sock?password=x").password == "x"


def test_a_password_is_not_shown() -> None:
    assert "hunter2" not in repr(address("redis://:hunter2@cache"))


@pytest.mark.parametrize("url", ["", "http://h", "redis://h:99999", "redis://h:0", "unix://"])
def test_what_is_no_address_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(ValidationError, match="must be redis://"):
        TypeAdapter(RedisUrl).validate_python(url)


def test_tls_checks_the_server_unless_told_otherwise() -> None:
    assert address("redis://h").context() is None
    context = address("rediss://h").context()
    assert context is not None
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    lax = address("rediss://h?ssl_cert_reqs=none").context()
    assert lax is not None
    assert lax.verify_mode == ssl.CERT_NONE
    nameless = address("rediss://h?ssl_check_hostname=false").context()
    assert nameless is not None
    assert (nameless.verify_mode, nameless.check_hostname) == (ssl.CERT_REQUIRED, False)
