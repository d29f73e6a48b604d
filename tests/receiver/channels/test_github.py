from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from pydantic import SecretStr, ValidationError

from receiver.channels.base import ChannelError, Notice
from receiver.channels.github import GitHub, _body
from receiver.outside.http import open_http
from receiver.tools import Tools
from tests.receiver.channels.golden import is_golden
from tests.receiver.channels.notices import RESOLVED, a_notice, of, tell
from tests.receiver.stand_ins import StandInPrograms, SteppedClock
from tests.servers.github import REPOSITORY, TOKEN, GitHubStandIn, _check_body, github_stand_in

FACTS = {"Tried": "restart of shop, 12 s ago", "Next": "rollback, at 03:12 UTC"}
MARKUP = (
    "@example/everyone fixes #1 ```\n````\n<img src=x onerror=alert(1)> [a](https://evil.example)"
)


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[GitHubStandIn, GitHub, Tools]]:
    async with github_stand_in() as service, open_http() as http:
        channel = GitHub(repository=REPOSITORY, token=SecretStr(TOKEN), api_url=service.url)
        yield service, channel, Tools(SteppedClock(), http, StandInPrograms())


async def told(*notices: Notice) -> GitHubStandIn:
    async with connected() as (service, channel, tools):
        await tell(channel, tools, *notices)
    return service


async def test_an_incident_is_one_issue_from_its_first_notice_to_its_end() -> None:
    service = await told(of("opened"), of("acted"), of("healed"), RESOLVED)
    (issue,) = service.issues
    assert (issue.title, issue.state, len(issue.comments)) == ("[firing] shop is down", "closed", 3)
    assert issue.labels == ["prunella", "severity:critical"]


async def test_what_comes_back_opens_its_issue_again() -> None:
    service = await told(of("opened"), RESOLVED, of("opened"))
    assert [issue.state for issue in service.issues] == ["open"]


async def test_a_lost_answer_opens_no_second_issue() -> None:
    async with connected() as (service, channel, tools):
        await channel.send(replace(of("opened"), dedup_key="another"), tools)
        service.lost = 0
        thread = await channel.send(of("opened"), tools)
        again = await channel.send(of("opened"), tools)  # as if the first answer had been lost
    assert thread == again == "2"
    assert len(service.issues) == 2


async def test_a_connection_that_is_lost_is_tried_again() -> None:
    async with connected() as (service, channel, tools):
        service.lost = 1
        with pytest.raises(ChannelError) as caught:
            await channel.send(of("opened"), tools)
        assert not caught.value.permanent
        await channel.send(of("opened"), tools)
    assert len(service.issues) == 1


@pytest.mark.parametrize("event", ["test", "digest"])
async def test_what_has_no_end_of_its_own_is_closed_at_once(event: str) -> None:
    service = await told(of(event))
    assert [issue.state for issue in service.issues] == ["closed"]


async def test_a_deploy_that_goes_well_is_no_issue_and_one_that_does_not_is() -> None:
    well, badly = (a_notice(event="release", severity=word) for word in ("info", "warning"))
    assert (await told(well)).issues == []
    service = await told(well, badly, replace(well, ended=True))
    assert [issue.state for issue in service.issues] == ["closed"]


async def test_what_is_sent_is_what_somebody_should_read() -> None:
    links = {"Runbook": "https://example.org/r", "Trap": "javascript:alert(1)"}
    service = await told(of("opened", links=links, facts=FACTS))
    is_golden("github", {"title": service.issues[0].title, "body": service.issues[0].body})


@settings(max_examples=80)
@given(words=st.text(alphabet=st.sampled_from([*MARKUP, "`", "~", "é", "\u202e"]), max_size=60))
def test_no_words_of_an_alert_leave_their_block(words: str) -> None:
    notice = replace(
        a_notice(title=words, text=words, links={words: "https://example.org/"}),
        facts={words: words},
    )
    tokens = MarkdownIt("commonmark").parse(_body(notice, words))
    inline = [one for token in tokens for one in token.children or []]
    texts = "".join(one.content for one in inline if one.type == "text")
    assert "@" not in texts
    assert not any(one.type in {"image", "html_inline"} for one in inline)
    links = {one.attrs["href"] for one in inline if one.type == "link_open"}
    assert links == {"https://example.org/"}


