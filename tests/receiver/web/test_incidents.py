from __future__ import annotations

import json
from pathlib import Path

import pytest

from prunella.service.settings import ConfigError
from tests.receiver.rig import CONFIG, firing
from tests.receiver.web.serving import READ, Client, serving
from tests.servers.process import until

APPROVE = {"mode": "approve"}


async def _fire(client: Client, service: str = "shop") -> int:
    body = json.dumps({"alerts": [firing(service)]}).encode()
    assert (await client.alerts(body)).status == 202
    listed = (await client.ask("GET", "/api/v1/incidents")).json["incidents"]
    return int(listed[0]["id"])


async def _state(client: Client, incident: int) -> str:
    return str((await client.ask("GET", f"/api/v1/incidents/{incident}")).json["state"])


async def _until(client: Client, incident: int, state: str) -> None:
    async def reached() -> bool:
        return await _state(client, incident) == state

    await until(reached, f"incident {incident} {state}", deadline=10)


async def test_the_list_has_the_contracts_fields_newest_first(tmp_path: Path) -> None:
    async with serving(tmp_path, mode="shadow") as client:
        await _fire(client, "shop")
        await _fire(client, "cache")
        listed = (await client.ask("GET", "/api/v1/incidents")).json["incidents"]
        assert [row["targets"] for row in listed] == [["cache"], ["shop"]]
        assert set(listed[0]) == {
            *("id", "state", "episode", "playbook", "targets", "severity", "title", "opened_at"),
            *("resolved_at", "acknowledged_by", "rung", "reason"),
        }


async def test_the_list_is_paged_and_filtered_by_state(tmp_path: Path) -> None:
    async with serving(tmp_path, mode="shadow") as client:
        ids = [await _fire(client, name) for name in ("shop", "cache")]
        older = await client.ask("GET", f"/api/v1/incidents?limit=1&before={ids[1]}")
        none = await client.ask("GET", "/api/v1/incidents?state=RUNNING")
        assert [row["id"] for row in older.json["incidents"]] == [ids[0]]
        assert none.json["incidents"] == []


@pytest.mark.parametrize("query", ["state=SLEEPING", "limit=x", "before=-"])
async def test_a_query_that_makes_no_sense_is_400(tmp_path: Path, query: str) -> None:
    async with serving(tmp_path) as client:
        assert (await client.ask("GET", f"/api/v1/incidents?{query}")).status == 400


async def test_one_incident_comes_with_its_timeline(tmp_path: Path) -> None:
    async with serving(tmp_path, mode="shadow") as client:
        incident = await _fire(client)
        await _until(client, incident, "SHADOW")
        story = (await client.ask("GET", f"/api/v1/incidents/{incident}")).json["timeline"]
        assert [row["ev"] for row in story] == ["opened", "refused"]


async def test_an_incident_that_does_not_exist_is_404(tmp_path: Path) -> None:
    async with serving(tmp_path) as client:
        assert (await client.ask("GET", "/api/v1/incidents/77")).status == 404
        said = await client.ask("POST", "/api/v1/incidents/77/acknowledge", data=b"{}")
        assert (said.status, said.json["error"]) == (404, "there is no incident 77")


async def test_an_approval_over_the_api_lets_the_action_begin(tmp_path: Path) -> None:
    async with serving(tmp_path, **APPROVE) as client:
        incident = await _fire(client)
        await _until(client, incident, "AWAITING_APPROVAL")
        said = await client.ask("POST", f"/api/v1/incidents/{incident}/approve", data=b"{}")
        assert said.status == 200

        async def begun() -> bool:
            story = (await client.ask("GET", f"/api/v1/incidents/{incident}")).json["timeline"]
            return {"approved", "intent", "outcome"} <= {row["ev"] for row in story}

        await until(begun, "the action", deadline=10)


@pytest.mark.parametrize("word", ["approve", "deny"])
async def test_deciding_what_does_not_wait_is_409(tmp_path: Path, word: str) -> None:
    async with serving(tmp_path, mode="shadow") as client:
        incident = await _fire(client)
        await _until(client, incident, "SHADOW")
        said = await client.ask("POST", f"/api/v1/incidents/{incident}/{word}", data=b"{}")
        assert (said.status, said.json["reason"]) == (409, "conflict")


async def test_who_acknowledged_is_shown(tmp_path: Path) -> None:
    async with serving(tmp_path, mode="shadow") as client:
        incident = await _fire(client)
        await _until(client, incident, "SHADOW")
        said = await client.ask("POST", f"/api/v1/incidents/{incident}/acknowledge", data=b"{}")
        assert (said.status, said.json["acknowledged_by"]) == (200, "ann")


async def test_an_incident_resolved_by_hand_is_closed(tmp_path: Path) -> None:
    async with serving(tmp_path, mode="shadow") as client:
        incident = await _fire(client)
        await _until(client, incident, "SHADOW")
        await client.ask("POST", f"/api/v1/incidents/{incident}/resolve", data=b"{}")
        assert await _state(client, incident) == "RESOLVED"
        again = await client.ask("POST", f"/api/v1/incidents/{incident}/resolve", data=b"{}")
        assert again.status == 409


