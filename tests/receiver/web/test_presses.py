from __future__ import annotations

import hashlib
import hmac
import time
from pathlib import Path
from typing import Any

import pytest

from tests.receiver.web.pressing import (
    asking_in_slack,
    asking_in_telegram,
    interact,
    journal,
    press_in_slack,
    send,
    state,
    update,
)
from tests.receiver.web.serving import OPERATE, locked
from tests.servers.process import until
from tests.servers.slack import SIGNING_SECRET, SlackStandIn, signed
from tests.servers.telegram import SECRET

WAITS = "AWAITING_APPROVAL"


async def heard(slack: SlackStandIn, words: str) -> None:
    await until(lambda: any(words in one["text"] for one in slack.heard), f"{words!r} whispered")


async def test_an_approval_in_slack_begins_the_repair_and_says_who_gave_it(tmp_path: Path) -> None:
    async with asking_in_slack(tmp_path) as (slack, client):
        answer = await press_in_slack(slack, client, "approve")
        assert (answer.status, answer.text) == (200, "")
        assert [row["by"] for row in await journal(client, "approved")] == ["ann (Slack U0ANN)"]
        await heard(slack, "Approved.")
        told = "ann (Slack U0ANN) approved it"
        await until(lambda: any(told in one.body["text"] for one in slack.thread()), "told")
        await until(lambda: "approve" not in slack.buttons(0), "the buttons to be gone")
        assert slack.heard[0]["response_type"] == "ephemeral"


async def test_a_denial_in_slack_is_a_human_s_turn(tmp_path: Path) -> None:
    async with asking_in_slack(tmp_path) as (slack, client):
        await press_in_slack(slack, client, "deny")
        assert await state(client) == "ESCALATED"
        assert [row["by"] for row in await journal(client, "denied")] == ["ann (Slack U0ANN)"]


@pytest.mark.parametrize(
    ("word", "ev"), [("acknowledge", "acknowledged"), ("resolve", "resolved"), ("pause", "paused")]
)
async def test_the_other_buttons_do_what_they_say(tmp_path: Path, word: str, ev: str) -> None:
    async with asking_in_slack(tmp_path) as (slack, client):
        await press_in_slack(slack, client, word)
        assert [row["by"] for row in await journal(client, ev)] == ["ann (Slack U0ANN)"]


async def test_who_acknowledges_leaves_the_question_standing_for_others(tmp_path: Path) -> None:
    async with asking_in_slack(tmp_path) as (slack, client):
        await press_in_slack(slack, client, "acknowledge")
        await until(lambda: "acknowledge" not in slack.buttons(0), "the news to be shown")
        await press_in_slack(slack, client, "approve")
        assert len(await journal(client, "approved")) == 1


async def test_the_thread_of_an_incident_tells_its_story(tmp_path: Path) -> None:
    async with asking_in_slack(tmp_path) as (slack, client):
        await press_in_slack(slack, client, "acknowledge")
        await until(lambda: len(slack.thread()) == 2, "the acknowledgement to be told")
        await press_in_slack(slack, client, "resolve")
        await until(lambda: len(slack.thread()) == 3, "the end to be told")
        told = [one.body["text"].partition(" ")[0] for one in slack.thread()]
        assert told == ["[approval", "[acknowledged]", "[resolved]"]
        root = slack.posted[0]
        assert root.body["text"].startswith("[resolved]")
        assert (slack.buttons(0), len(slack.posted)) == ({}, 4)
        page = slack.preview()
        words = ("[approval needed]", "(Slack U0ANN) has it", "(Slack U0ANN) resolved it")
        order = [page.rindex(one) for one in words]  # the first line is how it stands
        assert order == sorted(order)


async def test_a_foreign_user_changes_nothing_and_is_told_so_alone(tmp_path: Path) -> None:
    async with asking_in_slack(tmp_path) as (slack, client):
        for word in ("approve", "deny", "acknowledge", "resolve", "pause"):
            assert (await press_in_slack(slack, client, word, user="U0EVE")).status == 200
        await heard(slack, "You may not answer here")
        assert await state(client) == WAITS
        assert (await client.ask("GET", "/api/v1/status")).json["paused"] is False


async def test_a_request_that_is_sent_again_changes_nothing(tmp_path: Path) -> None:
    async with asking_in_slack(tmp_path) as (slack, client):
        request = slack.press("pause", at=time.time())
        await interact(client, *request)
        await client.ask("POST", "/api/v1/resume", data=b"{}")
        await interact(client, *request)
        await heard(slack, "counted already")
        assert (await client.ask("GET", "/api/v1/status")).json["paused"] is False


