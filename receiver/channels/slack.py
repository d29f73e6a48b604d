"""Tells a Slack channel by an incoming webhook.

A webhook gives no message id back, so every notice is a message of its own: nothing can be updated or threaded. What
comes from labels is text and nothing else: `<`, `>` and `&` are escaped, so that no alert can ping a channel or hide
where a link leads, and every block is cut at Slack's limit before it is escaped into half a character.
"""

from __future__ import annotations

import json

from prunella.redaction import printable
from receiver.channels.base import Channel, ChannelError, Notice
from receiver.channels.delivery import SecretUrl, address, encode, post
from receiver.endpoints import check_url
from receiver.tools import Response, Tools

_TITLE, _SECTION, _CONTEXT, _CAPTION, _URL = 1000, 3000, 1000, 75, 2000
_COLOURS = {"critical": "#d72b3f", "warning": "#e8a723", "info": "#3f7fd7"}
_GOOD = "#2eb67d"
_GOOD_EVENTS = frozenset({"healed", "resolved", "thawed"})
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_WORDS_OF_A_BUSY_SLACK = frozenset({"ratelimited", "rate_limited", "internal_error", "fatal_error"})


class Slack(Channel):
    """Posts each notice to the channel that `webhook_url` belongs to."""

    webhook_url: SecretUrl

    async def send(self, notice: Notice, tools: Tools) -> str | None:
        url = address(self.webhook_url, self.api_url)
        message = encode(_message(notice, self.environment))
        _require_ok(await post(tools, url, message, timeout=self.timeout))
        return None


def _message(notice: Notice, environment: str | None) -> dict[str, object]:
    title = _fit(notice.title, _TITLE) or notice.event
    colour = _GOOD if notice.event in _GOOD_EVENTS else _COLOURS.get(notice.severity, _GOOD)
    return {
        "text": title,
        "attachments": [
            {"color": colour, "fallback": title, "blocks": _blocks(notice, environment)}
        ],
        "parse": "none",
        "link_names": False,
        "unfurl_links": False,
        "unfurl_media": False,
    }


def _blocks(notice: Notice, environment: str | None) -> list[dict[str, object]]:
    texts = (_fit(notice.text, _SECTION), _links(notice))
    sections: list[dict[str, object]] = [
        {"type": "section", "text": _markdown(text)} for text in texts if text
    ]
    facts = (notice.severity, notice.event, notice.step, environment, f"incident {notice.incident}")
    about = _fit(" · ".join(fact for fact in facts if fact), _CONTEXT)
    return [*sections, {"type": "context", "elements": [_markdown(about)]}]


def _markdown(text: str) -> dict[str, object]:
    # verbatim: Slack itself makes neither links nor mentions of plain text
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _links(notice: Notice) -> str:
    """The links that lead to the web, as many as fit."""
    shown = ""
    for caption, url in notice.links.items():
        try:
            check_url(url)
        except ValueError:
            continue
        safe = url.replace("|", "%7C").replace("<", "%3C").replace(">", "%3E").replace("&", "&amp;")
        label = _fit(caption.replace("\n", " "), _CAPTION) or "link"
        longer = f"{shown} · <{safe}|{label}>" if shown else f"<{safe}|{label}>"
        if len(safe) <= _URL and _size(longer) <= _SECTION:
            shown = longer
    return shown


def _fit(text: str, limit: int) -> str:
    """The text, escaped, in at most `limit` of Slack's characters; what is cut ends in an ellipsis."""
    clean = "\n".join(printable(line) for line in text.replace("\t", " ").split("\n")).strip()
    pieces: list[str] = []
    size = 0
    for character in clean:
        piece = _ESCAPES.get(character, character)
        size += _size(piece)
        pieces.append(piece)
        if size > limit:
            break
    while size > limit or (size == limit and len(pieces) < len(clean)):
        size -= _size(pieces.pop())
    return "".join(pieces) + ("…" if len(pieces) < len(clean) else "")


def _size(text: str) -> int:
    """As JavaScript counts: a character beyond the basic plane is two."""
    return len(text.encode("utf-16-le")) // 2


def _require_ok(response: Response) -> None:
    """Slack answers `ok`, or JSON with `ok: true`; any other 200 comes from something between us and Slack."""
    if response.body.strip() == b"ok":
        return
    try:
        answer = json.loads(response.body)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict) or "ok" not in answer:
        raise ChannelError("answered with 200, but not as Slack does")
    if answer["ok"] is not True:
        busy = answer.get("error") in _WORDS_OF_A_BUSY_SLACK
        raise ChannelError("Slack did not take the message", permanent=not busy)