async def test_a_reader_may_look_and_not_speak(tmp_path: Path) -> None:
    async with serving(tmp_path, mode="shadow") as client:
        incident = await _fire(client)
        looked = await client.ask("GET", "/api/v1/incidents", token=READ)
        path = f"/api/v1/incidents/{incident}/resolve"
        spoke = await client.ask("POST", path, token=READ, data=b"{}")
        assert (looked.status, spoke.status) == (200, 403)


async def test_pause_is_told_by_status_and_ended_by_resume(tmp_path: Path) -> None:
    async with serving(tmp_path) as client:
        await client.ask("POST", "/api/v1/pause", data=b'{"reason": "release"}')
        assert (await client.ask("GET", "/api/v1/status")).json["paused_why"] == "release (ann)"
        await client.ask("POST", "/api/v1/resume", data=b"{}")
        assert (await client.ask("GET", "/api/v1/status")).json["paused"] is False


@pytest.mark.parametrize("body", [b"{}", b'{"reason": ""}'])
async def test_a_pause_needs_no_reason(tmp_path: Path, body: bytes) -> None:
    async with serving(tmp_path) as client:
        assert (await client.ask("POST", "/api/v1/pause", data=body)).status == 200
        status = (await client.ask("GET", "/api/v1/status")).json
        assert status["paused_why"] == "no reason given (ann)"


@pytest.mark.parametrize("body", [b"[]", b'{"reason": 1}', b"null"])
async def test_a_pause_of_another_shape_is_422(tmp_path: Path, body: bytes) -> None:
    async with serving(tmp_path) as client:
        assert (await client.ask("POST", "/api/v1/pause", data=body)).status == 422


async def test_the_journal_is_lines_in_order(tmp_path: Path) -> None:
    async with serving(tmp_path, mode="shadow") as client:
        await _until(client, await _fire(client), "SHADOW")
        text = (await client.ask("GET", "/api/v1/journal")).text
        rows = [json.loads(line) for line in text.splitlines()]
        assert [row["seq"] for row in rows] == list(range(1, len(rows) + 1))
        assert {"t", "ev", "hash"} <= set(rows[0])


async def test_every_route_but_the_open_ones_wants_a_token(tmp_path: Path) -> None:
    async with serving(tmp_path) as client:
        for method, path in [
            *(("POST", "/alerts"), ("POST", "/watchdog"), ("GET", "/api/v1/incidents")),
            *(("GET", "/api/v1/incidents/1"), ("POST", "/api/v1/incidents/1/approve")),
            *(("GET", "/api/v1/journal"), ("POST", "/api/v1/pause"), ("POST", "/api/v1/resume")),
            *(("GET", "/api/v1/status"), ("POST", "/-/reload")),
        ]:
            assert (await client.ask(method, path, token=None)).status == 401, path
        for path in ("/-/healthy", "/-/ready", "/metrics"):
            assert (await client.ask("GET", path, token=None)).status == 200, path


async def test_i17_a_bad_reload_keeps_the_old_config_and_says_so(tmp_path: Path) -> None:
    async with serving(tmp_path, mode="shadow") as client:
        client.write(mode="sideways")
        refused = await client.ask("POST", "/-/reload", data=b"{}")
        metrics = (await client.ask("GET", "/metrics", token=None)).text
        assert refused.status == 503
        assert "mode" in refused.json["error"]
        assert "prunella_config_last_reload_successful 0.0" in metrics
        assert (await client.ask("GET", "/api/v1/status")).json["mode"] == "shadow"


async def test_a_good_reload_is_in_force_for_the_next_alert(tmp_path: Path) -> None:
    async with serving(tmp_path) as client:
        client.write(mode="shadow")
        assert (await client.ask("POST", "/-/reload", data=b"{}")).status == 200
        incident = await _fire(client)
        await _until(client, incident, "SHADOW")


async def test_i17_a_reload_that_would_need_a_restart_is_refused_whole(tmp_path: Path) -> None:
    async with serving(tmp_path) as client:
        client.write(mode="shadow", journal="sqlite:other.db")
        refused = await client.ask("POST", "/-/reload", data=b"{}")
        assert "journal" in refused.json["error"]
        assert (await client.ask("GET", "/api/v1/status")).json["mode"] == "auto"


async def test_a_program_that_is_missing_is_said_at_start(tmp_path: Path) -> None:
    ladder = [{"action": "run", "argv": ["/no/such/program"]}]
    books = [{**CONFIG["playbooks"][0], "ladder": ladder}]
    with pytest.raises(ConfigError, match="there is no program /no/such/program"):
        async with serving(tmp_path, playbooks=books):
            pass


async def test_in_shadow_a_missing_program_is_only_a_warning(tmp_path: Path) -> None:
    ladder = [{"action": "run", "argv": ["/no/such/program"]}]
    books = [{**CONFIG["playbooks"][0], "ladder": ladder}]
    async with serving(tmp_path, mode="shadow", playbooks=books) as client:
        assert (await client.ask("GET", "/-/ready", token=None)).status == 200


async def test_i17_a_reload_that_needs_a_missing_program_is_refused(tmp_path: Path) -> None:
    ladder = [{"action": "run", "argv": ["/no/such/program"]}]
    async with serving(tmp_path) as client:
        client.write(playbooks=[{**CONFIG["playbooks"][0], "ladder": ladder}])
        refused = await client.ask("POST", "/-/reload", data=b"{}")
        assert refused.status == 503
        assert "playbooks[0].ladder[0]: there is no program" in refused.json["error"]
