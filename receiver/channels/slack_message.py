"""A notice as Slack shows it: blocks in an attachment of the right colour, and never more than Slack takes.

What comes from labels is text and nothing else: `<`, `>` and `&` are escaped, so that no alert can ping a channel or
hide where a link leads; every text object is `verbatim`, so that Slack makes neither links nor mentions of plain words.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice

from receiver.channels.base import Notice
from receiver.channels.buttons import CAPTIONS, Press
from receiver.channels.fitting import escaping, fit, fit_ends, joined, links_of, one_line, web_links
from receiver.channels.looks import ASKING, FACTS_MOST, about, look_of

Values = Sequence[tuple[Press, str]]  # what may be pressed, and what the button then says
Blocks = list[dict[str, object]]

# Slack's limits are 3000 a section, 2000 a field, 75 a button; a message of more than some 13,200 characters in all is
# refused as msg_blocks_too_long whatever the documents say
_TITLE, _SMALL_PRINT, _CAPTION, _FACT, _LINKS, _PLAN = 300, 300, 40, 300, 2000, 600
_SECTIONS = (3000, 1200, 300)
_MESSAGE_MOST = 12_500
_CONFIRM_TITLE, _CONFIRM_TEXT = 100, 300
_PIECES = escaping({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_STYLES = {"approve": "primary", "deny": "danger"}
_QUIET = {"parse": "none", "link_names": False}


def root_message(notice: Notice, environment: str | None, values: Values = ()) -> dict[str, object]:
    """The whole story as it stands, with what may be pressed."""
    title = _fit(one_line(notice.title), _TITLE) or notice.event
    for limit in _SECTIONS:
        blocks = _blocks(notice, environment, values, limit)
        attachment = {"color": look_of(notice).web, "fallback": title, "blocks": blocks}
        message = {"text": title, "attachments": [attachment], **_QUIET}
        if len(json.dumps(message, ensure_ascii=False)) <= _MESSAGE_MOST:
            break
    return message


def reply_message(notice: Notice) -> dict[str, object]:
    """What is new, for the thread; who is asked something hears it in the channel too."""
    title = _fit(one_line(notice.title), _TITLE) or notice.event
    text = _fit(notice.text, _SECTIONS[1])
    message: dict[str, object] = {"text": f"{title}\n{text}" if text else title, **_QUIET}
    return {**message, "reply_broadcast": True} if notice.event in ASKING else message


def escaped(text: str) -> str:
    """Words for a place of their own."""
    return _fit(text, _SECTIONS[0])


def _blocks(notice: Notice, environment: str | None, values: Values, limit: int) -> Blocks:
    sections: Blocks = [
        *_section(_fit(notice.text, limit)),
        *_fields(notice),
        *_section(_asked(notice)),
        *_section(_links(notice, values)),
    ]
    if values:
        elements = [_button(notice, press, value) for press, value in values]
        sections.append({"type": "actions", "elements": elements})
    small = _fit(about(notice, environment), _SMALL_PRINT)
    return [*sections, {"type": "context", "elements": [_markdown(small)]}]


def _section(text: str) -> Blocks:
    return [{"type": "section", "text": _markdown(text)}] if text else []


def _fields(notice: Notice) -> Blocks:
    facts = [_markdown(text) for text in islice(_facts(notice.facts), FACTS_MOST)]
    return [{"type": "section", "fields": facts}] if facts else []


def _markdown(text: str) -> dict[str, object]:
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _plain(text: str) -> dict[str, object]:
    return {"type": "plain_text", "text": text, "emoji": False}


def _facts(facts: Mapping[str, str]) -> Iterable[str]:
    for caption, value in facts.items():
        shown = fit_ends(value, _FACT, _PIECES)
        if shown:
            yield f"*{_fit(one_line(caption), _CAPTION)}*\n{shown}"


def _asked(notice: Notice) -> str:
    plan = "" if notice.question is None else _fit(one_line(notice.question.plan), _PLAN)
    return f"*To be approved:* {plan}" if plan else ""


def _button(notice: Notice, press: Press, value: str) -> dict[str, object]:
    button: dict[str, object] = {
        "type": "button",
        "action_id": press.word,
        "text": _plain(CAPTIONS[press.word]),
        "value": value,
    }
    if press.word in _STYLES:
        button["style"] = _STYLES[press.word]
    sure = _sure(notice, press)
    return {**button, "confirm": _confirm(press, sure)} if sure else button


def _sure(notice: Notice, press: Press) -> str:
    """What is asked once more before it is done."""
    if press.word == "approve" and notice.question is not None:
        return _fit(one_line(notice.question.plan), _CONFIRM_TEXT)
    if press.word == "pause":
        return "No repair of any target begins any more until somebody resumes."
    return ""


def _confirm(press: Press, text: str) -> dict[str, object]:
    caption = CAPTIONS[press.word]
    return {
        "title": _plain(f"{caption}?"[:_CONFIRM_TITLE]),
        "text": _plain(text),
        "confirm": _plain(caption),
        "deny": _plain("Cancel"),
    }


def _links(notice: Notice, values: Values) -> str:
    """As many as fit; the page that answers a question where no button does."""
    found = web_links(notice.links if values else links_of(notice))
    return joined((_link(caption, url) for caption, url in found), _LINKS)


def _link(caption: str, url: str) -> str:
    safe = url.replace("|", "%7C").replace("<", "%3C").replace(">", "%3E").replace("&", "&amp;")
    return f"<{safe}|{_fit(caption, _CAPTION)}>"


def _fit(text: str, limit: int) -> str:
    return fit(text, limit, _PIECES)
