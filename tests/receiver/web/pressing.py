"""A receiver that asks for approvals in stand-ins of Slack and Telegram, and fingers that press."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.receiver.rig import CONFIG, firing
from tests.receiver.web.serving import Answer, Client, serving
from tests.servers.process import until
from tests.servers.slack import NAME, SIGNING_SECRET, SlackStandIn, slack_stand_in
from tests.servers.slack import TOKEN as SLACK_TOKEN
from tests.servers.telegram import CHAT, SECRET, TelegramStandIn, telegram_stand_in
from tests.servers.telegram import TOKEN as TELEGRAM_TOKEN

# what is not about an approval would only take time
ONE_RUNG: dict[str, Any] = {
    **CONFIG["playbooks"][0],
    "ladder": CONFIG["playbooks"][0]["ladder"][:1],
}


@asynccontextmanager
async def asking_in_slack(
    folder: Path, **changes: Any
) -> AsyncIterator[tuple[SlackStandIn, Client]]:
    """Somebody is asked in Slack whether incident 1 may be repaired."""
    async with slack_stand_in() as slack:
        keys = {"kind": "slack", "bot_token": SLACK_TOKEN, "channel": NAME, "api_url": slack.url}
        buttons = {"signing_secret": SIGNING_SECRET, "approvers": ["U0ANN"]}
        config = {"mode": "approve", "playbooks": [ONE_RUNG], **changes}
        async with serving(folder, channels={"ops": {**keys, **buttons}}, **config) as client:
            await fire(client)
            await until(
                lambda: bool(slack.posted) and "approve" in slack.buttons(0), "asked in Slack"
            )
            yield slack, client


@asynccontextmanager
async def asking_in_telegram(folder: Path) -> AsyncIterator[tuple[TelegramStandIn, Client]]:
    """Somebody is asked in Telegram whether incident 1 may be repaired."""
    async with telegram_stand_in() as telegram:
        keys = {"kind": "telegram", "bot_token": TELEGRAM_TOKEN, "chat_id": CHAT}
        buttons = {"webhook_secret": SECRET, "approvers": [7001], "api_url": telegram.url}
        config: dict[str, Any] = {"mode": "approve", "playbooks": [ONE_RUNG]}
        async with serving(folder, channels={"ops": {**keys, **buttons}}, **config) as client:
            await fire(client)
            await until(
                lambda: bool(telegram.posted) and "Approve" in telegram.buttons(),
                "asked in Telegram",
            )
            yield telegram, client


async def fire(client: Client) -> None:
    body = json.dumps({"alerts": [firing()]}).encode()
    assert (await client.alerts(body)).status == 202


async def state(client: Client) -> str:
    return str((await client.ask("GET", "/api/v1/incidents/1")).json["state"])


async def journal(client: Client, ev: str) -> list[dict[str, Any]]:
    """The rows of one kind."""
    lines = (await client.ask("GET", "/api/v1/journal")).text.splitlines()
    return [row for row in map(json.loads, lines) if row["ev"] == ev]


async def interact(client: Client, headers: dict[str, str], body: bytes) -> Answer:
    """What Slack would do."""
    kept = dict(headers)
    content_type = kept.pop("Content-Type")
    return await send(client, "/slack/interactions", body, content_type, kept)


async def press_in_slack(
    slack: SlackStandIn, client: Client, word: str, user: str = "U0ANN"
) -> Answer:
    return await interact(client, *slack.press(word, user=user, at=time.time()))


async def update(client: Client, update_: dict[str, Any], secret: str | None = SECRET) -> Answer:
    """What Telegram would do."""
    headers = {} if secret is None else {"X-Telegram-Bot-Api-Secret-Token": secret}
    body = json.dumps(update_).encode()
    return await send(client, "/telegram/updates", body, "application/json", headers)


async def send(
    client: Client, path: str, body: bytes, content_type: str, headers: dict[str, str]
) -> Answer:
    headers = {"Content-Type": content_type, **headers}
    async with client.session.post(client.url + path, data=body, headers=headers) as answer:
        text = await answer.text()
        parsed = json.loads(text) if answer.content_type == "application/json" else None
        return Answer(answer.status, parsed, dict(answer.headers), text)
