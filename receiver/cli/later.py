"""A command whose module is loaded when it is asked for: all of them together would have `prunella status` wait for them."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from prunella.extra import extra


def later(module: str, name: str) -> Callable[..., Any]:
    """The function of that name in `receiver.cli.<module>`."""

    def run(*given: object) -> Any:
        with extra("prunella", "receiver"):
            loaded = import_module(f"receiver.cli.{module}")
        return getattr(loaded, name)(*given)

    return run
