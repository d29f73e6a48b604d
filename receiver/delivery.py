"""What a webhook's body comes down to, whichever way it was read, and what is too long to be kept."""

from __future__ import annotations

from dataclasses import dataclass

from msgspec import Struct

from receiver.decide.episode import Observation

MOST_LABELS = 128
LONGEST_NAME = 1024
LONGEST_VALUE = 64 * 1024
FINGERPRINT = r"[!-~]{0,200}"  # it names episodes in environments and URLs


@dataclass(frozen=True, slots=True)
class Spoiled:
    """One alert that could not be read, kept as text for a human."""

    why: str
    text: str


class Delivery(Struct, frozen=True, gc=False):
    """A delivery taken apart; `truncated` alerts were left out by Alertmanager and mean nothing by their absence."""

    observations: tuple[Observation, ...]
    spoiled: tuple[Spoiled, ...]
    truncated: int
    receiver: str = ""  # Alertmanager's name for us
    external_url: str = ""  # and its own address
