"""Playbooks over the API: what they have shown, and who may let them go further."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.receiver.rig import CONFIG, firing
from tests.receiver.web.serving import READ, Answer, Client, serving
from tests.servers.process import until

WEB: dict[str, Any] = CONFIG["playbooks"][0]
YOUNG = {"playbooks": [{key: value for key, value in WEB.items() if key != "mode"}]}
PATH = "/api/v1/playbooks"


async def say(client: Client, word: str, name: str = "errors", **body: object) -> Answer:
    return await client.ask("POST", f"{PATH}/{name}/{word}", data=json.dumps(body).encode())


async def test_every_playbook_is_listed_with_its_rungs(tmp_path: Path) -> None:
    async with serving(tmp_path, **YOUNG) as client:
        (book,) = (await client.ask("GET", PATH, token=READ)).json["playbooks"]
    assert (book["name"], book["mode"], book["ceiling"], book["grant"]) == (
        *("errors", "shadow", "auto"),
        None,
    )
    assert [(rung["name"], rung["mode"], rung["runs"]) for rung in book["rungs"]] == [
        ("first", "shadow", 0),
        ("second", "shadow", 0),
    ]


async def test_it_is_promoted_and_says_by_whom(tmp_path: Path) -> None:
    async with serving(tmp_path, **YOUNG) as client:
        grant = (await say(client, "promote", to="approve", reason="ten good ones")).json
        book = (await client.ask("GET", f"{PATH}/errors")).json
    assert (grant["rung"], grant["mode"], grant["by"]) == (None, "approve", "ann")
    assert (book["mode"], book["grant"]["why"]) == ("approve", "ten good ones")


async def test_a_second_click_changes_nothing(tmp_path: Path) -> None:
    async with serving(tmp_path, **YOUNG) as client:
        answers = [await say(client, "promote", to="approve") for _ in range(2)]
        book = (await client.ask("GET", f"{PATH}/errors")).json
    assert [answer.status for answer in answers] == [200, 409]
    assert book["mode"] == "approve"


async def test_a_rung_is_demoted_by_itself(tmp_path: Path) -> None:
    async with serving(tmp_path) as client:
        await say(client, "demote", rung="second", to="shadow")
        book = (await client.ask("GET", f"{PATH}/errors")).json
    assert [(rung["name"], rung["mode"]) for rung in book["rungs"]] == [
        ("first", "auto"),
        ("second", "shadow"),
    ]


async def test_a_promotion_survives_a_restart(tmp_path: Path) -> None:
    async with serving(tmp_path, **YOUNG) as client:
        await say(client, "promote")
    async with serving(tmp_path, **YOUNG) as client:
        assert (await client.ask("GET", f"{PATH}/errors")).json["mode"] == "approve"


@pytest.mark.parametrize(
    ("word", "name", "body", "status"),
    [
        ("promote", "nope", {}, 404),
        ("promote", "errors", {"rung": "nope"}, 404),
        ("promote", "errors", {"to": "auto"}, 409),
        ("demote", "errors", {"to": "approve"}, 409),
        ("promote", "errors", {"to": "root"}, 422),
        ("promote", "errors", {"mode": "auto"}, 422),
    ],
)
async def test_what_cannot_be_is_refused_with_a_reason(
    tmp_path: Path, word: str, name: str, body: dict[str, object], status: int
) -> None:
    async with serving(tmp_path, **YOUNG) as client:
        answer = await say(client, word, name, **body)
    assert (answer.status, set(answer.json)) == (status, {"error", "reason"})


async def test_a_change_says_how_far_each_rung_may_go_with_it(tmp_path: Path) -> None:
    first, second = WEB["ladder"]
    books = {
        "playbooks": [{**YOUNG["playbooks"][0], "ladder": [first, {**second, "mode": "shadow"}]}]
    }
    async with serving(tmp_path, **books) as client:
        said = (await say(client, "promote")).json
    assert (said["mode"], said["rungs"]) == ("approve", {"first": "approve", "second": "shadow"})


@pytest.mark.parametrize("word", ["promote", "demote"])
async def test_who_may_read_may_not_promote(tmp_path: Path, word: str) -> None:
    async with serving(tmp_path) as client:
        path = f"{PATH}/errors/{word}"
        read = await client.ask("POST", path, token=READ, data=b"{}")
        nobody = await client.ask("POST", path, token=None, data=b"{}")
    assert (read.status, nobody.status) == (403, 401)


async def test_what_shadow_held_back_is_told(tmp_path: Path) -> None:
    async with serving(tmp_path, **YOUNG) as client:
        await client.alerts(json.dumps({"version": "4", "alerts": [firing()]}).encode())

        async def held() -> bool:
            said = (await client.ask("GET", f"{PATH}/errors")).json
            return bool(said["would_have_acted"])

        await until(held, "something held back")
        book = (await client.ask("GET", f"{PATH}/errors")).json
    (one,) = book["would_have_acted"]
    assert (one["rung"], one["action"], one["target"]) == ("first", "run", "shop")
    assert book["refusals"] == {"shadow": 1}
