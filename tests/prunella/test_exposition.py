from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prunella.exposition import render
from prunella.metrics import CollectorRegistry, Counter, Gauge, Histogram

PLAIN = "text/plain; version=0.0.4; charset=utf-8"
NEWER_PLAIN = "text/plain; version=1.0.0; charset=utf-8; escaping=underscores"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores"
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,"
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,*/*;q=0.2"
)


def registry() -> CollectorRegistry:
    made = CollectorRegistry()
    Counter("orders", "Orders.", ["state"], registry=made).labels("paid").inc(3)
    Gauge("queue_length", "Waiting.", registry=made).set(2)
    Histogram("wait_seconds", "Waited.", registry=made).observe(0.2)
    return made


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("", PLAIN),
        ("*/*", PLAIN),
        ("text/html", PLAIN),
        ("application/openmetrics-text", OPENMETRICS),
        ("application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.9", PLAIN),
        ("text/plain;version=0.0.4;q=0.5,application/openmetrics-text;version=0.0.1", OPENMETRICS),
        ("application/openmetrics-text;q=0,text/plain", PLAIN),
        ("application/openmetrics-text; version=nonsense", OPENMETRICS),
        ("application/openmetrics-text; q=nonsense", PLAIN),
        ("text/plain; version=1.0.0", NEWER_PLAIN),
        (
            PROMETHEUS_3,
            "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=allow-utf-8",
        ),
    ],
)
def test_the_format_that_is_liked_best_is_sent(accept: str, content_type: str) -> None:
    assert render(registry(), accept)[1] == content_type


@given(st.text())
def test_no_accept_header_breaks_the_page(accept: str) -> None:
    body, content_type = render(registry(), accept)
    assert body
    assert content_type.startswith(("text/plain", "application/openmetrics-text"))


def test_plain_text_names_type_help_and_value() -> None:
    text = render(registry())[0].decode()
    assert (
        '# HELP orders_total Orders.\n# TYPE orders_total counter\norders_total{state="paid"} 3.0\n'
        in text
    )


def test_openmetrics_ends_with_its_mark() -> None:
    assert render(registry(), "application/openmetrics-text")[0].endswith(b"# EOF\n")


@pytest.mark.parametrize("accept", ["", "application/openmetrics-text"])
def test_no_series_says_when_it_was_created(accept: str) -> None:
    assert b"_created" not in render(registry(), accept)[0]


def test_only_the_names_asked_for_are_shown() -> None:
    text = render(registry(), names=["queue_length"])[0].decode()
    assert "queue_length 2.0" in text
    assert "orders" not in text


def test_no_names_at_all_is_an_empty_page() -> None:
    assert render(registry(), names=[])[0] == b""


def test_the_default_registry_tells_of_the_process_itself() -> None:
    assert b"process_resident_memory_bytes" in render()[0]
