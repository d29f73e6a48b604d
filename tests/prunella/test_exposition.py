from __future__ import annotations

import asyncio
import gzip
import re
import time
from collections.abc import Iterable
from threading import Event, Thread
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from prunella.blocks import Sheet
from prunella.exposition import page, page_at_once, render
from prunella.metrics import CollectorRegistry, Counter, Gauge, Histogram

LINE = re.compile(rb'g\{x="\d+"\} (0\.0|1\.5)')
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


def test_only_the_names_asked_for_are_shown() -> None:
    text = render(registry(), names=["queue_length"])[0].decode()
    assert "queue_length 2.0" in text
    assert "orders" not in text


def test_no_names_at_all_is_an_empty_page() -> None:
    assert render(registry(), names=[])[0] == b""


def test_the_default_registry_tells_of_the_process_itself() -> None:
    assert b"process_resident_memory_bytes" in render()[0]


async def test_a_large_page_lets_others_work_and_is_the_same() -> None:
    made, turns = CollectorRegistry(), 0
    gauge = Gauge("g", "G.", ["x"], registry=made)
    for number in range(20_000):
        gauge.labels(str(number)).set(number)

    async def others() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    working = asyncio.create_task(others())
    body, _ = await page(made)
    working.cancel()
    assert turns >= 5
    assert body == render(made)[0]


async def test_others_metrics_are_gathered_in_turns_too() -> None:
    class Slow(Collector):
        def collect(self) -> Iterable[Metric]:
            for number in range(3):
                time.sleep(0.01)
                yield GaugeMetricFamily(f"slow_{number}", "S.", value=number)

    made = CollectorRegistry()
    made.register(Slow())
    other = asyncio.create_task(asyncio.sleep(0))
    await page(made)
    assert other.done()


async def test_a_page_is_compressed_off_the_loop_for_who_takes_it() -> None:
    made = large()
    body, headers = await page(made, encodings="deflate, gzip;q=0.5")
    assert gzip.decompress(body) == render(made)[0]
    assert headers["Content-Encoding"] == "gzip"
    assert headers["Vary"] == "Accept, Accept-Encoding"


@pytest.mark.parametrize(
    "encodings", ["", "br", "gzip;q=0", "gzip; q = 0.0", "gzipped", "identity", "*;q=0"]
)
def test_nobody_gets_gzip_who_did_not_ask(encodings: str) -> None:
    body, headers = page_at_once(large(), encodings=encodings)
    assert "Content-Encoding" not in headers
    assert body == render(large())[0]


@pytest.mark.parametrize("encodings", ["gzip", "GZIP", "br;q=1, gzip;q=0.1", "*"])
def test_whoever_takes_gzip_gets_it(encodings: str) -> None:
    assert page_at_once(large(), encodings=encodings)[1]["Content-Encoding"] == "gzip"


def test_a_small_page_is_not_worth_compressing() -> None:
    assert "Content-Encoding" not in page_at_once(registry(), encodings="gzip")[1]


def large() -> CollectorRegistry:
    made = CollectorRegistry()
    for number in range(50):
        Gauge(f"gauge_{number}", "One of many.", registry=made).set(number)
    return made


def test_pages_that_are_made_at_once_in_threads_are_whole() -> None:
    made = CollectorRegistry()
    gauge = Gauge("g", "G.", ["x"], registry=made)
    stop, wrong = Event(), list[bytes]()

    def change() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            gauge.labels(str(number % 700)).set(1.5)
            if number % 1000 == 0:
                gauge.clear()

    def look() -> None:
        for _ in range(60):
            lines = render(made)[0].splitlines()[2:]
            wrong.extend(line for line in lines if not LINE.fullmatch(line))

    changing = Thread(target=change)
    looking = [Thread(target=look) for _ in range(3)]
    for thread in (changing, *looking):
        thread.start()
    for thread in looking:
        thread.join()
    stop.set()
    changing.join()
    assert wrong == []
    assert render(made)[0] == generate_latest(made)


def test_a_format_that_is_seldom_asked_for_keeps_no_list_of_all_that_changed_since() -> None:
    made = CollectorRegistry()
    gauge = Gauge("g", "G.", registry=made)
    render(made, "application/openmetrics-text")
    for number in range(3000):
        gauge.set(number)
        render(made)
    assert gauge.family is not None
    seldom = next(iter(gauge.family.readers.values()))
    assert len(cast("Sheet", seldom)._pending) < 2000
    assert b"g 2999.0" in render(made, "application/openmetrics-text")[0]
