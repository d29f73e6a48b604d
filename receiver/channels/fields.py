"""Captions with values, for services that show a notice as a form: cut to what they take, the empty left out."""

from __future__ import annotations

from collections.abc import Mapping

from receiver.channels.fitting import escaping, fit, fit_ends, one_line
from receiver.channels.notice import Notice

_AS_IT_IS = escaping({})


def text(words: str, limit: int) -> str:
    """As many characters as the service takes, for one that shows no markup; lines are kept."""
    return fit(words, limit, _AS_IT_IS)


def line(words: str, limit: int) -> str:
    """The same on one line, for titles and names."""
    return fit(one_line(words[: 4 * limit]), limit, _AS_IT_IS)


def asked(notice: Notice) -> dict[str, str]:
    """What a human is asked for, as one more fact."""
    return {} if notice.question is None else {"Approval asked for": notice.question.plan}


def fields(values: Mapping[str, str], most: int, *, name: int, value: int) -> dict[str, str]:
    """At most so many, with names and values of at most so many characters; those are cut out of the middle."""
    pairs = (
        (line(caption, name), fit_ends(words, value, _AS_IT_IS))
        for caption, words in values.items()
    )
    return dict([(caption, words) for caption, words in pairs if caption and words][:most])