async def test_an_approval_that_is_sent_again_is_one(tmp_path: Path) -> None:
    async with asking_in_slack(tmp_path) as (slack, client):
        request = slack.press("approve", at=time.time())
        for _ in range(2):
            await interact(client, *request)
        await heard(slack, "Nothing was done")
        assert len(await journal(client, "approved")) == 1


async def test_slack_is_not_kept_waiting_by_a_journal_that_hangs(tmp_path: Path) -> None:
    async with asking_in_slack(tmp_path) as (slack, client):
        with locked(tmp_path / "journal.db"):
            began = time.monotonic()
            assert (await press_in_slack(slack, client, "approve")).status == 200
            assert time.monotonic() - began < 3
        await heard(slack, "Approved.")
        assert len(await journal(client, "approved")) == 1


@pytest.mark.parametrize("late", [-400, 400])
async def test_a_press_of_another_time_is_refused(tmp_path: Path, late: float) -> None:
    async with asking_in_slack(tmp_path) as (slack, client):
        answer = await interact(client, *slack.press("approve", at=time.time() + late))
        assert (answer.status, answer.json["reason"]) == (401, "signature_late")
        assert await state(client) == WAITS


def forged(headers: dict[str, str], body: bytes) -> list[tuple[dict[str, str], bytes]]:
    """The request, each time with one thing wrong."""
    stamp, signature = "X-Slack-Request-Timestamp", "X-Slack-Signature"
    return [
        (headers, body + b" "),
        (headers, body.replace(b"U0ANN", b"U0EVE")),
        ({**headers, signature: "v0=" + "0" * 64}, body),
        ({**headers, signature: headers[signature].upper()}, body),
        ({**headers, signature: ""}, body),
        ({**headers, stamp: str(int(headers[stamp]) + 1)}, body),
        ({**headers, stamp: f" {headers[stamp]}.5"}, body),
        ({**headers, stamp: "9" * 40}, body),
        ({**headers, stamp: "\u0661\u0662"}, body),
        ({**headers, "Authorization": f"Bearer {OPERATE}", signature: ""}, body),
    ]


async def test_what_slack_did_not_sign_is_refused(tmp_path: Path) -> None:
    async with asking_in_slack(tmp_path) as (slack, client):
        for headers, body in forged(*slack.press("approve", at=time.time())):
            answer = await interact(client, headers, body)
            assert (answer.status, answer.json["reason"][:9]) == (401, "signature")
        other = slack.pressing(slack.buttons(0)["approve"], "approve")
        assert (await interact(client, *signed(other, time.time(), "x" * 32))).status == 401
        assert await state(client) == WAITS
        assert slack.heard == []


async def test_a_button_that_was_made_up_says_nothing(tmp_path: Path) -> None:
    async with asking_in_slack(tmp_path) as (slack, client):
        for value in ("approve", "", slack.buttons(0)["deny"].replace("d:", "a:", 1)):
            made_up = slack.pressing(value, "approve", at=time.time())
            assert (await interact(client, *signed(made_up, time.time()))).status == 200
        await heard(slack, "says nothing any more")
        assert await state(client) == WAITS


@pytest.mark.parametrize(
    "body", [b"", b"payload=", b"payload=%7B", b"payload={}&payload={}", b"\xff"]
)
async def test_what_slack_signed_but_does_not_send_is_400(tmp_path: Path, body: bytes) -> None:
    async with asking_in_slack(tmp_path) as (_, client):
        headers, _ = signed({}, time.time())
        resigned = _signed_raw(body, headers)
        assert (await interact(client, resigned, body)).status == 400


async def test_other_interactions_are_taken_and_left(tmp_path: Path) -> None:
    async with asking_in_slack(tmp_path) as (_, client):
        for more in ({"type": "view_closed"}, {"type": "block_actions", "actions": []}):
            said: dict[str, Any] = {"user": {"id": "U0ANN"}, **more}
            assert (await interact(client, *signed(said, time.time()))).status == 200


async def test_nobody_makes_us_read_much_before_we_know_who_it_is(tmp_path: Path) -> None:
    async with asking_in_slack(tmp_path) as (slack, client):
        headers, _ = slack.press("approve", at=time.time())
        assert (await interact(client, headers, b"x" * (256 * 1024 + 1))).status == 413


