from __future__ import annotations

import hashlib
import hmac
import json
from email.utils import formatdate

import pytest
from pydantic import SecretStr

from receiver.channels.base import ChannelError
from receiver.channels.webhook import Webhook
from receiver.tools import OutsideError, Response
from tests.receiver.channels.notices import a_notice
from tests.receiver.stand_ins import Asked, StandInHttp, SteppedClock, a_toolbox

URL = SecretStr("https://hooks.example/in?token=c4nary")


async def sent(secret: str | None = None, **options: str) -> Asked:
    http = StandInHttp(Response(204))
    channel = Webhook(url=URL, secret=SecretStr(secret) if secret else None, **options)
    clock = SteppedClock(now=1_700_000_009.9)
    await channel.send(a_notice(links={"Runbook": "http://r/"}), a_toolbox(http=http, clock=clock))
    return http.asked[0]


async def refused(answer: Response | OutsideError) -> ChannelError:
    tools = a_toolbox(http=StandInHttp(answer), clock=SteppedClock(now=1_700_000_000))
    with pytest.raises(ChannelError) as caught:
        await Webhook(url=URL).send(a_notice(), tools)
    return caught.value


async def test_the_message_is_the_contracts() -> None:
    asked = await sent()
    assert (asked.method, asked.url, asked.timeout) == ("POST", URL.get_secret_value(), 10)
    assert asked.headers == {
        "Content-Type": "application/json",
        "Idempotency-Key": "prunella-j-12-opened",
    }
    assert asked.json() == {
        "event": "opened",
        "incident": 12,
        "episode": "f1@1700000000",
        "step": "restart",
        "severity": "critical",
        "title": "[firing] shop is down",
        "text": "HighErrorRate on shop",
        "links": {"Runbook": "http://r/"},
        "at": 1_700_000_001.5,
        "dedup_key": "prunella-j-12-opened",
    }


async def test_a_secret_signs_time_and_body() -> None:
    asked = await sent("s3cret")
    assert asked.headers["X-Prunella-Timestamp"] == "1700000009"
    signed = b"1700000009." + (asked.body or b"")
    expected = hmac.new(b"s3cret", signed, hashlib.sha256).hexdigest()
    assert asked.headers["X-Prunella-Signature"] == f"v1={expected}"


async def test_another_base_address_takes_path_and_query() -> None:
    assert (await sent(api_url="http://proxy:1/p")).url == "http://proxy:1/p/in?token=c4nary"


async def test_text_that_is_no_text_is_still_json() -> None:
    http = StandInHttp(Response(200))
    await Webhook(url=URL).send(a_notice(title="\ud800 \x00 é"), a_toolbox(http=http))
    body = http.asked[0].body or b""
    assert body.isascii()
    assert json.loads(body)["title"] == "\ud800 \x00 é"


@pytest.mark.parametrize("status", [301, 400, 401, 404, 410, 413])
async def test_a_refusal_stays_one(status: int) -> None:
    error = await refused(Response(status, b"c4nary", {"Retry-After": "5"}))
    assert (error.permanent, error.retry_after) == (True, None)
    assert str(error) == f"answered with {status}"


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
async def test_what_may_pass_is_tried_again(status: int) -> None:
    assert not (await refused(Response(status))).permanent


@pytest.mark.parametrize(
    ("said", "waits"),
    [
        ("7", 7),
        ("1.5", 1.5),
        ("999999", 3600),
        (formatdate(1_700_000_060, usegmt=True), 60),
        (formatdate(1_600_000_000, usegmt=True), None),
        ("0", None),
        ("-5", None),
        ("soon", None),
        ("nan", None),
        ("", None),
    ],
)
async def test_the_wait_that_is_asked_for_is_kept(said: str, waits: float | None) -> None:
    assert (await refused(Response(503, b"", {"retry-after": said}))).retry_after == waits


async def test_a_lost_connection_is_tried_again() -> None:
    error = await refused(OutsideError("POST https://hooks.example: no answer within 10 s"))
    assert not error.permanent
    assert "c4nary" not in str(error)


def test_nothing_shows_the_address_or_the_secret() -> None:
    channel = Webhook(url=URL, secret=SecretStr("c4nary"))
    assert "c4nary" not in repr(channel) + str(channel) + channel.model_dump_json()
