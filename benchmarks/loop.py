"""The client runs on uvloop like the server, so that it is as small a part of what is measured as it can be."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

import uvloop

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    """Runs it to its end."""
    return uvloop.run(work)