async def test_a_megabyte_of_text_still_fits() -> None:
    huge = MARKUP * 10_000
    notice = replace(a_notice(title=huge, text=huge), facts={f"{n}{huge}": huge for n in range(60)})
    _check_body({"body": _body(notice, "prod")})
    assert len((await told(notice)).issues) == 1


@pytest.mark.parametrize(
    ("status", "headers", "permanent", "wait"),
    [
        (401, {}, True, None),
        (403, {}, True, None),
        (403, {"Retry-After": "30"}, False, 30.0),
        (403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1700000090"}, False, 90.0),
        (429, {"X-RateLimit-Remaining": "0"}, False, 60.0),
        (422, {}, True, None),
        (503, {}, False, None),
    ],
)
async def test_a_refusal_is_for_good_or_for_now(
    status: int, headers: dict[str, str], permanent: bool, wait: float | None
) -> None:
    async with connected() as (service, channel, tools):
        service.refusals.append(web.json_response({}, status=status, headers=headers))
        with pytest.raises(ChannelError) as caught:
            await channel.send(of("opened"), tools)
    assert (caught.value.permanent, caught.value.retry_after) == (permanent, wait)


async def test_a_limit_that_is_told_in_words_only_is_for_now() -> None:
    words = {"message": "You have exceeded a secondary rate limit."}
    async with connected() as (service, channel, tools):
        service.refusals.append(web.json_response(words, status=403))
        with pytest.raises(ChannelError) as caught:
            await channel.send(of("opened"), tools)
    assert (caught.value.permanent, caught.value.retry_after) == (False, 60.0)


async def test_the_reset_of_a_limit_that_is_not_used_up_says_nothing() -> None:
    """It stands in every answer, and is up to an hour away."""
    words = {"message": "You have exceeded a secondary rate limit."}
    headers = {"X-RateLimit-Remaining": "4000", "X-RateLimit-Reset": "4000000000"}
    async with connected() as (service, channel, tools):
        service.refusals.append(web.json_response(words, status=403, headers=headers))
        with pytest.raises(ChannelError) as caught:
            await channel.send(of("opened"), tools)
    assert caught.value.retry_after == 60.0


@pytest.mark.parametrize("status", [404, 410])
async def test_an_issue_that_somebody_deleted_is_opened_anew(status: int) -> None:
    async with connected() as (service, channel, tools):
        thread = await channel.send(of("opened"), tools)
        assert thread == "1"
        service.refusals.append(web.json_response({}, status=status))
        assert await channel.send(replace(of("escalated"), thread=thread), tools) == "2"


async def test_what_another_kind_of_channel_left_is_no_issue() -> None:
    async with connected() as (service, channel, tools):
        await channel.send(replace(of("opened"), thread='["#ops", "C1", "1.2"]'), tools)
    assert len(service.issues) == 1


async def test_a_token_that_may_not_is_refused_and_not_told() -> None:
    async with connected() as (service, _, tools):
        wrong = SecretStr("github_pat_wr0ng")
        channel = GitHub(repository=REPOSITORY, token=wrong, api_url=service.url)
        with pytest.raises(ChannelError, match="401") as caught:
            await channel.send(of("opened"), tools)
    assert "wr0ng" not in f"{caught.value!r} {channel!r}"


@pytest.mark.parametrize("name", ["shop", "a/b/c", "a/..", "../etc", "a b/c", "-a/b", "a/b?x"])
def test_what_is_no_repository_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="owner/name"):
        GitHub(repository=name, token=SecretStr(TOKEN))


# in a process of its own: its connections are left to the interpreter's end
OFFICIAL = """
import sys, github
url, repository, token = sys.argv[1:]
client = github.Github(base_url=url, auth=github.Auth.Token(token), retry=None)
issue = client.get_repo(repository, lazy=True).create_issue("down", body="b", labels=["prunella"])
issue.create_comment("still down")
issue.edit(state="closed", state_reason="completed")
"""


async def test_the_stand_in_takes_what_a_well_known_client_sends() -> None:
    async with connected() as (service, _, _):
        client = await asyncio.create_subprocess_exec(
            sys.executable, "-W", "ignore", "-c", OFFICIAL, service.url, REPOSITORY, TOKEN
        )
        assert await client.wait() == 0
    (issue,) = service.issues
    assert (issue.state, issue.comments) == ("closed", ["still down"])
