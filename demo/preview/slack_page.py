"""Slack's channel as a page: an incident is a card, its first message above, what was told in its thread below."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from demo.preview.page import Button, Shown
from demo.preview.slack import Posted, Slack, blocks_of, buttons_of, links_of, read
from demo.preview.slack_rules import MARKUP

PRESS = "/press"
OPEN = 3  # whose threads are shown as well


def channel(slack: Slack) -> list[Shown]:
    """Newest first, and only the newest with their threads."""
    roots = slack.roots()[::-1]
    opened = [thread(slack, one) for one in roots[:OPEN]]
    return [*opened, *(_folded(slack, one) for one in roots[OPEN:])]


def thread(slack: Slack, root: Posted) -> Shown:
    """One message with all that stands below it."""
    replies = [shown(one) for one in slack.below(root.ts)]
    return shown(root, replies, slack.said_to(root.ts))


def shown(one: Posted, replies: Sequence[Shown] = (), whispers: Sequence[str] = ()) -> Shown:
    """One message as it stands."""
    colours = [a["color"] for a in one.body.get("attachments", [])]
    title, _, rest = one.body["text"].partition("\n")
    told = _Told()
    for block in blocks_of(one.body):
        told.add(block)
    notes = [
        *told.notes,
        *(["also sent to the channel"] if one.body.get("reply_broadcast") else []),
    ]
    return Shown(
        title=_unmarked(title),
        colour=colours[0] if colours else "",
        at=f"{_clock_time(one.ts)}{' (edited)' if one.updates else ''}",
        lines=[_unmarked(rest), *told.lines],
        facts=told.facts,
        links=told.links,
        buttons=[_button(one, button) for button in buttons_of(one.body)],
        note=" · ".join(notes),
        replies=replies,
        whispers=whispers,
    )


def asked_again(one: Posted, button: dict[str, Any]) -> Shown:
    """Slack's dialogue before what cannot be taken back."""
    confirm = button["confirm"]
    sure = _fields(one, button["action_id"], sure="yes")
    return Shown(
        title=confirm["title"]["text"],
        lines=[confirm["text"]["text"]],
        buttons=[
            Button(confirm["confirm"]["text"], button.get("style", "danger"), PRESS, sure),
        ],
        more=(confirm["deny"]["text"], f"/threads/{one.ts}"),
    )


class _Told:
    """What the blocks of a message say, by what it looks like."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.facts: list[tuple[str, str]] = []
        self.links: list[tuple[str, str]] = []
        self.notes: list[str] = []

    def add(self, block: dict[str, Any]) -> None:
        for part in block.get("fields", []):
            caption, _, value = part["text"].partition("\n")
            self.facts.append((_unmarked(caption.strip("*")), _unmarked(value)))
        if block["type"] == "context":
            self.notes += [_unmarked(part["text"]) for part in block["elements"]]
        elif text := block.get("text", {}).get("text", ""):
            self._text(text)

    def _text(self, text: str) -> None:
        """A section of nothing but links is a row of them."""
        if MARKUP.sub("", text).strip(" ·"):
            self.lines.append(_unmarked(text.replace("*To be approved:*", "To be approved:")))
        else:
            self.links += links_of(text).items()


def _folded(slack: Slack, root: Posted) -> Shown:
    number = len(slack.below(root.ts))
    caption = f"{number} {'reply' if number == 1 else 'replies'}"
    folded = shown(root)
    return Shown(**{**vars(folded), "more": (caption, f"/threads/{root.ts}")})


def _button(one: Posted, button: dict[str, Any]) -> Button:
    fields = _fields(one, button["action_id"])
    return Button(button["text"]["text"], button.get("style", ""), PRESS, fields)


def _fields(one: Posted, word: str, **more: str) -> tuple[tuple[str, str], ...]:
    return (("ts", one.ts), ("word", word), *more.items())


def _clock_time(ts: str) -> str:
    return time.strftime("%H:%M:%S %Z", time.localtime(float(ts)))


def _unmarked(text: str) -> str:
    return read(MARKUP.sub(lambda m: f"{m[1].partition('|')[2]} ({m[1].partition('|')[0]})", text))
