"""A notice as Discord shows it: one embed, inside the limits of each part and of all of it together.

Discord reads markdown in nearly every part. A backslash before a character that could mean something makes it that very
character; whoever is named like that is not pinged either, since `allowed_mentions` allows nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from receiver.channels.base import Notice
from receiver.channels.fitting import (
    escaping,
    fit,
    fit_ends,
    joined,
    links_of,
    one_line,
    units,
    web_links,
)
from receiver.channels.looks import FACTS_MOST, about, look_of
from receiver.channels.multipart import ALT, PICTURE

_TITLE, _CAPTION, _FACT, _SMALL_PRINT, _PLAN, _LINKS, _LINK_CAPTION = (
    256,
    80,
    220,
    300,
    400,
    1000,
    60,
)
_DESCRIPTION, _EMBED, _CONTENT = 4096, 6000, 2000
_SUPPRESS_EMBEDS = 1 << 2
_MEANS_SOMETHING = frozenset("\\`*_~|<>@[]:")
_AT_THE_START = frozenset("-+.#")  # of a line: a list, whose number a point ends, or a heading
_AS_IT_IS = escaping({})
_NOBODY: dict[str, object] = {"allowed_mentions": {"parse": []}}


def root_message(notice: Notice, environment: str | None) -> dict[str, object]:
    """The whole story as it stands."""
    title = _fit(one_line(notice.title), _TITLE) or notice.event
    footer = fit(about(notice, environment), _SMALL_PRINT, _AS_IT_IS)
    fields = list(_fields(notice))
    more = [part for part in (_plan(notice), _links(notice)) if part]
    taken = units(title) + units(footer) + sum(units(n) + units(v) for n, v in fields)
    room = _EMBED - taken - sum(units(part) + 2 for part in more)
    text = _fit(notice.text, min(_DESCRIPTION // 2, room))
    description = "\n\n".join(part for part in (text, *more) if part)
    embed = {
        "title": title,
        **({"description": description} if description else {}),
        "color": look_of(notice).colour,
        "fields": [{"name": name, "value": value} for name, value in fields],
        "footer": {"text": footer},
        "timestamp": datetime.fromtimestamp(notice.at, UTC).isoformat(timespec="seconds"),
    }
    if notice.picture is None:  # an edit without one leaves an earlier picture in its place
        return {"embeds": [embed], **_NOBODY}
    shown = {**embed, "image": {"url": f"attachment://{PICTURE}"}}
    attached = {"id": 0, "filename": PICTURE, "description": ALT}
    return {"embeds": [shown], "attachments": [attached], **_NOBODY}


def new_message(notice: Notice) -> dict[str, object]:
    """What is new, in a message of its own: an edited one is heard by nobody."""
    title = _fit(one_line(notice.title), _TITLE) or notice.event
    text = _fit(notice.text, _CONTENT // 2)
    content = f"**{title}**\n{text}" if text else f"**{title}**"
    return {"content": content, "flags": _SUPPRESS_EMBEDS, **_NOBODY}


def thread_name(notice: Notice) -> str:
    """What a forum calls the incident; not markdown."""
    return fit(one_line(notice.title), 100, _AS_IT_IS) or notice.event


def _fields(notice: Notice) -> Iterator[tuple[str, str]]:
    shown = 0
    for caption, value in notice.facts.items():
        name, text = _fit(one_line(caption), _CAPTION), fit_ends(value, _FACT, _pieces)
        if name and text and shown < FACTS_MOST:
            shown += 1
            yield name, text


def _plan(notice: Notice) -> str:
    plan = "" if notice.question is None else _fit(one_line(notice.question.plan), _PLAN)
    return f"**To be approved:** {plan}" if plan else ""


def _links(notice: Notice) -> str:
    """As many as fit; first the page that answers a question, since there is no button."""
    found = web_links(links_of(notice))
    return joined((_link(caption, url) for caption, url in found), _LINKS)


def _link(caption: str, url: str) -> str:
    safe = url.replace("(", "%28").replace(")", "%29").replace("<", "%3C").replace(">", "%3E")
    return f"[{_fit(caption, _LINK_CAPTION)}]({safe})"


def _fit(text: str, limit: int) -> str:
    return fit(text, limit, _pieces)


def _pieces(text: str) -> Iterable[str]:
    start = True  # of a line, as far as lists go: behind spaces and digits, too
    for character in text:
        special = character in _MEANS_SOMETHING or (start and character in _AT_THE_START)
        yield f"\\{character}" if special else character
        start = character == "\n" or (start and (character.isspace() or character.isdigit()))
