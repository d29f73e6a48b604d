from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from receiver.cli.__main__ import main
from tests.receiver.rig import CONFIG, firing, resolved

BOOK = CONFIG["playbooks"][0]
Printed = pytest.CaptureFixture[str]


def a_config(folder: Path, **changes: Any) -> Path:
    file = folder / "receiver.yml"
    file.write_text(yaml.safe_dump({**CONFIG, **changes}))
    return file


def a_body(folder: Path, *alerts: dict[str, Any]) -> Path:
    file = folder / "body.json"
    file.write_text(json.dumps({"version": "4", "alerts": alerts}))
    return file


def plan(folder: Path, capsys: Printed, *alerts: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """What --json prints."""
    body, config = a_body(folder, *alerts), a_config(folder, **changes)
    assert main(["simulate", str(body), "--config", str(config), "--json"]) == 0
    said: dict[str, Any] = json.loads(capsys.readouterr().out)
    return said


def test_it_tells_the_plan_with_the_reason_for_every_yes_and_no(
    tmp_path: Path, capsys: Printed
) -> None:
    body, config = a_body(tmp_path, firing()), a_config(tmp_path)
    assert main(["simulate", str(body), "--config", str(config)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "  → run on shop would run (allowed)" in lines
    assert '  playbook errors: yes, alertname="HighErrorRate" hold' in lines
    assert "  target cache: no, service=\"cache\" does not hold: service is 'shop'" in lines
    assert "  rung second: run on shop would run (allowed)" in lines


def test_a_lie_is_set_aside_as_it_would_be(tmp_path: Path, capsys: Printed) -> None:
    lie = firing("cache", endsAt="2026-09-21T00:10:00Z")
    said = plan(tmp_path, capsys, firing(), lie)
    assert [one["labels"]["service"] for one in said["alerts"]] == ["shop"]
    (why,) = said["quarantined"]
    assert why.startswith("alerts[1]: it fires, and was over ")


def test_the_ceiling_counts(tmp_path: Path, capsys: Printed) -> None:
    (alert,) = plan(tmp_path, capsys, firing(), mode="shadow")["alerts"]
    assert {step["reason"] for step in alert["ladder"]} == {"shadow"}


def test_a_stricter_rung_asks(tmp_path: Path, capsys: Printed) -> None:
    ladder = [BOOK["ladder"][0], {**BOOK["ladder"][1], "mode": "approve"}]
    (alert,) = plan(tmp_path, capsys, firing(), playbooks=[{**BOOK, "ladder": ladder}])["alerts"]
    assert [step["reason"] for step in alert["ladder"]] == ["allowed", "approval_required"]


def test_a_target_without_the_facet_calls_a_human(tmp_path: Path, capsys: Printed) -> None:
    books = [{**BOOK, "ladder": [{"action": "restart"}]}]
    (alert,) = plan(tmp_path, capsys, firing(), playbooks=books)["alerts"]
    assert alert["ladder"][0]["answer"] == "would call a human"


def test_an_open_dependency_in_the_same_delivery_blocks(tmp_path: Path, capsys: Printed) -> None:
    down = firing("db", labels={"alertname": "PostgresDown"})
    books = [{**BOOK, "blocked_by": ['alertname="PostgresDown"']}]
    alert, _ = plan(tmp_path, capsys, firing(), down, playbooks=books)["alerts"]
    assert alert["ladder"][0]["reason"] == "dependency_open"


def test_a_sick_group_in_one_delivery_is_a_common_cause(tmp_path: Path, capsys: Printed) -> None:
    names = ["a", "b", "c"]
    targets = {name: {"matchers": [f'service="{name}"']} for name in names}
    alerts = [firing(name) for name in names]
    said = plan(tmp_path, capsys, *alerts, targets=targets, groups={"web": names})
    assert {one["ladder"][0]["reason"] for one in said["alerts"]} == {"common_cause"}


def test_a_stop_file_that_is_there_now_is_seen(tmp_path: Path, capsys: Printed) -> None:
    (tmp_path / "STOP").touch()
    (alert,) = plan(tmp_path, capsys, firing(), stop_file=str(tmp_path / "STOP"))["alerts"]
    assert alert["ladder"][0]["reason"] == "stop_file"


def test_resolved_and_unreadable_alerts_are_told_apart(tmp_path: Path, capsys: Printed) -> None:
    said = plan(tmp_path, capsys, resolved(), {"status": "firing"})
    assert [one["status"] for one in said["alerts"]] == ["resolved"]
    assert said["quarantined"][0].startswith("alerts[1].")


@pytest.mark.parametrize("text", ["nonsense", "[]", '{"alerts": 1}'])
def test_what_is_no_delivery_is_exit_1(tmp_path: Path, capsys: Printed, text: str) -> None:
    file = tmp_path / "body.json"
    file.write_text(text)
    assert main(["simulate", str(file), "--config", str(a_config(tmp_path))]) == 1
    assert "body.json: " in capsys.readouterr().err


def test_a_file_that_is_not_there_is_exit_1(tmp_path: Path, capsys: Printed) -> None:
    assert main(["simulate", str(tmp_path / "none.json")]) == 1
    assert "none.json" in capsys.readouterr().err


def test_a_config_that_is_wrong_is_exit_2_with_its_paths(tmp_path: Path, capsys: Printed) -> None:
    config = a_config(tmp_path, mode="yolo")
    assert main(["simulate", str(a_body(tmp_path)), "--config", str(config)]) == 2
    assert "mode: " in capsys.readouterr().err


def test_nothing_is_made_on_disk(tmp_path: Path, capsys: Printed) -> None:
    plan(tmp_path, capsys, firing())
    assert {file.name for file in tmp_path.iterdir()} == {"receiver.yml", "body.json"}
