from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from receiver.cli.__main__ import grammar, main
from tests.receiver.rig import CONFIG

ROOT = Path(__file__).parents[3]
BOOK = CONFIG["playbooks"][0]
ERRORS = {
    "alert": "HighErrorRate",
    "expr": 'sum by (service) (rate(errors_total{service!=""}[5m])) > 1',
    "for": "1m",
    "labels": {"severity": "critical"},
}
ALERTMANAGER: dict[str, Any] = {
    "route": {"receiver": "prunella", "group_interval": "30s"},
    "receivers": [{"name": "prunella", "webhook_configs": [{"url": "http://r:9651/alerts"}]}],
}
Printed = pytest.CaptureFixture[str]


@dataclass
class Linted:
    code: int
    found: dict[str, str]


@dataclass
class Linter:
    folder: Path
    printed: Printed

    def __call__(
        self, *rules: dict[str, Any], hook: dict[str, Any] | None = None, **changes: Any
    ) -> Linted:
        """What lint finds in the rig's config with changes, beside these rules."""
        files = {
            "receiver.yml": {**CONFIG, **changes},
            "rules.yml": {"groups": [{"name": "g", "rules": list(rules or (ERRORS,))}]},
            "alertmanager.yml": ALERTMANAGER,
        }
        if hook is not None:
            ours = [{"url": "http://r:9651/alerts", **hook}]
            receivers = [{"name": "prunella", "webhook_configs": ours}]
            files["alertmanager.yml"] = {**ALERTMANAGER, "receivers": receivers}
        for name, tree in files.items():
            (self.folder / name).write_text(yaml.safe_dump(tree))
        code = main(["lint", *self.words(), "--json"])
        found = json.loads(self.printed.readouterr().out)
        return Linted(code, {one["path"]: one["message"] for one in found})

    def words(self) -> list[str]:
        told = ["--alertmanager", str(self.folder / "alertmanager.yml")]
        rules = str(self.folder / "rule*.yml")
        return ["--config", str(self.folder / "receiver.yml"), "--rules", rules, *told]


@pytest.fixture
def linted(tmp_path: Path, capsys: Printed) -> Linter:
    return Linter(tmp_path, capsys)


def book(**changes: Any) -> list[dict[str, Any]]:
    return [{**BOOK, **changes}]


def test_a_config_that_goes_with_its_rules_is_exit_0(linted: Linter) -> None:
    assert linted() == Linted(0, {})


def test_our_own_config_rules_and_alertmanager_are_clean(tmp_path: Path) -> None:
    """The demonstration's and the containers' config, as they are shipped."""
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    for name in ("webhook_token", "operate_token", "preview_bot_token", "preview_signing_secret"):
        (secrets / name).write_text("s" * 32)
    for who in ("prunella", "keeper"):
        (secrets / f"{who}_database_url").write_text(f"postgresql://{who}:p@127.0.0.1/shop")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "receiver.cli", "lint"),
            *("--config", "demo/config/receiver.yml", "--rules", "prometheus/rules/*.yml"),
            *("--alertmanager", "prometheus/alertmanager.yml"),
        ],
        cwd=ROOT,
        env={**os.environ, "PRUNELLA_STACK": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "nothing found\n", "")


@pytest.mark.parametrize(
    ("matchers", "said"),
    [
        (['alertname="HighErorRate"'], 'alertname="HighErorRate" holds'),
        (['severity="page"'], 'severity="page" holds'),
        (['severty="critical"'], 'severty="critical" holds'),
        (['service="shop"', 'sevice="shop"'], 'sevice="shop" holds'),
    ],
)
def test_matchers_that_no_rule_can_fire_are_named(
    linted: Linter, matchers: list[str], said: str
) -> None:
    found = linted(playbooks=book(matchers=matchers))
    assert found.code == 1
    assert said in found.found["playbooks[0].matchers"]


def test_matchers_that_only_hold_in_different_rules_are_found(linted: Linter) -> None:
    warning = {**ERRORS, "alert": "Slow", "labels": {"severity": "warning"}}
    matchers = ['alertname="Slow"', 'severity="critical"']
    found = linted(ERRORS, warning, playbooks=book(matchers=matchers)).found
    assert found["playbooks[0].matchers"].startswith("no single rule")


def test_a_cooldown_shorter_than_the_rule_looks_back_is_found(linted: Linter) -> None:
    verify = {"within": "1m", "decay": "1m", "checks": [{"http": {"path": "/health"}}]}
    found = linted(playbooks=book(cooldown="1m", verify=verify)).found
    assert "HighErrorRate looks back 5m" in found["playbooks[0].cooldown"]


def test_a_short_cooldown_is_well_when_the_incident_outlasts_the_lookback(linted: Linter) -> None:
    verify = {"within": "1m", "decay": "5m", "checks": [{"http": {"path": "/health"}}]}
    assert linted(playbooks=book(cooldown="1m", verify=verify)).code == 0


