"""What Slack refuses: keys that it does not know, blocks of a wrong shape, text above its limits, broken markup."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

MARKUP = re.compile(r"<([^<>]*)>")
_ENTITY = re.compile(r"&(?:amp|lt|gt);")


class Wrong(Exception):
    """What Slack would answer instead of taking it."""


def checked(arguments: dict[str, Any], known: set[str]) -> None:
    try:
        check({k: v for k, v in arguments.items() if v is not None}, known)
    except (ValueError, KeyError, TypeError) as error:
        raise Wrong("invalid_blocks") from error


def check(message: Any, known: set[str]) -> None:
    require(isinstance(message, dict) and set(message) <= known, "keys")
    if not (message.get("text") or message.get("blocks") or message.get("attachments")):
        raise Wrong("no_text")
    if len(message.get("text", "")) > 40_000:
        raise Wrong("msg_too_long")
    check_markup(message.get("text", ""))
    require(len(message.get("attachments", [])) <= 100, "attachments")
    for attachment in message.get("attachments", []):
        require(set(attachment) <= {"color", "fallback", "blocks"}, "attachment keys")
        require(re.fullmatch("#[0-9a-f]{6}", attachment["color"]) is not None, "color")
        _check_blocks(attachment["blocks"])
    _check_blocks(message.get("blocks", [{"type": "divider"}]))
    if len(json.dumps(message, ensure_ascii=False)) >= 13_172:
        raise Wrong("msg_blocks_too_long")


def _check_blocks(blocks: Any) -> None:
    require(0 < len(blocks) <= 50, "blocks")
    for block in blocks:
        check_block(block)


def check_block(block: Any) -> None:
    require(block["type"] in _BLOCKS, "unknown block")
    known, check = _BLOCKS[block["type"]]
    require(set(block) <= known | {"type", "block_id"}, f"{block['type']} keys")
    check(block)


def _check_header(block: Any) -> None:
    _check_plain(block["text"], 150)


def _check_section(block: Any) -> None:
    fields = block.get("fields", [])
    require(("text" in block) or bool(fields), "empty section")
    require(len(fields) <= 10, "fields")
    for one in fields:
        _check_text(one, 2000)
    if "text" in block:
        _check_text(block["text"], 3000)


def _check_context(block: Any) -> None:
    require(0 < len(block["elements"]) <= 10, "context")
    for element in block["elements"]:
        _check_text(element, 3000)


def _check_actions(block: Any) -> None:
    elements = block["elements"]
    require(0 < len(elements) <= 25, "actions")
    require(len({e["action_id"] for e in elements}) == len(elements), "action_id twice")
    for element in elements:
        _check_button(element)


def _check_divider(block: Any) -> None:
    require(block["type"] == "divider", "divider")


_BLOCKS: dict[str, tuple[set[str], Callable[[Any], None]]] = {
    "header": ({"text"}, _check_header),
    "section": ({"text", "fields"}, _check_section),
    "context": ({"elements"}, _check_context),
    "actions": ({"elements"}, _check_actions),
    "divider": (set(), _check_divider),
}


def _check_button(button: Any) -> None:
    known = {"type", "action_id", "text", "value", "style", "confirm", "url"}
    require(button["type"] == "button" and set(button) <= known, "button keys")
    require(0 < len(button["action_id"]) <= 255 and len(button["value"]) <= 2000, "button")
    require(button.get("style", "danger") in {"primary", "danger"}, "style")
    _check_plain(button["text"], 75)
    if (confirm := button.get("confirm")) is not None:
        require(set(confirm) <= {"title", "text", "confirm", "deny", "style"}, "confirm keys")
        for part, limit in (("title", 100), ("text", 300), ("confirm", 30), ("deny", 30)):
            _check_plain(confirm[part], limit)


def _check_plain(text: Any, limit: int) -> None:
    require(set(text) <= {"type", "text", "emoji"} and text["type"] == "plain_text", "plain_text")
    require(0 < units(text["text"]) <= limit, "plain_text length")


def _check_text(text: Any, limit: int) -> None:
    require(set(text) <= {"type", "text", "verbatim"}, "text keys")
    require(text["type"] == "mrkdwn", "text type")
    require(0 < units(text["text"]) <= limit, "text length")
    check_markup(text["text"])


def check_markup(text: str) -> None:
    plain = MARKUP.sub("", text)
    require("<" not in plain and ">" not in plain, "half a link")
    require("&" not in _ENTITY.sub("", plain), "half an entity")


def units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def require(holds: bool, what: str) -> None:
    if not holds:
        raise ValueError(what)
