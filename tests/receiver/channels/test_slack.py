from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from receiver.channels.base import ChannelError, Notice
from receiver.channels.slack import Slack, _message
from receiver.outside.http import open_http
from receiver.tools import OutsideError, Response, Tools
from tests.receiver.channels.notices import a_notice
from tests.receiver.channels.slack_stand_in import PATH, SlackStandIn, _check, slack_stand_in
from tests.receiver.stand_ins import StandInHttp, StandInPrograms, SteppedClock, a_toolbox

HOOK = SecretStr(f"https://hooks.slack.com{PATH}")


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[SlackStandIn, Tools]]:
    async with slack_stand_in() as slack, open_http() as http:
        yield slack, Tools(SteppedClock(), http, StandInPrograms())


async def told(notice: Notice, environment: str | None = None) -> SlackStandIn:
    async with connected() as (slack, tools):
        channel = Slack(webhook_url=SecretStr(slack.url), environment=environment)
        await channel.send(notice, tools)
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
        ("info", "opened", "#3f7fd7"),
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
        "Pipe | &lt;b&gt;": "http://h/a%7Cb%3Cc%3E",
    }


async def test_as_many_links_as_fit_are_shown() -> None:
    slack = await told(a_notice(links={f"L{n}": "http://h/" + "x" * 500 for n in range(20)}))
    assert len(slack.links) == 5


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
    _check(_message(a_notice(title=title, text=text, links=links), None))


async def test_a_busy_slack_says_when_to_come_back() -> None:
    async with connected() as (slack, tools):
        slack.refusals.append(web.Response(status=429, headers={"Retry-After": "30"}))
        with pytest.raises(ChannelError) as caught:
            await Slack(webhook_url=SecretStr(slack.url)).send(a_notice(), tools)
        assert (caught.value.permanent, caught.value.retry_after) == (False, 30)
        await Slack(webhook_url=SecretStr(slack.url)).send(a_notice(), tools)
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
        await Slack(webhook_url=HOOK).send(a_notice(), a_toolbox(http=http))
    assert caught.value.permanent is permanent


async def test_json_with_ok_is_taken_too() -> None:
    http = StandInHttp(Response(200, b'{"ok": true}'))
    await Slack(webhook_url=HOOK).send(a_notice(), a_toolbox(http=http))


async def test_no_connection_is_worth_another_try() -> None:
    http = StandInHttp(OutsideError("POST https://hooks.slack.com: no answer"))
    with pytest.raises(ChannelError, match="no answer") as caught:
        await Slack(webhook_url=HOOK).send(a_notice(), a_toolbox(http=http))
    assert not caught.value.permanent


async def test_another_base_address_takes_the_hooks_path() -> None:
    http = StandInHttp()
    channel = Slack(webhook_url=HOOK, api_url="http://127.0.0.1:9/slack/")
    await channel.send(a_notice(), a_toolbox(http=http))
    assert http.asked[0].url == f"http://127.0.0.1:9/slack{PATH}"


@pytest.mark.parametrize(
    "wrong", [{}, {"webhook_url": "c4nary"}, {"webhook_url": "ftp://c4nary/"}, {"bot_token": "c4nary"}]
)  # fmt: skip
def test_a_channel_that_cannot_send_is_refused_without_showing_its_secret(
    wrong: dict[str, str],
) -> None:
    with pytest.raises(ValidationError) as caught:
        Slack.model_validate(wrong)
    assert "c4nary" not in str(caught.value)
