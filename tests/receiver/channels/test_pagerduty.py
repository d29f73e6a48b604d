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
from pydantic import SecretStr, ValidationError

from receiver.channels import CHANNELS
from receiver.channels.base import EVENTS, ChannelError, Notice, Question
from receiver.channels.pagerduty import PagerDuty, _event
from receiver.outside.http import open_http
from receiver.tools import OutsideError, Response, Tools
from tests.receiver.channels.golden import is_golden
from tests.receiver.channels.notices import RESOLVED, a_notice, of, tell
from tests.receiver.stand_ins import StandInHttp, StandInPrograms, SteppedClock, a_toolbox
from tests.servers.pagerduty import KEY, PagerDutyStandIn, _check_payload, pagerduty_stand_in

LINKS = {"Runbook": "https://example.org/r", "Trap": "javascript:alert(1)"}
FACTS = {"Tried": "restart of shop, 12 s ago", "Next": "rollback, at 03:12 UTC"}


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[PagerDutyStandIn, PagerDuty, Tools]]:
    async with pagerduty_stand_in() as service, open_http() as http:
        channel = PagerDuty(integration_key=SecretStr(KEY), api_url=service.url)
        yield service, channel, Tools(SteppedClock(), http, StandInPrograms())


async def told(*notices: Notice) -> PagerDutyStandIn:
    async with connected() as (service, channel, tools):
        await tell(channel, tools, *notices)
    return service


async def test_an_incident_is_one_alert_from_its_first_notice_to_its_end() -> None:
    service = await told(of("opened"), of("ineffective"), of("escalated"), RESOLVED)
    (alert,) = service.alerts
    assert (alert.key, alert.status) == ("prunella-j-12-opened", "resolved")
    assert [event["event_action"] for event in alert.log] == ["trigger"] * 3 + ["resolve"]


async def test_an_acknowledgement_acknowledges() -> None:
    service = await told(of("escalated"), of("acknowledged"))
    assert service.alerts[0].status == "acknowledged"


@pytest.mark.parametrize("event", ["acted", "healed", "blocked", "acknowledged", "thawed"])
async def test_nobody_is_woken_for_mere_news(event: str) -> None:
    service = await told(of(event), RESOLVED)
    assert (service.alerts, service.dropped) == ([], [])


async def test_news_is_added_to_the_alert_that_is_open() -> None:
    service = await told(of("opened"), of("acted"), of("healed"))
    assert [event["payload"]["custom_details"]["event"] for event in service.alerts[0].log] == [
        "opened",
        "acted",
        "healed",
    ]


async def test_a_freeze_is_an_alert_of_its_own_and_the_incidents_end_does_not_end_it() -> None:
    service = await told(of("opened"), of("frozen"), RESOLVED)
    assert [alert.status for alert in service.alerts] == ["resolved", "triggered"]
    service = await told(of("opened"), of("frozen"), of("thawed"))
    assert [alert.status for alert in service.alerts] == ["triggered", "resolved"]


async def test_news_of_a_deploy_is_a_mark_that_calls_nobody() -> None:
    news = replace(a_notice(event="release", title="api v42: degraded"), links=LINKS)
    service = await told(news)
    assert (service.alerts, len(service.changes)) == ([], 1)
    assert service.changes[0]["payload"]["summary"] == "api v42: degraded"


async def test_a_digest_is_a_mark_because_nothing_would_ever_end_it() -> None:
    service = await told(of("digest"))
    assert (service.alerts, len(service.changes)) == ([], 1)


@pytest.mark.parametrize("left", ['["#ops", "C1", "1.2"]', "<a@b>", "7", "{", '{"a": 1}'])
async def test_what_another_kind_of_channel_left_is_none_of_ours(left: str) -> None:
    async with connected() as (service, channel, tools):
        await channel.send(replace(of("opened"), thread=left), tools)
    assert [alert.key for alert in service.alerts] == ["prunella-j-12-opened"]


async def test_what_comes_back_is_called_for_again() -> None:
    service = await told(of("opened"), RESOLVED, of("opened"))
    assert [alert.status for alert in service.alerts] == ["resolved", "triggered"]


async def test_a_repeat_after_a_lost_answer_opens_nothing_twice() -> None:
    async with connected() as (service, channel, tools):
        for _ in range(3):
            await channel.send(of("opened"), tools)
    assert len(service.alerts) == 1


@pytest.mark.parametrize("ended", [False, True])  # `notify test` says that it is over
async def test_a_test_leaves_nothing_open(ended: bool) -> None:
    service = await told(of("test", ended=ended))
    assert [alert.status for alert in service.alerts] == ["resolved"]


