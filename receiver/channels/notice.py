"""What a channel is given: one message about one incident, in plain words that are not yet safe for any markup."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Question:
    """What a human is asked: `plan` is one line of what would be done, `until` unix seconds.

    `nonce` stands for this question alone: it changes with the plan and is worth nothing once it was answered. `page` is
    the URL of a signed page that answers it, empty when the receiver has no public address.
    """

    nonce: str
    plan: str
    until: float
    page: str = ""


@dataclass(frozen=True, slots=True)
class Notice:
    """One message about one incident; `at` is unix seconds, `links` maps a caption to an http(s) URL.

    `facts` are short captions and values; `question` is what waits for an answer, in every notice until it has one; `ended` says that the
    incident is over; `thread` is what `send` last returned for this incident on this channel.
    """

    event: str
    incident: int
    episode: str
    step: str
    severity: str
    title: str
    text: str
    at: float
    dedup_key: str
    links: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)
    question: Question | None = None
    ended: bool = False
    thread: str = ""
    picture: bytes | None = None  # a PNG of the deciding metric, where the channel shows pictures
