from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, replace

import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from receiver.channels import CHANNELS
from receiver.channels.base import ChannelError, Notice, Question
from receiver.channels.opsgenie import Opsgenie, _alert
from receiver.outside.http import open_http
from receiver.tools import OutsideError, Response, Tools
from tests.receiver.channels.golden import is_golden
from tests.receiver.channels.notices import RESOLVED, a_notice, of, tell
from tests.receiver.stand_ins import StandInHttp, StandInPrograms, SteppedClock, a_toolbox
from tests.servers.opsgenie import KEY, OpsgenieStandIn, opsgenie_stand_in

LINKS = {"Runbook": "https://example.org/r", "Trap": "javascript:alert(1)"}
FACTS = {"Tried": "restart of shop, 12 s ago", "Next": "rollback, at 03:12 UTC"}


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[OpsgenieStandIn, Opsgenie, Tools]]:
    async with opsgenie_stand_in() as service, open_http() as http:
        channel = Opsgenie(api_key=SecretStr(KEY), api_url=service.url)
        yield service, channel, Tools(SteppedClock(), http, StandInPrograms())


async def told(*notices: Notice) -> OpsgenieStandIn:
    async with connected() as (service, channel, tools):
        await tell(channel, tools, *notices)
    return service


async def test_an_incident_is_one_alert_from_its_first_notice_to_its_end() -> None:
    service = await told(of("opened"), of("acted"), of("escalated"), RESOLVED)
    (alert,) = service.alerts
    assert (alert.alias, alert.status, alert.count) == ("prunella-j-12-opened", "closed", 2)
    assert len(alert.notes) == 3


async def test_an_acknowledgement_acknowledges() -> None:
    service = await told(of("escalated"), of("acknowledged"))
    assert service.alerts[0].acknowledged


@pytest.mark.parametrize("event", ["acted", "healed", "blocked", "acknowledged", "thawed"])
async def test_nobody_is_woken_for_mere_news(event: str) -> None:
    service = await told(of(event), RESOLVED)
    assert (service.alerts, service.requests) == ([], 0)


async def test_a_freeze_is_an_alert_of_its_own_and_the_incidents_end_does_not_end_it() -> None:
    service = await told(of("opened"), of("frozen"), RESOLVED)
    assert [alert.status for alert in service.alerts] == ["closed", "open"]


async def test_what_comes_back_is_called_for_again() -> None:
    service = await told(of("opened"), RESOLVED, of("opened"))
    assert [alert.status for alert in service.alerts] == ["closed", "open"]


async def test_a_repeat_after_a_lost_answer_opens_nothing_twice() -> None:
    async with connected() as (service, channel, tools):
        for _ in range(3):
            await channel.send(of("opened"), tools)
    assert [alert.count for alert in service.alerts] == [3]


@pytest.mark.parametrize("event", ["test", "digest"])
async def test_what_nothing_would_ever_end_is_closed_at_once(event: str) -> None:
    service = await told(of(event))
    assert [alert.status for alert in service.alerts] == ["closed"]


async def test_what_is_sent_is_what_somebody_on_call_should_read() -> None:
    asked = Question("n", "roll api back to v41", 1_700_000_900.0)
    service = await told(of("approval_requested", links=LINKS, facts=FACTS, question=asked))
    is_golden("opsgenie", service.alerts[0].created)


@settings(max_examples=60)
@given(words=st.text(max_size=40), times=st.sampled_from([1, 400, 30_000]))
def test_no_words_make_an_alert_that_is_refused(words: str, times: int) -> None:
    long = words * times
    notice = replace(
        a_notice(title=long, text=long),
        labels={words or "a": long, "service": long, **{f"l{n}": long for n in range(60)}},
        facts={"Tried": long},
    )
    service = OpsgenieStandIn()
    service._create(_alert(notice, "k", words or None))
    assert len(service.alerts) == 1


@pytest.mark.parametrize(
    ("status", "permanent"), [(401, True), (422, True), (429, False), (503, False)]
)
async def test_a_refusal_is_for_good_or_for_now(status: int, permanent: bool) -> None:
    async with connected() as (service, channel, tools):
        headers = {"Retry-After": "7"}
        service.refusals.append(web.json_response({"message": "x"}, status=status, headers=headers))
        with pytest.raises(ChannelError) as caught:
            await channel.send(of("opened"), tools)
    assert (caught.value.permanent, caught.value.retry_after) == (
        permanent,
        None if permanent else 7.0,
    )


async def test_the_key_of_somebody_else_is_refused_and_not_told() -> None:
    async with connected() as (service, _, tools):
        channel = Opsgenie(api_key=SecretStr("wrong-key"), api_url=service.url)
        with pytest.raises(ChannelError, match="401") as caught:
            await channel.send(of("opened"), tools)
    assert caught.value.permanent
    assert "wrong-key" not in f"{caught.value}{caught.value!r}{channel!r}{asdict(of('opened'))}"


async def test_without_another_address_it_speaks_to_the_successor() -> None:
    http = StandInHttp(Response(202, b"{}"))
    await Opsgenie(api_key=SecretStr(KEY)).send(of("opened"), a_toolbox(http=http))
    assert http.asked[0].url == "https://api.atlassian.com/jsm/ops/integration/v2/alerts"


async def test_a_page_between_us_and_the_service_is_not_taken_for_it() -> None:
    http = StandInHttp(Response(200, b"<html>sign in</html>"))
    with pytest.raises(ChannelError, match="not as Opsgenie") as caught:
        await Opsgenie(api_key=SecretStr(KEY)).send(of("opened"), a_toolbox(http=http))
    assert not caught.value.permanent


async def test_a_lost_connection_is_tried_again() -> None:
    http = StandInHttp(OutsideError("gone"))
    with pytest.raises(ChannelError) as caught:
        await Opsgenie(api_key=SecretStr(KEY)).send(of("opened"), a_toolbox(http=http))
    assert not caught.value.permanent


@pytest.mark.parametrize("key", ["two words", "line\nbreak", "käse"])
def test_a_key_that_cannot_be_one_is_refused(key: str) -> None:
    with pytest.raises(ValidationError, match="API key of an integration"):
        CHANNELS["opsgenie"].model_validate({"api_key": key})


# in a process of its own: its pool of threads is left to the interpreter's end
OFFICIAL = """
import sys, opsgenie_sdk
configuration = opsgenie_sdk.Configuration()
configuration.host, configuration.api_key["Authorization"] = sys.argv[1:]
client = opsgenie_sdk.AlertApi(opsgenie_sdk.ApiClient(configuration))
body = opsgenie_sdk.CreateAlertPayload(message="shop is down", alias="a", priority="P1")
client.create_alert(create_alert_payload=body)
close = opsgenie_sdk.CloseAlertPayload(note="over", source="Prunella")
client.close_alert("a", identifier_type="alias", close_alert_payload=close)
"""


async def test_the_stand_in_takes_what_the_official_client_sends() -> None:
    async with connected() as (service, _, _):
        client = await asyncio.create_subprocess_exec(
            sys.executable, "-W", "ignore", "-c", OFFICIAL, service.url, KEY
        )
        assert await client.wait() == 0
    assert [(alert.status, alert.notes) for alert in service.alerts] == [("closed", ["over"])]
