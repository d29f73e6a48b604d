from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from receiver.decide.incident import Incident, State
from receiver.decide.reason import Reason
from receiver.decide.values import changed
from receiver.journal import Move
from receiver.web.monitoring.alerts import TYPES
from receiver.web.monitoring.questions import CACHE, DATABASE, ERRORS, PERFORMANCE, USAGE
from receiver.web.monitoring.shapes import Cache, Database, Errors, Performance, Usage
from receiver.web.paging import MOST
from tests.receiver.builders import a_seen, an_alert
from tests.receiver.journal.doing import at_the_gate, fires
from tests.receiver.journal.doing import opened as opened_journal
from tests.receiver.rig import firing, resolved
from tests.receiver.web.serving import READ, Client, locked, serving
from tests.servers.process import until

ALERTS = "/api/monitoring/alerts"
NOWHERE = {"url": "http://127.0.0.1:3"}


async def opened(client: Client, service: str = "shop", **changes: Any) -> int:
    """The id of a new incident that nothing is done about."""
    await client.alerts(json.dumps({"alerts": [firing(service, **changes)]}).encode())
    listed = await client.ask("GET", "/api/v1/incidents")
    number: int = listed.json["incidents"][0]["id"]
    return number


async def acknowledge(client: Client, number: int, who: object = "user@example.com") -> Any:
    body = json.dumps({"acknowledgedBy": who}).encode()
    return await client.ask("POST", f"{ALERTS}/{number}/acknowledge", data=body)


async def alerts(client: Client, query: str = "") -> Any:
    return (await client.ask("GET", ALERTS + query)).json["data"]


async def test_health_is_open_and_in_words(tmp_path: Path) -> None:
    async with serving(tmp_path) as client:
        answer = await client.ask("GET", "/api/monitoring/health", token=None)
        assert answer.status == 200
        assert answer.json["status"] == "healthy"
        assert answer.json["metrics"]["alerts"] == {"status": "healthy"}
        assert answer.json["metrics"]["errors"] == {"status": "unknown"}
        assert answer.json["message"].endswith("not measured: errors, performance, uptime")


async def test_health_is_503_while_something_critical_fires(tmp_path: Path) -> None:
    async with serving(tmp_path, mode="shadow") as client:
        await opened(client, labels={"symptom": "errors"})
        answer = await client.ask("GET", "/api/monitoring/health", token=None)
        assert (answer.status, answer.json["status"]) == (503, "unhealthy")
        assert answer.json["metrics"]["errors"] == {"status": "unhealthy"}
        assert "shop" not in answer.text


async def test_a_prometheus_that_is_away_is_no_health(tmp_path: Path) -> None:
    async with serving(tmp_path, prometheus=NOWHERE) as client:
        answer = await client.ask("GET", "/api/monitoring/health", token=None)
        assert (answer.status, answer.json["status"]) == (200, "degraded")


async def test_a_dashboard_without_prometheus_has_no_figures_and_says_why(tmp_path: Path) -> None:
    async with serving(tmp_path) as client:
        answer = await client.ask("GET", "/api/monitoring/dashboard", token=READ)
        data = answer.json["data"]
        assert (answer.json["success"], data["period"]) == (True, "1h")
        assert data["errors"]["total"] is None
        assert data["errors"]["missing"]["total"] == "Prometheus is not configured"
        assert data["uptime"]["services"] == []
        assert data["uptime"]["missing"]["services"] == "Prometheus is not configured"
        assert data["alerts"]["total"] == 0


@pytest.mark.parametrize("query", ["?period=2h", "?period="])
async def test_another_period_is_400_with_those_there_are(tmp_path: Path, query: str) -> None:
    async with serving(tmp_path) as client:
        answer = await client.ask("GET", f"/api/monitoring/dashboard{query}")
        assert (answer.status, answer.json["reason"]) == (400, "bad_query")
        assert "1h, 24h, 7d" in answer.json["error"]


async def test_an_incident_is_an_alert_of_the_documents(tmp_path: Path) -> None:
    async with serving(tmp_path, mode="shadow") as client:
        number = await opened(client, labels={"symptom": "errors"})
        (shown,) = (await alerts(client))["alerts"]
        assert shown["id"] == number
        assert (shown["type"], shown["severity"]) == ("error_rate", "critical")
        assert (shown["service"], shown["title"]) == ("shop", "too many errors")
        assert (shown["acknowledged"], shown["acknowledgedBy"]) == (False, None)


def test_what_is_about_something_else_is_custom() -> None:
    assert sorted(TYPES.values()) == ["error_rate", "performance", "uptime"]


async def test_an_alert_is_acknowledged_with_who(tmp_path: Path) -> None:
    async with serving(tmp_path, mode="shadow") as client:
        number = await opened(client)
        answer = await acknowledge(client, number)
        assert answer.json["data"]["acknowledgedBy"] == "user@example.com"
        told = (await client.ask("GET", f"/api/v1/incidents/{number}")).json
        row = next(one for one in told["timeline"] if one["ev"] == "acknowledged")
        assert (row["by"], row["token"]) == ("user@example.com", "ann")
        assert told["acknowledged_by"] == "user@example.com"


async def test_who_waits_for_somebody_can_be_asked_for(tmp_path: Path) -> None:
    async with serving(tmp_path, mode="shadow") as client:
        await acknowledge(client, await opened(client))
        waiting = await opened(client, "cache")
        assert [one["id"] for one in (await alerts(client))["alerts"]] == [waiting, waiting - 1]
        found = await alerts(client, "?unacknowledged=true")
        assert [one["id"] for one in found["alerts"]] == [waiting]
        others = await alerts(client, "?unacknowledged=false")
        assert [one["id"] for one in others["alerts"]] == [waiting - 1]
        assert (found["stats"]["total"], found["stats"]["unacknowledged"]) == (2, 1)


