"""A form with a file in it (RFC 7578), for services that take a picture together with the words about it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

PICTURE = "incident.png"
ALT = "The metric that decides this incident, over time"


def form(fields: Mapping[str, bytes], file: str, picture: bytes) -> tuple[str, bytes]:
    """Content type and body; `fields` are JSON or words, `file` is the name of the part that is the picture.

    The boundary is a hash of everything, so that nothing inside can contain it.
    """
    # a boundary has 70 characters at most
    digest = hashlib.sha256(b"\0".join((*fields.values(), picture))).hexdigest()[:40]
    boundary = f"prunella-{digest}".encode()
    parts = [_part(boundary, f'name="{name}"', b"", value) for name, value in fields.items()]
    named = f'name="{file}"; filename="{PICTURE}"'
    parts.append(_part(boundary, named, b"Content-Type: image/png\r\n", picture))
    body = b"".join((*parts, b"--", boundary, b"--\r\n"))
    return f"multipart/form-data; boundary={boundary.decode()}", body


def _part(boundary: bytes, named: str, kind: bytes, value: bytes) -> bytes:
    disposition = f"Content-Disposition: form-data; {named}\r\n".encode()
    return b"".join((b"--", boundary, b"\r\n", disposition, kind, b"\r\n", value, b"\r\n"))
