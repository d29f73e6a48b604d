"""What Slack and Telegram send, byte by byte; what becomes of it is in tests/receiver/web/test_presses.py."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from slack_sdk.signature import SignatureVerifier

from receiver.channels import slack_presses, telegram_presses
from receiver.channels.base import ChannelError
from receiver.channels.buttons import Press, seal
from receiver.channels.slack import Slack
from receiver.channels.telegram import Telegram
from tests.receiver.stand_ins import StandInHttp, a_toolbox

SECRET = SecretStr("8f742231b10e8888abcd99yyyzzz85a5")
APPROVE = Press("approve", 12, "0123456789abcdef.AbCd-_gh1234")


def slack(channel: str = "#ops", secret: SecretStr = SECRET) -> Slack:
    return Slack(
        bot_token=SecretStr("xoxb-1"),
        channel=channel,
        signing_secret=secret,
        approvers=("U0ANN",),
    )


def telegram(chat: str = "-1001", secret: str = "s" * 32) -> Telegram:
    return Telegram(
        bot_token=SecretStr("1:a"), chat_id=chat, webhook_secret=SecretStr(secret), approvers=(7,)
    )


def interaction(value: str, **user: str) -> slack_presses.Interaction:
    action = {"value": value, "action_ts": "1700000000.000100"}
    payload = {"type": "block_actions", "user": {"id": "U0ANN", **user}, "actions": [action]}
    body = urlencode({"payload": json.dumps(payload)}).encode()
    found = slack_presses.interaction_of(body)
    assert found is not None
    return found


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=200), st.integers(0, 10**11))
def test_what_slacks_own_sdk_signs_is_signed(text: str, at: int) -> None:
    body, stamp = urlencode({"payload": text}).encode(), str(at)
    signature = SignatureVerifier(SECRET.get_secret_value()).generate_signature(
        timestamp=stamp, body=body
    )
    assert signature is not None
    channel = slack()
    assert slack_presses.is_well_formed(stamp, signature)
    assert slack_presses.signers([channel], stamp, signature, body) == (channel,)
    assert slack_presses.signers([channel], stamp, signature, body + b"x") == ()


def test_of_several_apps_only_who_signed_is_asked() -> None:
    ours, theirs = slack("#a"), slack("#b", SecretStr("x" * 32))
    without = Slack(bot_token=SecretStr("xoxb-1"), channel="#c")
    signature = SignatureVerifier(SECRET.get_secret_value()).generate_signature(
        timestamp="1", body=b"b"
    )
    assert slack_presses.signers([theirs, without, ours], "1", str(signature), b"b") == (ours,)


def test_a_button_belongs_to_the_channel_that_it_was_made_for() -> None:
    ops, dev = slack("#ops"), slack("#dev")
    found = slack_presses.pressed([dev, ops], interaction(seal(APPROVE, SECRET, ops.place)))
    assert found == (ops, APPROVE, 1_700_000_000.0001)
    assert slack_presses.pressed([dev], interaction(seal(APPROVE, SECRET, ops.place))) is None


def test_two_webhooks_are_two_places_and_neither_is_shown() -> None:
    keys: dict[str, Any] = {"signing_secret": SECRET, "approvers": ("U0ANN",)}
    urls = [SecretStr(f"https://hooks.slack.com/services/T/B/{n}c4nary") for n in (1, 2)]
    places = [Slack(webhook_url=url, **keys).place for url in urls]
    assert places[0] != places[1]
    assert "c4nary" not in "".join(places)


@pytest.mark.parametrize(
    ("name", "by"),
    [
        ("ann", "ann (Slack U0ANN)"),
        ("", "somebody (Slack U0ANN)"),
        ("ann (Slack U0BOSS)\n\u202eadmin", "ann (Slack U0BOSS) \\u202eadmin (Slack U0ANN)"),
        ("x" * 5000, f"{'x' * 60} (Slack U0ANN)"),
    ],
)
def test_a_name_that_somebody_chose_hides_no_id(name: str, by: str) -> None:
    assert interaction("a", username=name).by == by


@pytest.mark.parametrize(
    "payload",
    ["", "[]", "{}", '{"type": "block_actions"}', '{"type": "x", "user": {"id": 7}}', "[" * 9999],
)
def test_what_slack_never_sends_is_a_mistake(payload: str) -> None:
    with pytest.raises(ValueError, match="validation error"):
        slack_presses.interaction_of(urlencode({"payload": payload}).encode())


@pytest.mark.parametrize("text", ["<!channel>", "*b* & <http://h|x>"])
async def test_a_whisper_calls_nobody(text: str) -> None:
    http = StandInHttp()
    await slack().whisper("https://hooks.slack.com/actions/T/1/x", text, a_toolbox(http=http))
    said: Any = http.asked[0].json()
    assert (said["response_type"], "<" in said["text"]) == ("ephemeral", False)


@pytest.mark.parametrize(
    "url", ["https://evil.example/", "http://169.254.169.254/", "https://hooks.slack.com.evil/", ""]
)
async def test_an_answer_goes_to_slack_or_nowhere(url: str) -> None:
    http = StandInHttp()
    with pytest.raises(ChannelError, match="no place of its own"):
        await slack().whisper(url, "x", a_toolbox(http=http))
    assert http.asked == []


def test_telegrams_secret_names_the_channels() -> None:
    one, other = telegram(), telegram("-1002", "t" * 32)
    without = Telegram(bot_token=SecretStr("1:a"), chat_id="-1003")
    assert telegram_presses.senders([without, other, one], "s" * 32) == (one,)
    assert telegram_presses.senders([without, other, one], "") == ()


def test_a_button_of_one_chat_says_nothing_in_another() -> None:
    one, other = telegram(), telegram("-1002")
    data = seal(APPROVE, SecretStr("s" * 32), one.place)
    query = telegram_presses.Query.model_validate({"id": "1", "from": {"id": 7}, "data": data})
    assert telegram_presses.pressed([other, one], query) == (one, APPROVE)
    assert telegram_presses.pressed([other], query) is None


def test_what_is_shown_to_who_pressed_fits() -> None:
    query = telegram_presses.Query.model_validate({"id": "1", "from": {"id": 7, "username": "\n"}})
    assert len(str(telegram_presses.answer(query, "x" * 999)["text"])) == 200
    assert query.by == "somebody (Telegram 7)"