async def test_what_is_over_is_listed_for_a_while_and_counted_no_more(tmp_path: Path) -> None:
    async with serving(tmp_path, mode="shadow") as client:
        await opened(client)
        await client.alerts(json.dumps({"alerts": [resolved()]}).encode())

        async def over() -> bool:
            return bool((await alerts(client))["alerts"][0]["resolved"])

        await until(over, "a resolved alert in the list")
        assert (await alerts(client))["stats"]["total"] == 0
        assert (await alerts(client, "?unacknowledged=true"))["alerts"] == []
        (other,) = (await alerts(client, "?unacknowledged=false"))["alerts"]
        assert (other["resolved"], other["acknowledged"]) == (True, False)


async def test_an_expired_one_is_over_too(tmp_path: Path) -> None:
    now = time.time()
    async with opened_journal(tmp_path / "journal.db", now) as journal:
        claim = await at_the_gate(journal, now=now)
        after = claim.incident.moved(State.EXPIRED, Reason.EXPIRED, now)
        await journal.move(claim, Move(after), now)
    async with serving(tmp_path, mode="shadow") as client:
        (shown,) = (await alerts(client))["alerts"]
    assert (shown["state"], shown["resolved"], shown["id"]) == ("EXPIRED", True, after.id)


async def test_all_that_are_open_are_counted_also_those_that_are_not_listed(tmp_path: Path) -> None:
    now, many = time.time(), MOST + 5
    async with opened_journal(tmp_path / "journal.db", now) as journal:
        storm = [a_seen(an_alert(f"f{n}"), key=f"key-{n}") for n in range(many)]
        await journal.ingest(storm, now)
    async with serving(tmp_path, mode="shadow") as client:
        found = await alerts(client)
    assert (len(found["alerts"]), found["stats"]["total"]) == (MOST, many)
    assert found["stats"]["byType"] == {"custom": many}


async def test_one_that_waits_for_somebody_is_found_behind_all_those_that_somebody_has(
    tmp_path: Path,
) -> None:
    now = time.time()
    async with opened_journal(tmp_path / "journal.db", now) as journal:
        waits = await fires(journal, "waits", now=now)
        storm = [a_seen(an_alert(f"f{n}"), key=f"key-{n}") for n in range(MOST + 5)]
        await journal.ingest(storm, now)
        for number in range(waits + 1, waits + MOST + 6):
            await journal.command(number, _taken, now)
    async with serving(tmp_path, mode="shadow") as client:
        found = await alerts(client, "?unacknowledged=true")
        others = await alerts(client, f"?unacknowledged=false&before={waits + 4}")
    assert [one["id"] for one in found["alerts"]] == [waits]
    assert [one["id"] for one in others["alerts"]] == [waits + 3, waits + 2, waits + 1]


def _taken(incident: Incident) -> Move:
    return Move(changed(incident, acknowledged_by="ann"))


async def test_alerts_are_listed_a_page_at_a_time(tmp_path: Path) -> None:
    async with serving(tmp_path, mode="shadow") as client:
        first, second = await opened(client), await opened(client, "cache")
        for query in ("", "unacknowledged=true&"):
            newest = (await alerts(client, f"?{query}limit=1"))["alerts"]
            next_ones = (await alerts(client, f"?{query}before={second}"))["alerts"]
            assert [one["id"] for one in (*newest, *next_ones)] == [second, first]


@pytest.mark.parametrize("who", ["", "   ", "x" * 101, 7, None])
async def test_somebody_has_to_be_somebody(tmp_path: Path, who: object) -> None:
    async with serving(tmp_path, mode="shadow") as client:
        answer = await acknowledge(client, await opened(client), who)
        assert (answer.status, answer.json["reason"]) == (422, "wrong_shape")


async def test_an_alert_that_is_none_is_404(tmp_path: Path) -> None:
    async with serving(tmp_path) as client:
        assert (await acknowledge(client, 99)).status == 404


async def test_who_may_only_read_acknowledges_nothing(tmp_path: Path) -> None:
    async with serving(tmp_path) as client:
        path, body = f"{ALERTS}/1/acknowledge", b'{"acknowledgedBy": "x"}'
        assert (await client.ask("POST", path, token=READ, data=body)).status == 403
        assert (await client.ask("GET", ALERTS, token=None)).status == 401


async def test_another_word_for_yes_is_400(tmp_path: Path) -> None:
    async with serving(tmp_path) as client:
        assert (await client.ask("GET", f"{ALERTS}?unacknowledged=1")).status == 400


async def test_the_admins_page_has_its_sections_and_the_open_alerts(tmp_path: Path) -> None:
    async with serving(tmp_path, mode="shadow") as client:
        await opened(client)
        data = (await client.ask("GET", "/api/admin/monitoring", token=READ)).json["data"]
        assert data["database"]["missing"]["queryP95"] == "Prometheus is not configured"
        assert set(data) == {"timestamp", "database", "cache", "usage", "alerts"}
        assert data["alerts"]["stats"]["critical"] == 1


async def test_a_journal_that_cannot_be_written_can_still_be_looked_at(tmp_path: Path) -> None:
    async with serving(tmp_path) as client:
        with locked(tmp_path / "journal.db"):
            assert (await client.ask("GET", "/api/monitoring/health", token=None)).status == 200


@pytest.mark.parametrize(
    ("shape", "asked"),
    [
        (Errors, ERRORS),
        (Performance, PERFORMANCE),
        (Database, DATABASE),
        (Cache, CACHE),
        (Usage, USAGE),
    ],
)
def test_a_section_has_a_figure_for_each_question(shape: type, asked: dict[str, object]) -> None:
    assert set(shape.__annotations__) == {*asked, "missing"}
