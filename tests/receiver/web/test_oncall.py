from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.receiver.web.serving import READ, Answer, Client, serving

PATH = "/api/v1/oncall"
CONFIG: dict[str, Any] = {
    "channels": {"anna": {"kind": "log"}, "ben": {"kind": "log"}},
    "rotations": {
        "primary": {"members": ["anna"], "start": "2026-01-05"},
        "both": {"members": ["anna", "ben"], "start": "2026-01-05", "every": "520w"},
    },
}


async def stand_in(client: Client, name: str = "both", **body: Any) -> Answer:
    said = {"member": "ben", "duration": "8h", **body}
    return await client.ask("POST", f"{PATH}/{name}", data=json.dumps(said).encode())


async def test_somebody_stands_in_and_it_is_shown_until_it_is_ended(tmp_path: Path) -> None:
    async with serving(tmp_path, **CONFIG) as client:
        begun = await stand_in(client)
        assert (begun.status, begun.json["member"], begun.json["turn"]) == (200, "ben", "anna")
        assert begun.json["by"] == "ann"
        listed = (await client.ask("GET", PATH, token=READ)).json["oncall"]
        assert {one["rotation"]: one["member"] for one in listed} == {
            "primary": "anna",
            "both": "ben",
        }
        ended = await client.ask("DELETE", f"{PATH}/both")
        assert (ended.json["member"], ended.json["until"]) == ("anna", None)


@pytest.mark.parametrize(
    ("name", "body", "status", "said"),
    [
        ("nobody", {}, 404, "known: both, primary"),
        ("primary", {}, 422, "known: anna"),
        ("both", {"duration": "0s"}, 422, "duration: "),
        ("both", {"duration": "31d"}, 422, "duration: "),
        ("both", {"since": 5}, 422, "since: unknown key"),
    ],
)
async def test_who_cannot_stand_in_is_refused_with_what_is_known(
    tmp_path: Path, name: str, body: dict[str, Any], status: int, said: str
) -> None:
    async with serving(tmp_path, **CONFIG) as client:
        answer = await stand_in(client, name, **body)
        assert answer.status == status
        assert said in answer.json["error"]


async def test_only_an_operator_says_who_stands_in(tmp_path: Path) -> None:
    async with serving(tmp_path, **CONFIG) as client:
        assert (await client.ask("DELETE", f"{PATH}/both", token=READ)).status == 403
