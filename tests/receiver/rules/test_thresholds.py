from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from prunella.service.settings import ConfigError
from receiver.rules.render import TEMPLATES, render
from receiver.rules.thresholds import SHIPPED, Choices, read
from receiver.rules.units import count, seconds, share
from tests.prometheus.bundle import BUNDLE, RULE_FILES, alert_names

INVALID = sorted((Path(__file__).parent / "testdata").glob("invalid-*.yml"))


def chosen(folder: Path, **keys: Any) -> Choices:
    file = folder / "thresholds.yml"
    file.write_text(yaml.safe_dump(keys))
    return read(file, {})


def alerts_of(choices: Choices) -> list[dict[str, Any]]:
    return [
        rule
        for text in render(choices).values()
        for group in yaml.safe_load(text)["groups"]
        for rule in group["rules"]
        if "alert" in rule
    ]


def alert(choices: Choices, name: str, severity: str) -> dict[str, Any]:
    (found,) = (
        one
        for one in alerts_of(choices)
        if one["alert"] == name and one["labels"]["severity"] == severity
    )
    return found


@pytest.mark.parametrize("file", RULE_FILES, ids=lambda file: file.name)
def test_the_committed_rules_are_what_the_shipped_thresholds_make(file: Path) -> None:
    cure = "run: .venv/bin/prunella rules render"
    assert file.read_text() == render(read(None, {}))[file.name], cure


def test_every_template_is_committed_as_rules_and_nothing_else_is() -> None:
    assert {file.name for file in TEMPLATES.glob("*")} == {
        file.name for file in (BUNDLE / "rules").iterdir()
    }


def test_every_alert_has_its_thresholds_and_nothing_else_has() -> None:
    assert sorted(yaml.safe_load(SHIPPED.read_text())["alerts"]) == alert_names()


def test_a_threshold_changes_its_expression_and_its_text(tmp_path: Path) -> None:
    choices = chosen(tmp_path, alerts={"HighErrorRate": {"critical": "8%"}})
    rule = alert(choices, "HighErrorRate", "critical")
    assert "ratio_rate5m > 0.08" in rule["expr"]
    assert "ratio_rate1m > 0.08" in rule["expr"]
    assert rule["annotations"]["summary"] == "{{ $labels.service }}: more than 8 % of requests fail"


def test_what_is_not_named_stays_as_it_is_shipped(tmp_path: Path) -> None:
    choices = chosen(tmp_path, alerts={"HighErrorRate": {"critical": "8%"}})
    assert alert(choices, "HighErrorRate", "warning") == alert(
        read(None, {}), "HighErrorRate", "warning"
    )


def test_how_long_it_has_to_last_can_be_changed(tmp_path: Path) -> None:
    choices = chosen(tmp_path, alerts={"EndpointDown": {"for_critical": "90s"}})
    assert alert(choices, "EndpointDown", "critical")["for"] == "1m30s"
    said = alert(choices, "EndpointDown", "critical")["annotations"]["description"]
    assert said == "No probe of {{ $labels.endpoint }} has succeeded for 90 s."


def test_what_fires_at_once_says_so_in_seconds(tmp_path: Path) -> None:
    choices = chosen(tmp_path, alerts={"EndpointDown": {"for_critical": "0s"}})
    summary = alert(choices, "EndpointDown", "critical")["annotations"]["summary"]
    assert summary.endswith("has been down for 0 s")


def test_the_text_of_an_alert_says_no_other_number_than_its_threshold(tmp_path: Path) -> None:
    choices = chosen(tmp_path, alerts={"BackupTooOld": {"warning": "8d", "critical": "15d"}})
    for severity, days in (("warning", 8), ("critical", 15)):
        summary = alert(choices, "BackupTooOld", severity)["annotations"]["summary"]
        assert summary.endswith(f"is more than {days} days old")


def test_the_links_lead_where_the_file_says(tmp_path: Path) -> None:
    choices = chosen(tmp_path, links={"runbooks": "https://wiki.example.org/alerts"})
    notes = alert(choices, "EndpointDown", "critical")["annotations"]
    assert notes["runbook_url"] == "https://wiki.example.org/alerts/EndpointDown"
    assert notes["dashboard_url"].startswith("http://127.0.0.1:3000/d/prunella-endpoints?")


def test_an_alert_that_is_off_is_left_out_and_nothing_else_is(tmp_path: Path) -> None:
    choices = chosen(tmp_path, off=["HostCpuHigh", "HighErrorRate"])
    left = {rule["alert"] for rule in alerts_of(choices)}
    assert left == set(alert_names()) - {"HostCpuHigh", "HighErrorRate"}


def test_the_records_that_other_alerts_need_stay_when_an_alert_is_off(tmp_path: Path) -> None:
    text = render(chosen(tmp_path, off=["HighErrorRate"]))["http.rules.yml"]
    assert "record: service:http_request_errors_per_request:ratio_rate5m" in text
    assert "alert: HighLatencyP95" in text
    assert "5 % of five minutes is fifteen seconds" not in text  # the comment of what is off


def test_a_service_can_have_an_objective_of_its_own(tmp_path: Path) -> None:
    text = render(chosen(tmp_path, objectives={"shop.eu": "99.95%"}))["slo.rules.yml"]
    assert 'expr: group by (service) (http_requests_total{service="shop.eu"}) * 0.9995\n' in text
    assert r'(http_requests_total{service!~"shop\\.eu"}) * 0.999' in text


@pytest.mark.parametrize("file", INVALID, ids=lambda file: file.stem)
def test_a_mistake_is_told_by_its_place_and_its_cure(file: Path) -> None:
    expected = file.read_text().splitlines()[0].removeprefix("# ")
    with pytest.raises(ConfigError) as raised:
        read(file, {})
    assert str(raised.value) == expected


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        chosen(tmp_path, off=["Nothing"], alerts={"EndpointDown": {"for_critical": 5}}, wrong=1)
    assert {problem.path for problem in raised.value.problems} == {
        "off",
        "alerts.EndpointDown.for_critical",
        "wrong",
    }


@given(st.floats(0.001, 100))
def test_a_share_is_said_as_it_was_written(percent: float) -> None:
    said = share(f"{percent:.6g}%")
    assert float(str(said)) == pytest.approx(percent / 100, rel=1e-5)
    assert said.text == f"{percent:.6g} %"


@pytest.mark.parametrize(
    ("value", "text"),
    [("90s", "90 s"), ("2m", "2 min"), ("4h", "4 h"), ("14d", "14 days"), ("250ms", "0.25 s")],
)
def test_a_duration_is_said_in_the_largest_unit_that_leaves_it_whole(value: str, text: str) -> None:
    assert seconds(value).text == text


def test_a_count_is_said_with_commas() -> None:
    assert (str(count(10_000)), count(10_000).text) == ("10000", "10,000")
