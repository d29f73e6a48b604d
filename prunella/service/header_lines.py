"""Headers that a config names: one that HTTP cannot carry is an error of the config, not of each request."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator

from prunella.service.settings import Secret

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def _name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name of a header")
    return name


def check_value(value: str) -> str:
    """Raises ValueError for what would be more than one line, or holds what no header may."""
    if _CONTROL.search(value):
        raise ValueError("must be one line without control characters")
    return value


def _secret(value: Secret) -> Secret:
    check_value(value.get_secret_value())
    return value


HeaderName = Annotated[str, AfterValidator(_name)]
HeaderValue = Annotated[str, AfterValidator(check_value)]
SecretHeader = Annotated[Secret, AfterValidator(_secret)]