async def test_what_is_sent_is_what_a_responder_should_read() -> None:
    asked = Question("n", "roll api back to v41", 1_700_000_900.0)
    notice = of("approval_requested", links=LINKS, facts=FACTS, question=asked)
    service = await told(notice)
    is_golden("pagerduty", service.alerts[0].log[0])


@settings(max_examples=60)
@given(
    words=st.text(max_size=40),
    times=st.sampled_from([1, 400, 30_000]),
    event=st.sampled_from(
        sorted(set(EVENTS) - {"acknowledged", "release", "resolved", "thawed", "trust"})
    ),
)
def test_no_words_make_an_event_that_is_refused(words: str, times: int, event: str) -> None:
    notice = replace(
        a_notice(event=event, title=words * times, text=words * times),
        labels={words or "a": words * times, "service": words * times, "instance": words},
    )
    payload = _event(notice, "trigger", "k", words or None)["payload"]
    assert isinstance(payload, dict)
    _check_payload(payload)
    assert "\x00" not in str(payload)


@pytest.mark.parametrize(
    ("status", "permanent", "wait"),
    [(400, True, None), (403, True, None), (429, False, 60.0), (500, False, None)],
)
async def test_a_refusal_is_for_good_or_for_now(
    status: int, permanent: bool, wait: float | None
) -> None:
    async with connected() as (service, channel, tools):
        service.refusals.append(web.json_response({"message": "no"}, status=status))
        with pytest.raises(ChannelError) as caught:
            await channel.send(of("opened"), tools)
    assert (caught.value.permanent, caught.value.retry_after) == (permanent, wait)


async def test_the_time_to_wait_is_the_services_where_it_says_one() -> None:
    async with connected() as (service, channel, tools):
        service.refusals.append(web.Response(status=429, headers={"Retry-After": "7"}))
        with pytest.raises(ChannelError) as caught:
            await channel.send(of("opened"), tools)
    assert caught.value.retry_after == 7.0


async def test_the_key_of_another_service_is_refused_and_not_told() -> None:
    wrong = "w" * 32
    async with connected() as (service, _, tools):
        channel = PagerDuty(integration_key=SecretStr(wrong), api_url=service.url)
        with pytest.raises(ChannelError, match="400") as caught:
            await channel.send(of("opened"), tools)
    assert caught.value.permanent
    assert wrong not in str(caught.value) + repr(channel) + repr(caught.value)


async def test_a_page_between_us_and_the_service_is_not_taken_for_it() -> None:
    http = StandInHttp(Response(200, b"<html>sign in</html>"))
    channel = PagerDuty(integration_key=SecretStr(KEY))
    with pytest.raises(ChannelError, match="not as PagerDuty") as caught:
        await channel.send(of("opened"), a_toolbox(http=http))
    assert not caught.value.permanent
    assert http.asked[0].url == "https://events.pagerduty.com/v2/enqueue"


async def test_a_lost_connection_is_tried_again() -> None:
    http = StandInHttp(OutsideError("gone"))
    channel = PagerDuty(integration_key=SecretStr(KEY), region="eu")
    with pytest.raises(ChannelError) as caught:
        await channel.send(of("opened"), a_toolbox(http=http))
    assert not caught.value.permanent
    assert http.asked[0].url.startswith("https://events.eu.pagerduty.com/")


@pytest.mark.parametrize("key", ["short", "x" * 31, "x" * 33, "-" * 32])
def test_a_key_that_cannot_be_one_is_refused_with_where_to_find_it(key: str) -> None:
    with pytest.raises(ValidationError, match="Integrations") as caught:
        CHANNELS["pagerduty"].model_validate({"integration_key": key})
    assert len(key) < 6 or key not in str(caught.value)


# in a process of its own: its connections are left to the interpreter's end
OFFICIAL = """
import sys, pagerduty
url, key = sys.argv[1:]
client = pagerduty.EventsApiV2Client(key)
client._url = url  # its setter takes https only
opened = client.trigger("shop is down", "prunella", severity="critical")
client.acknowledge(opened)
client.resolve(opened)
"""


async def test_the_stand_in_takes_what_the_official_client_sends() -> None:
    async with connected() as (service, _, _):
        client = await asyncio.create_subprocess_exec(
            sys.executable, "-W", "ignore", "-c", OFFICIAL, service.url, KEY
        )
        assert await client.wait() == 0
    assert [alert.status for alert in service.alerts] == ["resolved"]
    assert len(service.alerts[0].log) == 3
