from __future__ import annotations

import itertools
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from grafana.generator.__main__ import texts
from tests.grafana.boards import FILES, GRAFANA, Board, board, expressions, panels
from tests.prometheus.bundle import alerts

DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
# but for `x unless x offset …`, which asks when it was born: an increase does not see the first one of all
COUNTER_READ_AS_IT_IS = re.compile(
    r"(?<![\w:])\w+_total(?![\w])(?!\{[^}]*\}(\[| unless | offset )|\[)"
)


@pytest.fixture(params=FILES, ids=lambda file: file.stem)
def shown(request: pytest.FixtureRequest) -> Board:
    return board(request.param)


def test_the_committed_dashboards_are_what_the_generator_writes() -> None:
    committed = {file.name: file.read_text() for file in FILES}
    assert committed == texts(), "run: .venv/bin/python -m grafana.generator"


def test_links_to_it_live_long(shown: Board) -> None:
    assert re.fullmatch(r"prunella-[a-z-]+", shown["uid"])
    assert "id" not in shown
    assert "__inputs" not in shown
    assert shown["editable"] is False


def test_every_dashboard_that_an_alert_links_exists() -> None:
    uids = {board(file)["uid"] for file in FILES}
    linked = {re.split(r"[/?]", rule["annotations"]["dashboard_url"])[4] for rule in alerts()}
    assert linked <= uids


def test_it_can_look_at_any_prometheus_and_at_one_service(shown: Board) -> None:
    variables = {variable["name"]: variable for variable in shown["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource"
    assert variables["service"]["multi"]
    assert variables["service"]["datasource"] == DATASOURCE


def test_a_panel_says_what_it_shows_in_which_unit_from_where(shown: Board) -> None:
    for panel in panels(shown):
        assert panel["title"]
        assert panel["description"].endswith("."), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert panel["datasource"] == DATASOURCE
        assert panel["targets"]
        assert all(target["datasource"] == DATASOURCE for target in panel["targets"])


RANGE = re.compile(r"(?:rate|increase)\([^[]*\[(\d+)m\]")


def test_a_rate_without_its_own_window_follows_the_scrape_interval(shown: Board) -> None:
    """A window shorter than four scrapes of 15 s has holes; longer ones are chosen for their meaning."""
    for panel in panels(shown):
        for target in panel["targets"]:
            assert all(int(minutes) >= 5 for minutes in RANGE.findall(target["expr"])), panel[
                "title"
            ]


def test_thresholds_that_page_are_drawn_where_they_are_judged(shown: Board) -> None:
    """A panel of a record that an alert compares has the alert's lines."""
    judged = {rule["expr"].split()[0] for rule in alerts() if ":" in rule["expr"].split()[0]}
    for panel in panels(shown):
        first = panel["targets"][0]["expr"].split("{")[0]
        if first in judged and panel["type"] in {"timeseries", "bargauge", "stat"}:
            steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
            compared = "launch_limit" in panel["targets"][-1]["expr"]
            assert len(steps) > 1 or compared, panel["title"]


def test_titles_and_ids_are_used_once(shown: Board) -> None:
    every = shown["panels"]
    assert len({panel["id"] for panel in every}) == len(every)
    assert len({panel["title"] for panel in every}) == len(every)


def test_no_panel_covers_another_or_sticks_out(shown: Board) -> None:
    taken: dict[tuple[int, int], str] = {}
    for panel in shown["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = itertools.product(
            range(place["x"], place["x"] + place["w"]), range(place["y"], place["y"] + place["h"])
        )
        for cell in cells:
            assert cell not in taken, f"{panel['title']} covers {taken[cell]}"
            taken[cell] = panel["title"]


def test_a_counter_is_shown_as_a_rate(shown: Board) -> None:
    for expr in expressions(shown):
        assert not COUNTER_READ_AS_IT_IS.search(expr), expr


def test_deploys_the_launch_watch_rollbacks_and_incidents_are_annotations(shown: Board) -> None:
    marks = {mark["name"]: mark for mark in shown["annotations"]["list"]}
    assert set(marks) >= {"Deploys", "Deploys under way", "Launch watch", "Rollbacks", "Incidents"}
    assert all(mark["datasource"] == DATASOURCE and mark["enable"] for mark in marks.values())
    assert marks["Deploys"]["useValueForTime"] == "on"  # milliseconds, where the metric has seconds
    assert marks["Deploys"]["expr"].endswith("* 1000")


@pytest.mark.server
def test_promtool_reads_every_query(shown: Board, tmp_path: Path) -> None:
    rules = [
        {"record": f"check:panel:{number}", "expr": expr}
        for number, expr in enumerate(expressions(shown))
    ]
    (tmp_path / "r.yml").write_text(yaml.safe_dump({"groups": [{"name": "g", "rules": rules}]}))
    argv = ["promtool", "check", "rules", str(tmp_path / "r.yml")]
    result = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def provisioned(name: str) -> dict[str, Any]:
    config: dict[str, Any] = yaml.safe_load((GRAFANA / "provisioning" / name).read_text())
    return config


def test_the_datasource_that_the_dashboards_begin_with_is_provisioned(shown: Board) -> None:
    uids = {source["uid"] for source in provisioned("datasources/prometheus.yml")["datasources"]}
    (first,) = (v for v in shown["templating"]["list"] if v["name"] == "datasource")
    assert first["current"]["value"] in uids


def test_a_dashboard_is_changed_in_its_file_only() -> None:
    (provider,) = provisioned("dashboards/prunella.yml")["providers"]
    assert provider["allowUiUpdates"] is False
    assert provider["disableDeletion"] is True
