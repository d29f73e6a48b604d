"""Where the receiver is: what the command line says, else the environment, else where it is without a config."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from pathlib import Path

from prunella.service.document import read_document
from prunella.service.problems import ConfigError, Problem
from prunella.service.units import ListenAddress, parse_listen
from receiver.endpoints import check_url

_LISTEN = "127.0.0.1:9651"
DEFAULT = f"http://{_LISTEN}"


def receiver_url(options: argparse.Namespace) -> str:
    """Without a slash at its end. Raises ConfigError where nobody can say it."""
    return named_receiver(options) or DEFAULT


def named_receiver(options: argparse.Namespace) -> str | None:
    """The same; None where nobody says it."""
    if options.url:
        return address("--url", options.url)
    return _in_config(options.config) or in_environment("PRUNELLA_URL")


def in_environment(name: str) -> str | None:
    """The address that a variable holds, if it holds anything. Raises ConfigError."""
    url = os.environ.get(name)
    return address(name, url) if url else None


def address(said_by: str, url: str) -> str:
    """Without a slash at its end. Raises ConfigError that names where it was said, but not what: there may be a
    password in it."""
    try:
        return check_url(url).rstrip("/")
    except ValueError as error:
        raise ConfigError([Problem(said_by, f"must be an address such as {DEFAULT}")]) from error


def _in_config(file: Path | None) -> str | None:
    """Of the receiver's own config only what it listens on: its secrets are not for whoever asks it."""
    if file is None:
        return None
    tree, problems = read_document(file, os.environ)
    if any(problem.path == str(file) for problem in problems):
        raise ConfigError(problems)
    server = tree.get("server")
    said = server if isinstance(server, Mapping) else {}
    try:
        address = parse_listen(said.get("listen", _LISTEN))
    except ValueError as error:
        raise ConfigError([Problem("server.listen", str(error))]) from error
    return f"{'https' if said.get('tls') else 'http'}://{_reachable(address)}"


def _reachable(address: ListenAddress) -> str:
    """Who listens everywhere is on loopback, too."""
    everywhere = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - asked of, not listened on
    return str(ListenAddress(everywhere.get(address.host, address.host), address.port))
