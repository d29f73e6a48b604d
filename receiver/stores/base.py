"""What goes wrong at a store, so that every action says it in the same three words: begun, unknown, silent."""

from __future__ import annotations


class StoreError(Exception):
    """A store did not do what was asked. Its text names the cure and holds no secret.

    `started` is False when surely nothing changed; `unknown` is True when the last request may or may not have had
    its effect (a lost connection).
    """

    def __init__(self, message: str, *, started: bool = True, unknown: bool = False) -> None:
        super().__init__(message)
        self.started = started
        self.unknown = unknown


class StoreSilent(StoreError):
    """It took the connection or the request and did not answer in time: nothing is known about its state."""
