"""A notice as Telegram shows it: HTML of the few tags that it knows, at most 4096 characters when they are read.

What comes from labels is text: `<`, `>` and `&` are escaped, and where Telegram would make a mention or a command of
plain words a joiner that nobody sees keeps them apart, so that no alert calls anybody.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape, unescape
from itertools import islice, pairwise

from receiver.channels.base import Notice
from receiver.channels.buttons import CAPTIONS, Press
from receiver.channels.fitting import fit, fit_ends, links_of, one_line, units, web_links
from receiver.channels.looks import ASKING, FACTS_MOST, about, look_of

Values = Sequence[tuple[Press, str]]

_MESSAGE = 4096
_TITLE, _CAPTION, _FACT, _SMALL_PRINT, _PLAN, _LINK_CAPTION, _LINKS_MOST = (
    256,
    60,
    160,
    300,
    300,
    40,
    8,
)
_REPLY = 1500
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_APART = "\u2060"
_ROWS = (("approve", "deny"), ("acknowledge", "resolve"), ("pause",))
_STYLE = {"parse_mode": "HTML", "link_preview_options": {"is_disabled": True}}


def root_message(notice: Notice, environment: str | None, values: Values = ()) -> dict[str, object]:
    """The whole story as it stands, with what may be pressed."""
    title = _fit(one_line(notice.title), _TITLE) or notice.event
    facts = "\n".join(islice(_facts(notice), FACTS_MOST))
    more = [facts, _plan(notice), _links(notice, values)]
    parts = [
        part for part in (*more, f"<i>{_fit(about(notice, environment), _SMALL_PRINT)}</i>") if part
    ]
    head = f"{look_of(notice).sign} <b>{title}</b>"
    room = _MESSAGE - sum(_read(part) + 2 for part in (head, *parts))
    text = _fit(notice.text, room)
    message: dict[str, object] = {
        "text": "\n\n".join([f"{head}\n{text}".rstrip(), *parts]),
        **_STYLE,
    }
    if values:  # an edit without a keyboard takes the old one away
        message["reply_markup"] = {"inline_keyboard": _keyboard(values)}
    return message


def reply_message(notice: Notice) -> dict[str, object]:
    """What is new, below the incident's message; only who is asked something is disturbed."""
    title = _fit(one_line(notice.title), _TITLE) or notice.event
    text = f"{look_of(notice).sign} <b>{title}</b>\n{_fit(notice.text, _REPLY)}".rstrip()
    return {"text": text, **_STYLE, "disable_notification": notice.event not in ASKING}


def _facts(notice: Notice) -> Iterator[str]:
    for caption, value in notice.facts.items():
        name = _fit(one_line(caption), _CAPTION)
        text = fit_ends(value, _FACT, _pieces, parsed=True)
        if name and text:
            yield f"<b>{name}</b>: {text}"


def _plan(notice: Notice) -> str:
    plan = "" if notice.question is None else _fit(one_line(notice.question.plan), _PLAN)
    return f"<b>To be approved</b>: {plan}" if plan else ""


def _links(notice: Notice, values: Values) -> str:
    """The first few; the page that answers a question where no button does."""
    shown = islice(web_links(notice.links if values else links_of(notice)), _LINKS_MOST)
    return " · ".join(
        f'<a href="{escape(url)}">{_fit(caption, _LINK_CAPTION)}</a>' for caption, url in shown
    )


def _keyboard(values: Values) -> list[list[dict[str, str]]]:
    known = {
        press.word: {"text": CAPTIONS[press.word], "callback_data": value}
        for press, value in values
    }
    rows = ([known[word] for word in row if word in known] for row in _ROWS)
    return [row for row in rows if row]


def _fit(text: str, limit: int) -> str:
    return fit(text, limit, _pieces, parsed=True)


def _pieces(text: str) -> Iterable[str]:
    for before, character in pairwise(f" {text}"):
        calls = (character == "@" and not before.isalnum()) or (
            character == "/" and before.isspace()
        )
        yield f"{character}{_APART}" if calls else _ESCAPES.get(character, character)


def _read(html: str) -> int:
    """What is left when the tags are read; ours have no `>` in their attributes."""
    text = "".join(
        part.partition(">")[2] if at else part for at, part in enumerate(html.split("<"))
    )
    return units(unescape(text))
