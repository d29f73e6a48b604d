"""Buttons under a notice, and what a press of one says: pure, and the same for every service that has buttons.

A press is only as good as what it is bound to. Approve and deny carry the nonce of the one question that was asked, the
others the episode; all of it is sealed for one channel, so that a button of another channel, of another incident or of
an older question says nothing. The seal is no secret of a user's: who may press is the channel's `approvers`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass

from prunella.service.settings import Secret
from receiver.channels.base import Notice

SEALED_MOST = 64  # bytes of Telegram's callback_data
_LETTERS = {"acknowledge": "k", "approve": "a", "deny": "d", "pause": "p", "resolve": "r"}
WORDS = {letter: word for word, letter in _LETTERS.items()}
CAPTIONS = {
    "acknowledge": "Acknowledge",
    "approve": "Approve",
    "deny": "Deny",
    "pause": "Pause all repairs",
    "resolve": "Resolve",
}
_SEALED = re.compile(r"([a-z]):([0-9]{1,18}):([A-Za-z0-9_.-]{1,30}):([A-Za-z0-9_-]{12})")
_NOTHING_TO_PRESS = frozenset({"healed", "resolved", "release", "trust", "test"})


@dataclass(frozen=True, slots=True)
class Press:
    """One word about one incident; `bound` is the question's nonce, or the mark of the episode."""

    word: str
    incident: int
    bound: str


def buttons(notice: Notice) -> tuple[Press, ...]:
    """What may sensibly be said to this notice."""
    if notice.ended or notice.incident <= 0 or notice.event in _NOTHING_TO_PRESS:
        return ()
    mark = episode_mark(notice.episode)
    asked = notice.question
    said = [] if asked is None else [("approve", asked.nonce), ("deny", asked.nonce)]
    if notice.event != "acknowledged":
        said.append(("acknowledge", mark))
    said += [("resolve", mark), ("pause", mark)]
    return tuple(Press(word, notice.incident, bound) for word, bound in said)


def episode_mark(episode: str) -> str:
    """A short name for an episode: an incident that came back is another matter."""
    return hashlib.sha256(episode.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def seal(press: Press, key: Secret, place: str) -> str:
    """The press as a button carries it, for this channel alone; at most SEALED_MOST bytes."""
    said = f"{_LETTERS[press.word]}:{press.incident}:{press.bound}"
    return f"{said}:{_signature(said, key, place)}"


def unseal(text: str, key: Secret, place: str) -> Press | None:
    """What a button of this channel says; None for what we did not make."""
    found = _SEALED.fullmatch(text)
    if found is None or found[1] not in WORDS:
        return None
    said = text.rpartition(":")[0]
    if not hmac.compare_digest(_signature(said, key, place), found[4]):
        return None
    return Press(WORDS[found[1]], int(found[2]), found[3])


def _signature(said: str, key: Secret, place: str) -> str:
    message = f"prunella-button\n{place}\n{said}".encode()
    digest = hmac.new(key.get_secret_value().encode(), message, hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest[:9]).decode()
