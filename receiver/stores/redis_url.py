"""What an address of a Redis says. redis-py reads `/x` as database 0 and `/1/2` as 12: whoever empties databases may not."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

from redis.asyncio.connection import (
    Connection,
    SSLConnection,
    UnixDomainSocketConnection,
    parse_url,
)
from redis.exceptions import RedisError

from prunella.service.settings import Secret
from receiver.stores.redis_connection import (
    PromptConnection,
    PromptSSLConnection,
    PromptUnixConnection,
)

FORM = "must be redis://host:port/database, rediss://… or unix:///path/of/redis.sock?db=0"
_DATABASE = re.compile(r"/?|/[0-9]{1,5}")
_PROMPT = {
    Connection: PromptConnection,
    SSLConnection: PromptSSLConnection,
    UnixDomainSocketConnection: PromptUnixConnection,
}
_TLS = frozenset({"ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_cert_reqs", "ssl_check_hostname"})  # fmt: skip
_KNOWN = frozenset({"db", "username", "password"}) | _TLS


def check_redis_url(url: Secret) -> Secret:
    """The address, if it is one and says clearly which database it means. Raises ValueError that does not quote it."""
    text = url.get_secret_value()
    scheme = text.partition("://")[0].lower()
    if "sentinel" in scheme:
        raise ValueError(
            "Sentinel is not spoken: name the primary as redis://…, or a proxy before it"
        )
    try:
        parts, _ = urlsplit(text), parse_url(text)
        given = parse_qs(parts.query, keep_blank_values=True)
        usable = parts.port != 0 and not parts.fragment
    except (ValueError, RedisError):
        usable = False  # its own text would quote the password
    if not usable:
        raise ValueError(FORM)
    _check_options(scheme, given)
    path = parts.path if scheme != "unix" else ""
    if not _DATABASE.fullmatch(path) or (path not in {"", "/"} and "db" in given):
        raise ValueError("must name one database by its number, as in redis://host:6379/3")
    if scheme == "unix" and not parts.path:
        raise ValueError(FORM)
    return url


def _check_options(scheme: str, given: dict[str, list[str]]) -> None:
    known = _KNOWN if scheme == "rediss" else _KNOWN - _TLS
    if not given.keys() <= known or any(len(values) > 1 for values in given.values()):
        raise ValueError(f"knows after the ? only {', '.join(sorted(known))}, each once")
    if not all(re.fullmatch("[0-9]{1,5}", value) for value in given.get("db", [])):
        raise ValueError("must name the database by its number, as in ?db=3")


def database_of(url: Secret) -> int:
    """The number of the database."""
    return int(options_of(url).get("db", 0))


def options_of(url: Secret) -> dict[str, Any]:
    """The address as the arguments of a pool of redis-py's."""
    options: dict[str, Any] = dict(parse_url(url.get_secret_value()))
    kind = _PROMPT[options.get("connection_class", Connection)]
    return {**options, "connection_class": kind}
