"""Slack's incoming webhooks; as a bot it is in test_slack_bot.py."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from demo.preview.slack_rules import check
from receiver.channels.base import ChannelError, Notice
from receiver.channels.buttons import unseal
from receiver.channels.slack import Slack
from receiver.channels.slack_message import root_message
from receiver.outside.http import open_http
from receiver.tools import OutsideError, Response, Tools
from tests.receiver.channels.notices import a_notice
from tests.receiver.channels.stories import HOSTILE, asked, hostile
from tests.receiver.stand_ins import StandInHttp, StandInPrograms, SteppedClock, a_toolbox
from tests.servers.slack import HOOK, SIGNING_SECRET, SlackStandIn, slack_stand_in

URL = SecretStr(f"https://hooks.slack.com{HOOK}")
WITH_BUTTONS: dict[str, Any] = {
    "signing_secret": SecretStr(SIGNING_SECRET),
    "approvers": ("U0ANN",),
}
KEYS = {"text", "attachments", "parse", "link_names"}


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[SlackStandIn, Tools]]:
    async with slack_stand_in() as slack, open_http() as http:
        yield slack, Tools(SteppedClock(), http, StandInPrograms())


async def told(notice: Notice, **options: Any) -> SlackStandIn:
    async with connected() as (slack, tools):
        await Slack(webhook_url=SecretStr(slack.url + HOOK), **options).send(notice, tools)
    return slack


async def test_a_notice_is_read_in_the_channel() -> None:
    slack = await told(a_notice(), environment="prod")
    assert slack.texts == [
        "[firing] shop is down",
        "HighErrorRate on shop",
        "critical · opened · restart · prod · incident 12",
    ]


@pytest.mark.parametrize(
    ("severity", "event", "colour"),
    [
        ("critical", "opened", "#d72b3f"),
        ("warning", "acted", "#e8a723"),
        ("info", "opened", "#2eb67d"),
        ("critical", "healed", "#2eb67d"),
        ("warning", "resolved", "#2eb67d"),
    ],
)
async def test_the_colour_says_how_bad_it_is(severity: str, event: str, colour: str) -> None:
    slack = await told(a_notice(severity=severity, event=event))
    assert slack.messages[0]["attachments"][0]["color"] == colour


async def test_no_label_pings_anybody() -> None:
    nasty = "<!channel> <@U1> <!subteam^S1> @here &lt;!here&gt; <http://evil|bank>"
    slack = await told(a_notice(title=nasty, text=nasty, links={"<!here>": "http://h/"}))
    assert slack.pings == []
    assert slack.messages[0]["parse"] == "none"


@pytest.mark.parametrize("text", HOSTILE)
async def test_hostile_words_are_words(text: str) -> None:
    slack = await told(hostile(text), **WITH_BUTTONS)
    assert slack.pings == []
    assert all(address.startswith("https://h/") for address in slack.links.values())


async def test_links_lead_to_the_web_or_are_left_out() -> None:
    slack = await told(
        a_notice(
            links={
                "Runbook": "https://docs.example/runbooks/Down?a=1&b=2",
                "Pipe | <b>": "http://h/a|b<c>",
                "Script": "javascript:alert(1)",
                "File": "file:///etc/passwd",
                "Broken": "http://h/a b",
                "Endless": "http://h/" + "x" * 3000,
            }
        )
    )
    assert slack.links == {
        "Runbook": "https://docs.example/runbooks/Down?a=1&b=2",
        "Pipe | <b>": "http://h/a%7Cb%3Cc%3E",
    }


async def test_as_many_links_as_fit_are_shown() -> None:
    slack = await told(a_notice(links={f"L{n}": "http://h/" + "x" * 500 for n in range(20)}))
    assert len(slack.links) == 3


@pytest.mark.parametrize("fill", ["x", "&", "<", "\N{PILE OF POO}", "\n.", "\x00"])
async def test_long_texts_are_cut_at_slacks_limits(fill: str) -> None:
    slack = await told(a_notice(title=fill * 5000, text=fill * 5000))
    assert all(text.endswith("…") for text in slack.texts[:2])


async def test_a_notice_without_words_is_still_a_message() -> None:
    slack = await told(a_notice(title=" ", text=" \n "))
    assert slack.texts[0] == "opened"


@given(st.text(max_size=4000), st.text(), st.dictionaries(st.text(), st.text()))
def test_whatever_the_labels_say_slack_takes_it(
    title: str, text: str, links: dict[str, str]
) -> None:
    notice = replace(a_notice(title=title, text=text, links=links), facts=links)
    check(root_message(notice, None), KEYS)


async def test_facts_stand_in_two_columns_ten_at_most() -> None:
    slack = await told(replace(asked(), facts={f"c{n}": "*v*" for n in range(12)}))
    (fields,) = [
        b["fields"] for b in slack.messages[0]["attachments"][0]["blocks"] if "fields" in b
    ]
    assert (len(fields), fields[0]["text"]) == (10, "*c0*\n*v*")


async def test_a_channel_with_a_secret_and_approvers_has_buttons() -> None:
    slack = await told(asked(), **WITH_BUTTONS)
    pressed = slack.buttons()
    assert list(pressed) == ["approve", "deny", "acknowledge", "resolve", "pause"]
    place = Slack(webhook_url=SecretStr(slack.url + HOOK), **WITH_BUTTONS).place
    press = unseal(pressed["approve"], SecretStr(SIGNING_SECRET), place)
    assert press is not None
    assert (press.word, press.incident) == ("approve", 12)


async def test_one_without_links_to_the_page_that_answers() -> None:
    page = "https://prunella.example/answer/12.nonce"
    question = replace(asked().question or pytest.fail("asked"), page=page)
    assert (await told(asked(question=question))).links["Approve or deny"] == page
    assert "Approve or deny" not in (await told(asked(question=question), **WITH_BUTTONS)).links


async def test_a_busy_slack_says_when_to_come_back() -> None:
    async with connected() as (slack, tools):
        slack.refusals.append(web.Response(status=429, headers={"Retry-After": "30"}))
        channel = Slack(webhook_url=SecretStr(slack.url + HOOK))
        with pytest.raises(ChannelError) as caught:
            await channel.send(a_notice(), tools)
        assert (caught.value.permanent, caught.value.retry_after) == (False, 30)
        await channel.send(a_notice(), tools)
        assert len(slack.messages) == 1


@pytest.mark.parametrize(
    ("status", "body", "permanent"),
    [
        (400, b"invalid_payload", True),
        (403, b"action_prohibited", True),
        (404, b"no_service", True),
        (410, b"channel_is_archived", True),
        (302, b"", True),
        (408, b"", False),
        (500, b"", False),
        (503, b"", False),
        (200, b"<html>sign in to the wifi", False),
        (200, b"", False),
        (200, b"[]", False),
        (200, b'{"ok":false,"error":"invalid_blocks"}', True),
        (200, b'{"ok":false,"error":"ratelimited"}', False),
    ],
)
async def test_a_refusal_is_worth_another_try_or_not(
    status: int, body: bytes, permanent: bool
) -> None:
    http = StandInHttp(Response(status, body))
    with pytest.raises(ChannelError) as caught:
        await Slack(webhook_url=URL).send(a_notice(), a_toolbox(http=http))
    assert caught.value.permanent is permanent


async def test_json_with_ok_is_taken_too() -> None:
    http = StandInHttp(Response(200, b'{"ok": true}'))
    assert await Slack(webhook_url=URL).send(a_notice(), a_toolbox(http=http)) is None


async def test_no_connection_is_worth_another_try() -> None:
    http = StandInHttp(OutsideError("POST https://hooks.slack.com: no answer"))
    with pytest.raises(ChannelError, match="no answer") as caught:
        await Slack(webhook_url=URL).send(a_notice(), a_toolbox(http=http))
    assert not caught.value.permanent


async def test_another_base_address_takes_the_hooks_path() -> None:
    http = StandInHttp()
    channel = Slack(webhook_url=URL, api_url="http://127.0.0.1:9/slack/")
    await channel.send(a_notice(), a_toolbox(http=http))
    assert http.asked[0].url == f"http://127.0.0.1:9/slack{HOOK}"


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"webhook_url": "c4nary"},
        {"webhook_url": "ftp://c4nary/"},
        {"bot_token": "c4nary"},
        {"bot_token": "c4nary with space", "channel": "#ops"},
        {"channel": "#ops"},
        {"webhook_url": "https://h/c4nary", "bot_token": "c4nary", "channel": "#ops"},
        {"webhook_url": "https://h/c4nary", "signing_secret": "c4nary" * 5},
        {"webhook_url": "https://h/c4nary", "approvers": ["U0ANN"]},
        {"webhook_url": "https://h/c4nary", "approvers": ["ann"], "signing_secret": "c4nary" * 5},
    ],
)
def test_a_channel_that_cannot_send_is_refused_without_showing_its_secret(
    wrong: dict[str, Any],
) -> None:
    with pytest.raises(ValidationError) as caught:
        Slack.model_validate(wrong)
    assert "c4nary" not in str(caught.value)
