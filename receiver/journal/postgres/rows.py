"""What PostgreSQL's text and its indexes cannot hold."""

from __future__ import annotations

import hashlib


def plain(text: str) -> str:
    """As `text` can be stored: U+0000 and halves of surrogate pairs have no place there."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def stored(value: object) -> object:
    """Any value of a row; only text can hold what has no place there."""
    return plain(value) if isinstance(value, str) else value


def digest(key: str) -> str:
    """What stands for an incident's key in the index: a key may be longer than an index entry can be."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