def test_waiting_for_the_alert_alone_must_outlast_the_alert(linted: Linter) -> None:
    only = {"within": "2m", "checks": [{"alert": "cleared"}]}
    found = linted(playbooks=book(verify=only)).found
    assert "may stay red for 5m" in found["playbooks[0].verify.within"]


def test_waiting_for_the_alert_alone_must_outlast_group_interval(linted: Linter) -> None:
    quick = {**ERRORS, "expr": "up == 0", "for": "0s"}
    only = {"within": "20s", "checks": [{"alert": "cleared"}]}
    assert list(linted(quick, playbooks=book(verify=only)).found) == ["playbooks[0].verify.within"]


def test_a_rung_that_ends_before_its_restart_can_be_believed(linted: Linter) -> None:
    process = {"manager": "supervisor", "name": "shop", "url": "unix:///run/s.sock"}
    http = {"base_url": "http://127.0.0.1:1"}
    shop = {"matchers": ['service="shop"'], "process": process, "http": http}
    ladder = [{"action": "restart", "up_for": "30s", "timeout": "20s"}]
    found = linted(targets={"shop": shop}, playbooks=book(ladder=ladder)).found
    assert found == {
        "playbooks[0].ladder[0].timeout": "20s is too short: restart takes at least 30s"
    }


def test_a_target_that_may_be_selected_and_lacks_the_facet_is_named(linted: Linter) -> None:
    process = {"manager": "supervisor", "name": "shop", "url": "unix:///run/s.sock"}
    targets = {**CONFIG["targets"], "shop": {**CONFIG["targets"]["shop"], "process": process}}
    found = linted(targets=targets, playbooks=book(ladder=[{"action": "restart"}])).found
    assert found["playbooks[0].ladder[0].action"] == (
        "restart needs `process:`, which the target cache does not have"
    )


def test_a_target_that_the_playbook_cannot_mean_is_not_asked_for_facets(linted: Linter) -> None:
    bare = {"matchers": ['service="bare"']}
    targets = {**CONFIG["targets"], "bare": bare}
    named = ['alertname="HighErrorRate"', 'service=~"shop|cache"']
    assert linted(targets=targets, playbooks=book(matchers=named)).code == 0
    found = linted(targets=targets).found
    assert "the target bare" in found["playbooks[0].verify.checks[0]"]


def test_a_playbook_behind_one_that_takes_everything_is_found(linted: Linter) -> None:
    books = [*book(matchers=['severity="critical"']), *book(name="never")]
    found = linted(playbooks=books).found
    assert found == {
        "playbooks[1].matchers": "never reached: errors takes every alert that it matches"
    }


def test_a_playbook_behind_a_narrower_one_is_reached(linted: Linter) -> None:
    narrow = ['alertname="HighErrorRate"', 'service="shop"']
    assert linted(playbooks=[*book(matchers=narrow), *book(name="rest")]).code == 0


@pytest.mark.parametrize(
    ("hook", "key"),
    [({"send_resolved": False}, "send_resolved"), ({"max_alerts": 10}, "max_alerts")],
)
def test_an_alertmanager_that_keeps_things_from_us_is_found(
    linted: Linter, hook: dict[str, Any], key: str
) -> None:
    found = linted(hook=hook)
    assert found.code == 1
    assert list(found.found) == [f"alertmanager.yml receivers[0].webhook_configs[0].{key}"]


def test_other_peoples_webhooks_are_their_own(linted: Linter) -> None:
    hook = {"url": "http://elsewhere/hook", "send_resolved": False, "max_alerts": 1}
    assert linted(hook=hook).code == 0


def test_people_get_one_finding_a_line(linted: Linter) -> None:
    linted(playbooks=book(matchers=['alertname="Else"']))
    assert main(["lint", *linted.words()]) == 1
    (line,) = linted.printed.readouterr().out.splitlines()
    assert line == (
        'playbooks[0].matchers: no rule can fire an alert for which alertname="Else" holds'
    )


@pytest.mark.parametrize("text", ["groups: [", "[]", "groups: [{rules: [{alert: A, for: soon}]}]"])
def test_rules_that_cannot_be_read_are_exit_2(linted: Linter, text: str) -> None:
    linted()
    (linted.folder / "rules.yml").write_text(text)
    assert main(["lint", *linted.words()]) == 2
    assert "rules" in linted.printed.readouterr().err


def test_a_pattern_that_names_no_file_is_exit_2(linted: Linter) -> None:
    linted()
    (linted.folder / "rules.yml").unlink()
    assert main(["lint", *linted.words()]) == 2
    assert "no file is named" in linted.printed.readouterr().err


def test_a_config_that_is_wrong_is_exit_2(linted: Linter) -> None:
    linted()
    (linted.folder / "receiver.yml").write_text("mode: yolo")
    assert main(["lint", *linted.words()]) == 2
    assert "mode: " in linted.printed.readouterr().err


def test_the_bundled_rules_are_meant_where_none_are_named() -> None:
    (pattern,) = grammar().parse_args(["lint"]).rules
    assert sorted(ROOT.glob(pattern)) == sorted((ROOT / "prometheus" / "rules").glob("*.yml"))
