from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

import pytest

from tests.receiver.rig import CONFIG, firing, resolved
from tests.receiver.web.serving import OPERATE, READ, WEBHOOK, locked, serving


def _body(*alerts: object) -> bytes:
    return json.dumps({"version": "4", "status": "firing", "alerts": alerts}).encode()


async def test_a_delivery_is_answered_with_what_it_changed(tmp_path: Path) -> None:
    async with serving(tmp_path, mode="shadow") as client:
        first = await client.alerts(_body(firing(), firing("cache"), {"status": "firing"}))
        again = await client.alerts(_body(firing()))
        assert first.status == 202
        assert first.json == {"received": 3, "new": 2, "repeated": 0, "quarantined": 1}
        assert again.json == {"received": 1, "new": 0, "repeated": 1, "quarantined": 0}


async def test_an_empty_delivery_is_no_mistake(tmp_path: Path) -> None:
    async with serving(tmp_path) as client:
        answer = await client.alerts(_body())
        assert (answer.status, answer.json["received"]) == (202, 0)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (_body(firing())[:-20], 400),
        (b"[" * 100_000, 400),
        (b'{"alerts":' * 50_000, 400),
        (b"\xff\xfe", 400),
        (b'{"alerts": [NaN]}', 400),
        (b"[]", 422),
        (b"null", 422),
        (b'"text"', 422),
        (b"{}", 422),
        (b'{"alerts": {}}', 422),
        (b'{"alerts": null}', 422),
        (b'{"title": "a grafana template", "message": "x"}', 422),
    ],
)
async def test_what_is_no_delivery_is_refused_with_a_reason(
    tmp_path: Path, body: bytes, status: int
) -> None:
    async with serving(tmp_path) as client:
        answer = await client.alerts(body)
        assert answer.status == status
        assert set(answer.json) == {"error", "reason"}
        assert "Traceback" not in answer.text


@pytest.mark.parametrize("change", [{"version": "1"}, {"notification_reason": "x", "new": [1]}])
async def test_other_versions_and_unknown_keys_are_accepted(
    tmp_path: Path, change: dict[str, object]
) -> None:
    async with serving(tmp_path) as client:
        body = json.dumps({"version": "4", **change, "alerts": [firing()]}).encode()
        assert (await client.alerts(body)).json["new"] == 1


async def test_an_alert_without_a_fingerprint_is_known_by_its_labels(tmp_path: Path) -> None:
    async with serving(tmp_path) as client:
        nameless = {key: value for key, value in firing().items() if key != "fingerprint"}
        assert (await client.alerts(_body(nameless))).json["new"] == 1
        assert (await client.alerts(_body(nameless))).json["repeated"] == 1


@pytest.mark.parametrize(
    ("token", "status"), [(None, 401), ("wrong", 401), (READ, 403), (OPERATE, 403), (WEBHOOK, 202)]
)
async def test_only_the_webhooks_token_may_deliver(
    tmp_path: Path, token: str | None, status: int
) -> None:
    async with serving(tmp_path) as client:
        answer = await client.ask("POST", "/alerts", token=token, data=_body())
        assert answer.status == status


async def test_a_body_of_another_kind_is_415(tmp_path: Path) -> None:
    async with serving(tmp_path) as client:
        assert (await client.alerts(_body(), content_type="text/plain")).status == 415


async def test_a_body_over_the_cap_is_413(tmp_path: Path) -> None:
    server = {"listen": "127.0.0.1:0", "max_body": "64KiB"}
    async with serving(tmp_path, server=server) as client:
        assert (await client.alerts(b" " * 70_000)).status == 413


async def test_ten_thousand_alerts_in_one_body_are_taken(tmp_path: Path) -> None:
    async with serving(tmp_path, mode="shadow") as client:
        alerts = [firing(fingerprint=f"f{n}", labels={"n": str(n)}) for n in range(10_000)]
        assert (await client.alerts(_body(*alerts))).json["new"] == 10_000


async def test_i7_the_answer_does_not_wait_for_actions(tmp_path: Path) -> None:
    ladder = [{"action": "run", "argv": ["/bin/sleep", "5"]}]
    async with serving(
        tmp_path, playbooks=[{**CONFIG["playbooks"][0], "ladder": ladder}]
    ) as client:
        began = time.monotonic()
        first = await client.alerts(_body(firing()))
        second = await client.alerts(_body(resolved()))
        assert (first.status, second.status) == (202, 202)
        assert time.monotonic() - began < 4


async def test_i7_while_the_journal_is_locked_the_answer_is_503_and_later_202(
    tmp_path: Path,
) -> None:
    async with serving(tmp_path) as client:
        with locked(tmp_path / "journal.db"):
            answer = await client.alerts(_body(firing()))
            ready = await client.ask("GET", "/-/ready", token=None)
        again = await client.alerts(_body(firing()))
        assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
        assert ready.status in {200, 503}
        assert (again.status, again.json["new"]) == (202, 1)


async def test_the_watchdogs_arrival_is_a_metric(tmp_path: Path) -> None:
    async with serving(tmp_path) as client:
        answer = await client.ask("POST", "/watchdog", token=WEBHOOK, data=_body(firing()))
        metrics = (await client.ask("GET", "/metrics", token=None)).text
        line = next(
            row
            for row in metrics.splitlines()
            if row.startswith("prunella_watchdog_last_received_timestamp_seconds")
        )
        assert answer.status == 202
        assert float(line.split()[1]) == pytest.approx(time.time(), abs=60)


async def test_a_hundred_posts_at_once_each_open_their_own_incident(tmp_path: Path) -> None:
    async with serving(tmp_path, mode="shadow") as client:
        bodies = [_body(firing(f"s{n}")) for n in range(100)]
        answers = await asyncio.gather(*(client.alerts(body) for body in bodies))
        assert {answer.status for answer in answers} == {202}
        listed = await client.ask("GET", "/api/v1/incidents?limit=1000")
        assert len(listed.json["incidents"]) == 100


async def test_a_delivery_of_nothing_but_junk_is_counted_and_a_part_of_it_kept(
    tmp_path: Path,
) -> None:
    async with serving(tmp_path) as client:
        answer = await client.alerts(_body(*({"status": "firing"} for _ in range(2_000))))
        assert answer.json == {"received": 2000, "new": 0, "repeated": 0, "quarantined": 2000}
