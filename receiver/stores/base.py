"""How a store says that it did not do what was asked, in the words that an action passes on."""

from __future__ import annotations


class StoreError(Exception):
    """The store refused or could not be reached.

    `started` is False when it surely changed nothing; `unknown` is True when the last that it was asked for may or may
    not have been done (a lost connection). The message names what to do and neither a password nor what is stored.
    """

    def __init__(self, message: str, *, started: bool = True, unknown: bool = False) -> None:
        super().__init__(message)
        self.started = started
        self.unknown = unknown
