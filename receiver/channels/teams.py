"""Tells a Microsoft Teams channel by a workflow ("When a Teams webhook request is received", Power Automate).

The address of the workflow is its password. A workflow answers 202 and gives no message id, so every notice is a message
of its own. What comes from labels stands in rich text blocks, which know no Markdown (Adaptive Cards, "Text features"),
and a mention needs an entity beside the card, which we never send: so no words make a link, a heading or a ping. A
message of more than some 28 KB is refused; ours stays below.
"""

from __future__ import annotations

import re
from typing import ClassVar

from receiver.channels.base import Channel, Notice
from receiver.channels.delivery import SecretUrl, address, encode, post
from receiver.channels.fields import asked, fields, line, text
from receiver.channels.fitting import links_of, web_links
from receiver.channels.looks import about, look_of
from receiver.decide.guards import Rate
from receiver.tools import Tools

MOST = 21_000  # bytes; failures were measured from there on
_TITLE, _TEXT, _LINES, _NAME, _VALUE, _FACTS = 300, 3000, 30, 60, 300, 10
_LINKS, _CAPTION, _URL = 6, 60, 1000
_FUNCTION = re.compile(r"\{(?=\{)")
_COLOURS = {"🔴": "attention", "🟠": "warning", "🟢": "good"}


class Teams(Channel):
    """Posts each notice as an Adaptive Card to the chat or channel that the workflow at `webhook_url` writes to."""

    documented_rate: ClassVar[Rate | None] = Rate(4, 1.0)

    webhook_url: SecretUrl

    async def send(self, notice: Notice, tools: Tools) -> str | None:
        url = address(self.webhook_url, self.api_url)
        await post(tools, url, _small(notice, self.environment), timeout=self.timeout)
        return None


def _small(notice: Notice, environment: str | None) -> bytes:
    """The message, with less text in it until it is small enough: as JSON a character may take twelve bytes."""
    for share in (1.0, 0.5, 0.25, 0.1):
        body = encode(_message(notice, environment, share))
        if len(body) <= MOST:
            break
    return body


def _message(notice: Notice, environment: str | None, share: float) -> dict[str, object]:
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.2",
        "body": _blocks(notice, environment, share),
        "actions": [
            {"type": "Action.OpenUrl", "title": line(caption, _CAPTION), "url": url}
            for caption, url in _links(notice)
        ],
        "msteams": {"width": "full"},
    }
    kind = "application/vnd.microsoft.card.adaptive"
    attachment = {"contentType": kind, "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [attachment]}


def _blocks(notice: Notice, environment: str | None, share: float) -> list[dict[str, object]]:
    sign = look_of(notice).sign
    title = line(f"{sign} {notice.title}", int(_TITLE * share))
    words = text(notice.text, int(_TEXT * share)).split("\n")[:_LINES]
    facts = fields({**asked(notice), **notice.facts}, _FACTS, name=_NAME, value=int(_VALUE * share))
    return [
        _block(_run(title, size="large", weight="bolder", color=_COLOURS[sign])),
        *(_block(_run(one)) for one in words if one.strip()),
        *(_block(_run(f"{name}: ", weight="bolder"), _run(value)) for name, value in facts.items()),
        _block(_run(about(notice, environment), size="small", isSubtle=True)),
    ]


def _block(*runs: dict[str, object]) -> dict[str, object]:
    return {"type": "RichTextBlock", "inlines": list(runs)}


def _run(words: str, **looks: object) -> dict[str, object]:
    # {{DATE(…)}} would be worked out by the reader's client
    return {"type": "TextRun", "text": _FUNCTION.sub("{ ", words), **looks}


def _links(notice: Notice) -> list[tuple[str, str]]:
    return [(caption, url) for caption, url in web_links(links_of(notice)) if len(url) <= _URL][
        :_LINKS
    ]
