from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.receiver.rig import firing
from tests.receiver.web.serving import READ, WEBHOOK, Answer, Client, serving
from tests.servers.process import until

PATH = "/api/v1/maintenance"
BODY: dict[str, Any] = {"matchers": ['service="shop"'], "duration": "30m", "reason": "upgrade"}


async def begin(client: Client, **changes: Any) -> Answer:
    body = {key: value for key, value in {**BODY, **changes}.items() if value is not None}
    return await client.ask("POST", PATH, data=json.dumps(body).encode())


async def test_a_window_is_opened_listed_and_ended(tmp_path: Path) -> None:
    async with serving(tmp_path) as client:
        begun = await begin(client)
        assert (begun.status, begun.json["id"]) == (200, 1)
        (listed,) = (await client.ask("GET", PATH)).json["maintenance"]
        assert (listed["matchers"], listed["reason"], listed["by"]) == (
            ['service="shop"'],
            "upgrade",
            "ann",
        )
        assert (await client.ask("DELETE", f"{PATH}/1")).status == 200
        assert (await client.ask("GET", PATH)).json == {"maintenance": []}


async def test_a_window_that_is_not_open_cannot_be_ended(tmp_path: Path) -> None:
    async with serving(tmp_path) as client:
        answer = await client.ask("DELETE", f"{PATH}/7")
        assert (answer.status, answer.json["reason"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"matchers": []}, "matchers: must not be empty"),
        ({"matchers": None}, "matchers: required key is missing"),
        ({"matchers": ['service=~".*"']}, "would match everything"),
        ({"matchers": ["nonsense"]}, "not a matcher"),
        ({"duration": "0s"}, "duration: "),
        ({"duration": 1800}, "say 1800s"),
        ({"duration": "31d"}, "duration: "),
        ({"reason": "x" * 501}, "reason: "),
        ({"until": "tomorrow"}, "until: unknown key"),
        ({"starts_at": "tomorrow"}, "starts_at: must be an RFC 3339 time"),
        ({"starts_at": "2026-01-01T00:00:00"}, "starts_at: "),
        (
            {"starts_at": "2001-01-01T00:00:00Z"},
            "starts_at: it would have ended at 2001-01-01T00:30",
        ),
        ({"starts_at": "9000-01-01T00:00:00Z"}, "starts_at: must be within a year"),
    ],
)
async def test_what_cannot_be_a_window_is_refused_by_the_name_of_its_key(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    async with serving(tmp_path) as client:
        answer = await begin(client, **changes)
        assert answer.status == 422
        assert said in answer.json["error"]


@pytest.mark.parametrize(("token", "status"), [(None, 401), (READ, 403), (WEBHOOK, 403)])
async def test_only_operators_may(tmp_path: Path, token: str | None, status: int) -> None:
    async with serving(tmp_path) as client:
        for method, path in (("GET", PATH), ("POST", PATH), ("DELETE", f"{PATH}/1")):
            assert (await client.ask(method, path, token=token, data=b"{}")).status == status


async def test_a_window_holds_an_incident_back_over_the_wire(tmp_path: Path) -> None:
    async with serving(tmp_path) as client:
        await begin(client)
        await client.alerts(json.dumps({"alerts": [firing()]}).encode())

        async def blocked() -> bool:
            (row,) = (await client.ask("GET", "/api/v1/incidents")).json["incidents"]
            return (row["state"], row["reason"]) == ("BLOCKED", "maintenance")

        await until(blocked, "an incident that waits for maintenance")


def from_now(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat(timespec="seconds")


async def test_a_window_may_be_announced_ahead(tmp_path: Path) -> None:
    async with serving(tmp_path) as client:
        begins = from_now(86400)
        begun = (await begin(client, starts_at=begins)).json
        (listed,) = (await client.ask("GET", PATH)).json["maintenance"]
        assert listed["starts_at"] == begun["starts_at"]
        assert datetime.fromisoformat(begun["starts_at"]) == datetime.fromisoformat(begins)
        length = datetime.fromisoformat(begun["ends_at"]) - datetime.fromisoformat(begins)
        assert length == timedelta(minutes=30)


async def test_of_one_that_should_have_begun_what_is_left_is_announced(tmp_path: Path) -> None:
    async with serving(tmp_path) as client:
        begun = (await begin(client, starts_at=from_now(-600))).json
        began, until = (datetime.fromisoformat(begun[key]) for key in ("starts_at", "ends_at"))
        assert timedelta(0) < until - began <= timedelta(minutes=20, seconds=1)


async def test_the_gauge_shows_the_service_and_forgets_the_window(tmp_path: Path) -> None:
    async with serving(tmp_path) as client:
        await begin(client)

        async def shown() -> bool:
            text = (await client.ask("GET", "/metrics")).text
            return 'prunella_maintenance_active{service="shop"} 1.0' in text

        await until(shown, "the gauge at 1", deadline=10)
        text = (await client.ask("GET", "/metrics")).text
        assert 'prunella_maintenance_active{service="cache"} 0.0' in text
