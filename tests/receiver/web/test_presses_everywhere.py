"""Two receivers behind one address, and what is found of the secrets afterwards: nothing."""

from __future__ import annotations

import asyncio
import logging
import time
from pathlib import Path
from typing import Any

import pytest

from prunella.logs import JsonFormatter
from tests.receiver.web.pressing import (
    ONE_RUNG,
    asking_in_slack,
    fire,
    interact,
    journal,
    press_in_slack,
    update,
)
from tests.receiver.web.serving import Client, serving
from tests.servers.discord import HOOK as DISCORD_HOOK
from tests.servers.discord import TOKEN as DISCORD_TOKEN
from tests.servers.discord import discord_stand_in
from tests.servers.postgres import postgres_server
from tests.servers.process import until
from tests.servers.slack import HOOK, NAME, SIGNING_SECRET, SlackStandIn, slack_stand_in
from tests.servers.slack import TOKEN as SLACK_TOKEN
from tests.servers.telegram import CHAT, SECRET, TelegramStandIn, telegram_stand_in
from tests.servers.telegram import TOKEN as TELEGRAM_TOKEN

SECRETS = (SLACK_TOKEN, SIGNING_SECRET, HOOK, TELEGRAM_TOKEN, SECRET, DISCORD_TOKEN)


@pytest.mark.server
async def test_of_two_receivers_one_takes_the_press_and_none_takes_it_again(tmp_path: Path) -> None:
    folders = tmp_path / "one", tmp_path / "other"
    for folder in folders:
        folder.mkdir()
    with postgres_server() as cluster:
        url = cluster.url(cluster.database())
        async with asking_in_slack(folders[0], journal=url) as (slack, one):
            channels = {name: _plain(c) for name, c in one.live.current.channels.items()}
            config: dict[str, Any] = {"mode": "approve", "playbooks": [ONE_RUNG], "journal": url}
            async with serving(folders[1], channels=channels, **config) as other:
                request = slack.press("approve", at=time.time())
                answers = [interact(client, *request) for client in (one, other) * 3]
                assert {one.status for one in await asyncio.gather(*answers)} == {200}
                pause = slack.press("pause", at=time.time())
                await interact(one, *pause)
                await one.ask("POST", "/api/v1/resume", data=b"{}")
                await interact(other, *pause)
                assert (await other.ask("GET", "/api/v1/status")).json["paused"] is False
                assert len(await journal(other, "approved")) == 1


def _plain(channel: Any) -> dict[str, Any]:
    """As the config file has it."""
    return {
        "kind": "slack",
        "bot_token": channel.bot_token.get_secret_value(),
        "channel": channel.channel,
        "api_url": channel.api_url,
        "signing_secret": channel.signing_secret.get_secret_value(),
        "approvers": list(channel.approvers),
    }


def every_channel(slack: str, telegram: str, discord: str) -> dict[str, dict[str, Any]]:
    """Of each kind one that works and one that does not."""
    in_slack = {"kind": "slack", "api_url": slack}
    buttons = {"signing_secret": SIGNING_SECRET, "approvers": ["U0ANN"]}
    hook = f"https://hooks.slack.com{HOOK}"
    phone = {"kind": "telegram", "api_url": telegram, "bot_token": TELEGRAM_TOKEN}
    dev = {"kind": "discord", "webhook_url": f"https://discord.com{DISCORD_HOOK}"}
    return {
        "bot": {**in_slack, "bot_token": SLACK_TOKEN, "channel": NAME, **buttons},
        "wrong": {**in_slack, "webhook_url": f"{hook}-wrong"},
        "phone": {**phone, "chat_id": CHAT, "webhook_secret": SECRET, "approvers": [7001]},
        "nowhere": {**phone, "chat_id": 5},
        "dev": {**dev, "api_url": discord},
        "gone": {**dev, "api_url": "http://127.0.0.1:1"},
    }


async def presses_of_all_kinds(slack: SlackStandIn, client: Client) -> None:
    headers, body = slack.press("acknowledge", at=time.time())
    await interact(client, headers, body + b"x")
    await press_in_slack(slack, client, "approve", "U0EVE")
    await interact(client, headers, body)
    for secret in (SECRET, SECRET[:-1]):
        await update(client, TelegramStandIn().update("a:1"), secret)


def written(folder: Path) -> str:
    """Everything that is on the disk but the config."""
    files = folder.glob("journal.db*")
    return "\n".join(file.read_bytes().decode(errors="replace") for file in files)


async def test_no_secret_is_found_anywhere_afterwards(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with (
        slack_stand_in() as slack,
        telegram_stand_in() as telegram,
        discord_stand_in() as discord,
    ):
        channels = every_channel(slack.url, telegram.url, discord.url)
        config: dict[str, Any] = {"mode": "approve", "playbooks": [ONE_RUNG]}
        async with serving(tmp_path, channels=channels, **config) as client:
            await fire(client)
            await until(
                lambda: bool(slack.posted and telegram.posted and discord.posted), "all to be told"
            )
            await until(lambda: "approve" in slack.buttons(0), "asked in Slack")
            await presses_of_all_kinds(slack, client)
            paths = ("/api/v1/journal", "/metrics", "/api/v1/incidents/1", "/api/v1/status")
            said = [(await client.ask("GET", path)).text for path in paths]
    logs = [JsonFormatter().format(record) for record in caplog.records]
    everything = "\n".join([*said, *logs, written(tmp_path)])
    assert "U0EVE" in everything  # so that refusals were among it
    assert "cannot be delivered" in everything
    assert [secret for secret in SECRETS if secret in everything] == []
