"""What a config says of TLS, looked at when it is read: a connection would say it at night, or never; and what comes of it."""

from __future__ import annotations

import ssl
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from prunella.service.pem import check_certificates, check_key

SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_VERSIONS = ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")
_TRUTH = ("true", "false", "True", "False", "yes", "no", "1", "0")
_LIBPQ: Mapping[str, Collection[str]] = {
    "sslmode": SSL_MODES,
    "ssl_min_protocol_version": _VERSIONS,
    "ssl_max_protocol_version": _VERSIONS,
}
_REDIS: Mapping[str, Collection[str]] = {
    "ssl_cert_reqs": ("none", "optional", "required"),
    "ssl_check_hostname": _TRUTH,
}


def options_of(url: str) -> Mapping[str, str]:
    """Those behind the `?`; of one that is there twice the last."""
    return {name: values[-1] for name, values in parse_qs(urlsplit(url).query).items()}


def client_context(roots: Path | str | None, *, verified: bool) -> ssl.SSLContext:
    """What a server is met with. Who checks nothing loads no authorities: the system's take a megabyte and fifty milliseconds."""
    if verified or roots:
        made = ssl.create_default_context(cafile=roots)
    else:
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if not verified:
        made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    return made


def check_libpq(url: str) -> None:
    """Raises ValueError, which quotes nothing but the options."""
    options = options_of(url)
    _check_words(options, _LIBPQ)
    _check_files(options, ("sslrootcert", "sslcert", "sslkey"), options.get("sslpassword", ""))


def check_redis(url: str) -> None:
    """The same of redis-py's options."""
    options, files = options_of(url), ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
    known = {*_REDIS, *files}
    for name in options:
        if name.startswith("ssl") and name not in known:
            raise ValueError(f"the option {name!r} is not one of {', '.join(sorted(known))}")
    _check_words(options, _REDIS)
    _check_files(options, files)


def _check_words(options: Mapping[str, str], known: Mapping[str, Collection[str]]) -> None:
    for name, words in known.items():
        if name in options and options[name] not in words:
            raise ValueError(f"its {name} must be one of {', '.join(words)}")


def _check_files(
    options: Mapping[str, str], names: tuple[str, str, str], password: str = ""
) -> None:
    roots, certificate, key = names
    for name in (roots, certificate):
        if name in options:
            with _naming(name):
                check_certificates(Path(options[name]))
    if certificate in options:  # the key may be in the same file
        with _naming(key):
            own = Path(options[certificate])
            check_key(Path(options.get(key, own)), own, password)
    elif key in options:
        raise ValueError(f"its {key} needs {certificate}")


@contextmanager
def _naming(option: str) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise ValueError(f"its {option}: {error}") from None
