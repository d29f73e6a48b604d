from __future__ import annotations

import time
from math import inf
from pathlib import Path

import pytest
from PIL import Image

from grafana.generator.answers import Window, curves
from grafana.generator.boards.targets import TARGETS
from grafana.generator.panel import LEVELS, Panel, Query, lines, steps
from grafana.generator.pictures import NAMED, _colour, main
from grafana.generator.said import said
from tests.servers.process import until
from tests.servers.prometheus import prometheus

UP = Panel("stat", "Up", "Whether it is there.", (Query("up", "{{job}} of {{instance}}"),))


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.052, "percentunit", "5.2 %"),
        (0.25, "s", "250 ms"),
        (90.0, "s", "1.5 min"),
        (3.0, "m", "3 min"),
        (0.0, "s", "0 s"),
        (1536.0, "bytes", "1.5 kiB"),
        (512.0, "Bps", "512 B/s"),
        (12_000.0, "short", "12 k"),
        (2.0, "reqps", "2/s"),
        (float("nan"), "s", "-"),
        (1_700_000_000_000.0, "dateTimeAsIso", "2023-11-14 22:13"),
    ],
)
def test_a_value_is_said_in_its_unit(value: float, unit: str, text: str) -> None:
    assert said(value, unit) == text


def test_the_lines_of_a_panel_are_the_thresholds_of_its_alert() -> None:
    assert lines("HighErrorRate") == [(0.02, "orange"), (0.05, "red")]
    assert lines("ErrorBudgetBurn", "page_fast") == [(14.4, "red")]
    assert all(lines(name) is not None for name in LEVELS)


@pytest.mark.parametrize(
    ("value", "colour"),
    [(0.995, "orange"), (0.999, "green"), (0.98, "red"), (0.99, "orange"), (1.0, "green")],
)
def test_what_falls_below_a_line_has_its_colour(value: float, colour: str) -> None:
    falling = Panel("stat", "up", "", (), lines=[(0.99, "red"), (0.999, "orange")], falls=True)
    assert [at for limit, at in steps(falling) if value >= limit][-1] == colour
    assert _colour(falling, value) == NAMED[colour]


def test_a_target_is_orange_and_what_calls_somebody_is_red() -> None:
    (failed, *_) = TARGETS.panels
    assert steps(failed) == [(-inf, "green"), (0.01, "orange"), (0.05, "red")]


@pytest.mark.server
async def test_a_dashboard_is_drawn_from_a_prometheus(tmp_path: Path) -> None:
    scrape = [{"job_name": "self", "static_configs": [{"targets": ["127.0.0.1:1"]}]}]
    config = {"global": {"scrape_interval": "1s"}, "scrape_configs": scrape}
    async with prometheus(tmp_path, config) as server:

        def seen() -> bool:
            return bool(curves(UP, Window(server.url, time.time(), 60)))

        await until(seen, "a first sample")
        (curve,) = curves(UP, Window(server.url, time.time(), 60))
        assert (curve.name, curve.last, curve.now) == ("self of 127.0.0.1:1", 0.0, True)
        out = tmp_path / "sheets"
        argv = ["--prometheus", server.url, "--out", str(out), "--minutes", "1", "pipeline"]
        assert main(argv) == 0
    assert {file.stem for file in out.iterdir()} == {"pipeline"}
    with Image.open(out / "pipeline.png") as picture:
        assert picture.format == "PNG"
        assert len(picture.convert("L").getcolors() or ()) > 20  # it is not empty
