"""Slack as far as a bot of ours touches it: two methods, one channel with its threads, presses of buttons.

Nothing here knows of HTTP but for the words and figures of its answers.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from demo.preview.slack_rules import MARKUP, Wrong, checked

MOST = 2000  # messages that are kept
OF_BOTH = {"text", "attachments", "blocks", "parse", "link_names"}
OF_HOOK = OF_BOTH | {"unfurl_links", "unfurl_media"}
_OF_UPDATE = OF_BOTH | {"channel", "ts", "metadata"}
_OF_POST = OF_HOOK | {"channel", "metadata", "thread_ts", "reply_broadcast"}


@dataclass(frozen=True, slots=True)
class Workspace:
    """What Slack gives to whoever installs an app, and the channel that it was invited to."""

    token: str
    signing_secret: str
    channel: str = "C024BE91L"
    name: str = "#ops"
    reader: str = "ann"


@dataclass
class Posted:
    """A message as it stands now. `about` is the metadata that it came with."""

    ts: str
    body: dict[str, Any]
    thread_ts: str | None = None
    updates: int = 0
    about: dict[str, Any] = field(default_factory=dict)


@dataclass
class Slack:
    """One workspace with one channel; `url` is where it can be reached."""

    workspace: Workspace
    clock: Callable[[], float]
    url: str = ""
    posted: list[Posted] = field(default_factory=list)
    heard: list[dict[str, Any]] = field(default_factory=list)  # what came to response_urls
    answers: Counter[str] = field(default_factory=Counter)  # by response_url
    answers_most: int = 5  # to one press
    _count: int = 0

    def roots(self) -> list[Posted]:
        """The messages that are in no thread, oldest first."""
        return [one for one in self.posted if one.thread_ts is None]

    def below(self, ts: str) -> list[Posted]:
        """What stands below a message."""
        return [one for one in self.posted if one.thread_ts == ts]

    def find(self, ts: str) -> Posted | None:
        return next((one for one in self.posted if one.ts == ts), None)

    def authorized(self, authorization: str) -> None:
        """Raises Wrong for a header without our token."""
        token = authorization.removeprefix("Bearer ")
        if not token:
            raise Wrong("not_authed")
        if token != self.workspace.token:
            raise Wrong("invalid_auth")

    def do(self, method: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """What a method of the Web API answers. Raises Wrong."""
        match method:
            case "auth.test":
                return {"team": "example", "user": "prunella", "user_id": "U0BOT", "team_id": "T0"}
            case "chat.postMessage":
                return self._post(arguments)
            case "chat.update":
                return self._update(arguments)
            case _:
                raise Wrong("unknown_method")

    def answer(self, path: str, message: Any) -> None:
        """Takes what was said to a response_url. Raises Wrong."""
        if not isinstance(message, dict) or not message.get("text"):
            raise Wrong("no_text")
        if self.answers[path] >= self.answers_most:
            raise Wrong("used_url")
        self.answers[path] += 1
        self.heard.append({**message, "to": path})

    def said_to(self, ts: str) -> list[str]:
        """What was whispered to whoever pressed a button of this message."""
        return [one["text"] for one in self.heard if one["to"].split("/")[-2] == ts]

    def interaction(
        self, one: Posted, word: str, value: str, *, user: str, at: float
    ) -> dict[str, Any]:
        """What Slack says when somebody presses a button of that message."""
        channel = self.workspace.channel
        return {
            "type": "block_actions",
            "user": {
                "id": user,
                "username": self.workspace.reader,
                "name": self.workspace.reader,
                "team_id": "T0",
            },
            "team": {"id": "T0", "domain": "example"},
            "channel": {"id": channel, "name": self.workspace.name.removeprefix("#")},
            "container": {
                "type": "message_attachment",
                "message_ts": one.ts,
                "channel_id": channel,
            },
            "message": {"ts": one.ts, **one.body},
            "trigger_id": "13345224609.738474920.8088930838d88f008e0",
            "response_url": f"{self.url}/actions/T0/{one.ts}/{at:.6f}",
            "actions": [
                {"type": "button", "action_id": word, "value": value, "action_ts": f"{at:.6f}"}
            ],
        }

    def _post(self, arguments: dict[str, Any]) -> dict[str, Any]:
        name = self.workspace.name
        if arguments.get("channel") not in {self.workspace.channel, name, name.removeprefix("#")}:
            raise Wrong("channel_not_found")
        checked(arguments, _OF_POST)
        thread = arguments.get("thread_ts")
        if thread is not None and self.find(thread) is None:
            raise Wrong("thread_not_found")
        if arguments.get("reply_broadcast") and thread is None:
            raise Wrong("invalid_arguments")
        kept = self.keep(arguments, thread)
        message = {"text": arguments.get("text", "")}
        return {"channel": self.workspace.channel, "ts": kept.ts, "message": message}

    def _update(self, arguments: dict[str, Any]) -> dict[str, Any]:
        if arguments.get("channel") != self.workspace.channel:  # a name is not enough here
            raise Wrong("channel_not_found")
        checked(arguments, _OF_UPDATE)
        one = self.find(str(arguments.get("ts")))
        if one is None:
            raise Wrong("message_not_found")
        one.body, one.updates = arguments, one.updates + 1
        return {
            "channel": self.workspace.channel,
            "ts": one.ts,
            "text": arguments.get("text", ""),
        }

    def keep(self, message: dict[str, Any], thread: str | None = None) -> Posted:
        """Shows it in the channel, and forgets what is oldest."""
        self._count += 1
        ts = f"{int(self.clock())}.{self._count:06}"
        about = (message.get("metadata") or {}).get("event_payload", {})
        self.posted.append(Posted(ts, message, thread, about=about))
        del self.posted[:-MOST], self.heard[:-MOST]
        return self.posted[-1]


def signed(interaction: dict[str, Any], at: float, secret: str) -> tuple[dict[str, str], bytes]:
    """An interaction as it comes over the wire."""
    body = urlencode({"payload": json.dumps(interaction)}).encode()
    stamp = str(int(at))
    digest = hmac.new(secret.encode(), f"v0:{stamp}:".encode() + body, hashlib.sha256)
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Slack-Request-Timestamp": stamp,
        "X-Slack-Signature": f"v0={digest.hexdigest()}",
    }
    return headers, body


def blocks_of(message: dict[str, Any]) -> list[dict[str, Any]]:
    """Those of the message and those of what is attached to it."""
    inside = [block for a in message.get("attachments", []) for block in a["blocks"]]
    return [*message.get("blocks", []), *inside]


def buttons_of(message: dict[str, Any]) -> list[dict[str, Any]]:
    """What may be pressed."""
    return [e for b in blocks_of(message) if b["type"] == "actions" for e in b["elements"]]


def texts_of(message: dict[str, Any]) -> Iterator[str]:
    """Every piece of text, as Slack's markup has it."""
    yield message["text"]
    for block in blocks_of(message):
        if block["type"] != "actions":
            parts = [block.get("text"), *block.get("fields", []), *block.get("elements", [])]
            yield from (part["text"] for part in parts if part)


def links_of(text: str) -> dict[str, str]:
    """Caption → address of what is clickable."""
    found = [match.partition("|") for match in MARKUP.findall(text)]
    return {read(label): read(target) for target, _, label in found if target[:1] not in "!@#"}


def read(markup: str) -> str:
    """What a reader sees of escaped text."""
    return markup.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
