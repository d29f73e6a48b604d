from __future__ import annotations

import gzip

from prometheus_client.openmetrics.parser import text_string_to_metric_families

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


def test_the_landing_page_links_every_collector() -> None:
    page = landing(["host", "<redis>"])
    assert 'href="/metrics?collect[]=host"' in page
    assert "<redis>" not in page
