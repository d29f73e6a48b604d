"""Whether a PostgreSQL URL says all that a connection needs; a driver would fill in the rest from our own surroundings."""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator

from prunella.service.settings import Secret

SCHEMES = ("postgresql://", "postgres://")
# a name or an address, perhaps none (its socket is in the options then), and perhaps a port
_HOST = re.compile(r"([^][:@%\s]*|\[[0-9a-fA-F:.]+\])(:[0-9]{1,5})?")
CURE = (
    "postgresql://USER:PASSWORD@HOST/DATABASE, with every character of the password that means"
    " something in a URL (@ : / ? # %) written as %40 and so on"
)


def is_whole(url: str) -> bool:
    """Hosts that can be read, and one database."""
    try:
        parts = urlsplit(url)
    except ValueError:  # brackets that are not closed
        return False
    hosts = parts.netloc.rpartition("@")[2].split(",")  # several, for a server with stand-bys
    one_database = len(parts.path) > 1 and "/" not in parts.path[1:]
    return url.startswith(SCHEMES) and one_database and all(map(_HOST.fullmatch, hosts))


def _require_whole(value: Secret) -> Secret:
    if not is_whole(value.get_secret_value()):
        raise ValueError(f"must be {CURE}")
    return value


PostgresUrl = Annotated[Secret, AfterValidator(_require_whole)]
