"""The bundled playbooks beside the bundled rules: every alert that names one is answered by it, and all go together."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from receiver.bundled import bundled, names
from receiver.cli.__main__ import main
from receiver.decide.matchers import parse_matchers
from tests.prometheus.bundle import BUNDLE, alert_names, alerts
from tests.receiver.rig import firing

Printed = pytest.CaptureFixture[str]
EVERYTHING = {
    "matchers": ['service="shop"'],
    "process": {"manager": "pm2", "name": "shop", "gc_signal": "SIGUSR2"},
    "http": {"base_url": "http://127.0.0.1:3000", "gc_path": "/gc"},
    "redis": {"url": "redis://h/0", "cache_patterns": ["cache:*"], "rate_limit_patterns": ["rl:*"]},
    "postgres": {"url": "postgresql://u:p@h/shop", "users": ["shop"]},
    "backup": {"directory": "/var/backups"},
    "queue": {"system": "bullmq", "url": "redis://h/0", "queues": ["email"]},
    "release": {
        "strategy": "symlink",
        "path": "/srv/shop",
        "version": {"url": "http://127.0.0.1:3000/version", "json": "version"},
    },
}
ANSWERED = [rule for rule in alerts() if rule["labels"]["action"] != "none"]


def config(folder: Path, **facets: Any) -> str:
    """A config that includes all of them, for one target."""
    tree = {
        "mode": "auto",
        "auth": {"webhook": [{"name": "alertmanager", "token": "t" * 32}]},
        "targets": {"shop": facets},
        "playbooks": [{"include": name, "mode": "auto"} for name in names()],
    }
    file = folder / "receiver.yml"
    file.write_text(yaml.safe_dump(tree))
    return str(file)


def rehearsed(folder: Path, capsys: Printed, rule: dict[str, Any], **facets: Any) -> dict[str, Any]:
    """What `prunella simulate` says of the rule's alert."""
    labels = {**rule["labels"], "alertname": rule["alert"], "name": "main", "queue": "email"}
    body = folder / "body.json"
    body.write_text(json.dumps({"version": "4", "alerts": [firing(labels=labels)]}))
    assert main(["simulate", str(body), "--config", config(folder, **facets), "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)["alerts"]
    plan: dict[str, Any] = told
    return plan


def test_nothing_is_found_by_lint(tmp_path: Path, capsys: Printed) -> None:
    rules = [str(file) for file in sorted((BUNDLE / "rules").glob("*.yml"))]
    told = ["--alertmanager", str(BUNDLE / "alertmanager.yml")]
    code = main(["lint", "--config", config(tmp_path, **EVERYTHING), "--rules", *rules, *told])
    assert (code, capsys.readouterr().out) == (0, "nothing found\n")


def test_every_alert_that_is_answered_names_a_bundled_playbook_and_every_one_is_named() -> None:
    assert {rule["labels"]["action"] for rule in ANSWERED} == set(names())


@pytest.mark.parametrize("rule", ANSWERED, ids=lambda rule: rule["alert"])
def test_its_whole_ladder_would_be_climbed(
    rule: dict[str, Any], tmp_path: Path, capsys: Printed
) -> None:
    told = rehearsed(tmp_path, capsys, rule, **EVERYTHING)
    assert told["playbook"] == rule["labels"]["action"]
    ladder = bundled(told["playbook"])["ladder"]
    assert [step["rung"] for step in told["ladder"]] == [rung["name"] for rung in ladder]
    for step, rung in zip(told["ladder"], ladder, strict=True):
        asks = rung.get("mode") == "approve"
        assert step["answer"] == ("would ask for approval" if asks else "would run")


def test_who_goes_back_to_another_release_asks_first_and_goes_on_without_one() -> None:
    last = [bundled(name)["ladder"][-1] for name in names()]
    back = [rung for rung in last if rung["action"] == "rollback"]
    assert len(back) == 5  # availability, errors, latency, memory, release
    assert {(rung["mode"], rung["optional"]) for rung in back} == {("approve", True)}


def test_what_a_target_has_not_is_passed_by(tmp_path: Path, capsys: Printed) -> None:
    (rule,) = (one for one in ANSWERED if one["alert"] == "ProcessMemoryHigh")
    facets = {key: EVERYTHING[key] for key in ("matchers",)}
    process = {"manager": "pm2", "name": "shop"}
    told = rehearsed(tmp_path, capsys, rule, **facets, process=process)
    answers = [(step["action"], step["answer"]) for step in told["ladder"]]
    assert answers == [
        ("collect_garbage", "would be passed by"),
        ("restart", "would run"),
        ("rollback", "would be passed by"),
    ]
    assert told["outcome"] == "restart on shop would run (allowed)"


def _blockers() -> Iterator[str]:
    for name in names():
        for text in bundled(name).get("blocked_by", ()):
            yield from (one.value for one in parse_matchers(text))


def test_what_blocks_one_is_a_bundled_alert() -> None:
    assert set(_blockers()) <= set(alert_names())


def test_operations_md_tells_what_each_answers_and_does() -> None:
    text = (BUNDLE.parent / "docs" / "operations.md").read_text()
    rows = dict(re.findall(r"^\| `(\w+)` \| (.* \| .*) \|$", text, re.MULTILINE))
    for name in names():
        answers = dict.fromkeys(r["alert"] for r in ANSWERED if r["labels"]["action"] == name)
        said, _, ladder = rows[name].partition(" | ")
        assert sorted(said.split(", ")) == sorted(answers)
        starred = [_said(rung) for rung in bundled(name)["ladder"]]
        assert ladder.split(", ") == starred


def _said(rung: dict[str, Any]) -> str:
    star, name, action = "*" if rung.get("optional") else "", rung["name"], rung["action"]
    return f"`{action}`{star}" if name == action else f"{name}{star}: `{action}`"