async def test_an_approval_in_telegram_begins_the_repair_and_says_who_gave_it(
    tmp_path: Path,
) -> None:
    async with asking_in_telegram(tmp_path) as (telegram, client):
        assert (await update(client, telegram.press("Approve"))).status == 200
        assert [row["by"] for row in await journal(client, "approved")] == ["Ann (Telegram 7001)"]
        await until(lambda: bool(telegram.answers), "the press to be answered")
        assert telegram.answers[0]["text"].startswith("Approved.")
        told = "Ann (Telegram 7001) approved it"
        await until(lambda: any(told in one.text for one in telegram.posted[1:]), "told")
        await until(lambda: "Approve" not in telegram.buttons(), "the buttons to be gone")


async def test_a_foreign_user_of_telegram_changes_nothing(tmp_path: Path) -> None:
    async with asking_in_telegram(tmp_path) as (telegram, client):
        for caption in ("Approve", "Resolve", "Pause all repairs"):
            assert (await update(client, telegram.press(caption, user=666))).status == 200
        await until(lambda: len(telegram.answers) == 3, "the presses to be answered")
        assert {"You may not answer here" in one["text"] for one in telegram.answers} == {True}
        assert await state(client) == WAITS


@pytest.mark.parametrize("secret", [None, "", "x" * 32, SECRET[:-1], SIGNING_SECRET, "\u00e9"])
async def test_what_telegram_did_not_send_is_refused(tmp_path: Path, secret: str | None) -> None:
    async with asking_in_telegram(tmp_path) as (telegram, client):
        answer = await update(client, telegram.press("Approve"), secret)
        assert (answer.status, answer.json["reason"][:9]) == (401, "signature")
        assert (await state(client), telegram.answers) == (WAITS, [])


async def test_data_that_a_client_made_up_says_nothing(tmp_path: Path) -> None:
    async with asking_in_telegram(tmp_path) as (telegram, client):
        real = telegram.buttons()["Deny"]
        for data in ("a:1", "x" * 64, real.replace("d:1:", "a:1:", 1), real.replace(":1:", ":2:")):
            assert (await update(client, telegram.update(data))).status == 200
        await until(lambda: len(telegram.answers) == 4, "the presses to be answered")
        assert {"says nothing any more" in one["text"] for one in telegram.answers} == {True}
        assert await state(client) == WAITS


async def test_an_update_that_is_sent_again_is_one(tmp_path: Path) -> None:
    async with asking_in_telegram(tmp_path) as (telegram, client):
        again = telegram.press("Pause all repairs")
        await update(client, again)
        await client.ask("POST", "/api/v1/resume", data=b"{}")
        await update(client, again)
        assert (await client.ask("GET", "/api/v1/status")).json["paused"] is False


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"[]", 422),
        (b'{"update_id": -1}', 422),
        (b'{"update_id": 1, "message": {"text": "/start"}}', 200),
        (b'{"update_id": 1, "callback_query": {"id": ""}}', 422),
    ],
)
async def test_whatever_telegram_sends_else_is_taken_or_refused(
    tmp_path: Path, body: bytes, status: int
) -> None:
    headers = {"X-Telegram-Bot-Api-Secret-Token": SECRET}
    async with asking_in_telegram(tmp_path) as (_, client):
        answer = await send(client, "/telegram/updates", body, "application/json", headers)
        assert answer.status == status


async def test_without_a_channel_with_buttons_nobody_gets_in(tmp_path: Path) -> None:
    async with asking_in_telegram(tmp_path) as (_, client):
        answer = await interact(client, *signed({"type": "block_actions"}, time.time()))
        assert (answer.status, answer.json["reason"]) == (401, "signature_wrong")


async def test_who_cannot_be_told_has_still_decided(tmp_path: Path) -> None:
    async with asking_in_slack(tmp_path) as (slack, client):
        slack.answers_most = 0  # the response_url is used up
        await press_in_slack(slack, client, "approve")
        assert len(await journal(client, "approved")) == 1


def _signed_raw(body: bytes, headers: dict[str, str]) -> dict[str, str]:
    stamp = headers["X-Slack-Request-Timestamp"]
    digest = hmac.new(SIGNING_SECRET.encode(), f"v0:{stamp}:".encode() + body, hashlib.sha256)
    return {**headers, "X-Slack-Signature": f"v0={digest.hexdigest()}"}
