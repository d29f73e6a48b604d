"""What a Redis or its library says, in our own words: their texts can quote the arguments of a command, which are keys."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from redis import exceptions as said

from prunella.redaction import printable, redact
from receiver.stores.base import StoreError

_LONGEST_QUOTE = 200
_REPLICA = "it is a read-only replica: name its primary in redis.url"
_NO_PASSWORD = "it wants a password: write it into redis.url"  # noqa: S105 - a sentence about one
_NOT_ALLOWED = "the user in redis.url has no permission: {cure}"
_MOVING = "the cluster moves its slots just now, or is partly down: run it again"
_BY_CLASS: tuple[tuple[type[Exception], str], ...] = (
    (said.AuthenticationError, "the name or the password in redis.url is wrong"),
    (said.NoPermissionError, _NOT_ALLOWED),
    (said.ReadOnlyError, _REPLICA),
    (said.BusyLoadingError, "it is still loading its data"),
    (said.TimeoutError, "no answer in time"),
    (TimeoutError, "no answer in time"),
    (said.AskError, _MOVING),
    (said.TryAgainError, _MOVING),
    (said.ClusterDownError, _MOVING),
)
_BY_TEXT = (
    ("NOAUTH", _NO_PASSWORD),
    ("Authentication required", _NO_PASSWORD),
    ("HELLO must be called with the client already authenticated", _NO_PASSWORD),
    ("NOPERM", _NOT_ALLOWED),
    ("ACL failure in script", _NOT_ALLOWED),
    ("The user executing the script can't run", _NOT_ALLOWED),
    ("READONLY", _REPLICA),
)


@contextmanager
def explained(cure: str, *, started: bool) -> Iterator[None]:
    """Turns what the library raises into a StoreError; `cure` is said to who has no permission.

    `started` says whether the block asks for a change: what is lost on the way is unknown then, what is refused was
    not done.
    """
    try:
        yield
    except (said.RedisError, OSError) as error:
        lost = started and is_lost(error)
        # not `from error`: its text may be made of keys
        raise StoreError(explain(error, cure), started=lost, unknown=lost) from None


def is_lost(error: Exception) -> bool:
    """Whether nobody answered, so that nobody knows what was done."""
    answered = (said.AuthenticationError, said.BusyLoadingError)
    silent = (said.ConnectionError, said.TimeoutError, OSError)
    return isinstance(error, silent) and not isinstance(error, answered)


def explain(error: Exception, cure: str) -> str:
    """What went wrong and what helps."""
    text = str(error)
    known = (words for kind, words in _BY_CLASS if isinstance(error, kind))
    named = (words for mark, words in _BY_TEXT if mark in text)
    words = next(named, None) or next(known, None)
    if words is not None:
        return words.format(cure=cure)
    plain = printable(redact(text.partition(", with args")[0]))
    return plain[:_LONGEST_QUOTE] or type(error).__name__
