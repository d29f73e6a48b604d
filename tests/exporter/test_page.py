from __future__ import annotations

import gzip
import logging

import pytest
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from exporter.families import Shape, Sheet, gauge
from exporter.page import landing, metrics
from tests.exporter.made_collectors import thing_up

OPENMETRICS = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"


def test_the_collectors_values_stand_beside_the_processes_own() -> None:
    body, headers = metrics([thing_up(1, name="a")], "", "")
    assert b'thing_up{name="a"} 1.0' in body
    assert b"process_resident_memory_bytes" in body
    assert headers["Content-Type"].startswith("text/plain; version=0.0.4")


def test_openmetrics_is_given_to_who_prefers_it() -> None:
    body, headers = metrics([thing_up(1)], OPENMETRICS, "")
    assert headers["Content-Type"].startswith("application/openmetrics-text")
    parsed = text_string_to_metric_families(body.decode())  # type: ignore[no-untyped-call]  # prometheus_client types it in part only
    names = {family.name for family in parsed}
    assert "thing_up" in names


def test_gzip_is_given_to_who_takes_it() -> None:
    body, headers = metrics([thing_up(1)], "", "deflate, gzip;q=0.8")
    assert headers["Content-Encoding"] == "gzip"
    assert b"thing_up 1.0" in gzip.decompress(body)


def test_a_hostile_label_breaks_no_line() -> None:
    body, _ = metrics([thing_up(1, name='a"\n\\ up 1')], "", "")
    assert b'thing_up{name="a\\"\\n\\\\ up 1"} 1.0\n' in body


DOTS = "text/plain;version=1.0.0;escaping=dots"


def unwritable(name: str = "unwritten") -> Metric:
    """With half a character, which no bytes can show."""
    return gauge(name, "What cannot be.", ("version",), [(("\ud800",), 1.0)])


@pytest.mark.parametrize("accept", ["", OPENMETRICS, DOTS])
def test_what_cannot_be_written_costs_only_itself(accept: str) -> None:
    body, _ = metrics([thing_up(1, name="a"), unwritable(), thing_up(2, name="b")], accept, "")
    assert b'up{name="a"} 1.0\n' in body
    assert b'up{name="b"} 2.0\n' in body
    assert b"unwritten" not in body
    assert b"process_start" in body or b"process__start" in body


@pytest.mark.parametrize("accept", ["", OPENMETRICS])
def test_of_a_whole_sheet_only_what_cannot_be_written_is_left_out(accept: str) -> None:
    shapes = {name: Shape(name, "Text.", "gauge", ()) for name in ("good", "unwritten")}
    sheet = Sheet(
        shapes, {"good": ["good 1.0\n"], "unwritten": ['unwritten{a="\ud800"} 1.0\n']}, ()
    )
    body, _ = metrics([sheet], accept, "")
    assert b"# HELP good Text.\n# TYPE good gauge\ngood 1.0\n" in body
    assert b"unwritten" not in body


def test_a_page_in_parts_has_the_same_bytes() -> None:
    families = [thing_up(1, name="a"), gauge("other", "Another.", (), [((), 2.0)])]
    whole, _ = metrics(families, OPENMETRICS, "", None)
    in_parts, _ = metrics([*families, unwritable()], OPENMETRICS, "", None)
    assert in_parts == whole


def test_what_is_left_out_is_told_once_and_not_quoted(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            metrics([unwritable("told_once")], "", "")
    assert [one.message for one in caplog.records] == ["metrics left out: they cannot be written"]
    assert "told_once" in repr(vars(caplog.records[0]))
    assert "\\ud800" not in repr(vars(caplog.records[0]))


def test_the_landing_page_links_every_collector() -> None:
    page = landing(["host", "<redis>"])
    assert 'href="/metrics?collect[]=host"' in page
    assert "<redis>" not in page
