"""Release strategies by their name under `strategy:`. A new one is a file beside this and a line here."""

from __future__ import annotations

from pydantic import SerializerFunctionWrapHandler, ValidationInfo

from receiver.registry import chosen_by_key, name_of
from receiver.strategies.base import Strategy
from receiver.strategies.command import Command
from receiver.strategies.compose import Compose
from receiver.strategies.git import Git
from receiver.strategies.symlink import Symlink

STRATEGIES: dict[str, type[Strategy]] = {
    "command": Command,
    "compose": Compose,
    "git": Git,
    "symlink": Symlink,
}


def parse_strategy(value: object, info: ValidationInfo) -> Strategy:
    """The strategy that `{strategy: symlink, path: /srv/api, …}` means. Raises ValueError that lists the known ones."""
    if isinstance(value, Strategy):
        return value
    return chosen_by_key(STRATEGIES, "strategy", value, info.context)


def write_strategy(value: Strategy, handler: SerializerFunctionWrapHandler) -> object:
    """The mapping that parse_strategy() reads."""
    return {"strategy": name_of(STRATEGIES, value), **handler(value)}
