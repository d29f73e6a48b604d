from __future__ import annotations

import pytest
from prometheus_client.metrics_core import GaugeMetricFamily

from exporter import text
from exporter.families import Shape, counter, empty, gauge, labelled, size, summary
from tests.exporter.reading import names, samples, value


def test_a_counter_is_named_with_its_total() -> None:
    family = counter("prunella_things_total", "Things.", ("kind",), [(("a",), 3)])
    assert value([family], "prunella_things_total", kind="a") == 3
    assert family.type == "counter"


def test_a_family_without_rows_has_no_series() -> None:
    assert names([gauge("prunella_things", "Things.", ("kind",), [])]) == set()


def test_a_label_is_added_to_every_series() -> None:
    rows = [(("a",), 1.0), (("b",), 2.0)]
    family = labelled(gauge("things", "Things.", ("kind",), rows), {"service": "shop"})
    assert [sample.labels for sample in samples([family], "things")] == [
        {"service": "shop", "kind": "a"},
        {"service": "shop", "kind": "b"},
    ]


def test_an_added_label_replaces_none_that_is_there() -> None:
    family = labelled(gauge("things", "Things.", ("service",), [(("own",), 1.0)]), {"service": "x"})
    assert value([family], "things", service="own") == 1


def test_adding_a_label_twice_changes_nothing() -> None:
    family = gauge("things", "Things.", (), [((), 1.0)])
    once = list(labelled(family, {"service": "shop"}).samples)
    assert labelled(family, {"service": "shop"}).samples == once


def test_a_counter_without_its_total_is_refused() -> None:
    with pytest.raises(ValueError, match="_total"):
        counter("things", "Things.", (), [])


@pytest.mark.parametrize(
    ("name", "label"), [("", "a"), ("two-things", "a"), ("x", "0"), ("x", "a\n")]
)
def test_a_name_that_would_have_to_be_escaped_is_refused(name: str, label: str) -> None:
    with pytest.raises(ValueError, match="no name"):
        gauge(name, "Nothing.", (label,), [])


def test_empty_is_what_has_no_series() -> None:
    assert empty(gauge("things", "Things.", (), []))
    assert not empty(gauge("things", "Things.", (), [((), 1.0)]))
    assert not empty(GaugeMetricFamily("things", "Things.", value=1))


def test_a_summary_has_its_quantiles_its_count_and_its_sum_together() -> None:
    rows = [(("get",), [("50", 1.5), ("99", 9.0)], 4.0, 20.0)]
    family = labelled(summary("took_usec", "Time.", ("cmd",), rows), {"service": "shop"})
    assert text.plain([family]).decode().splitlines()[1:] == [
        "# TYPE took_usec summary",
        'took_usec{cmd="get",quantile="50",service="shop"} 1.5',
        'took_usec{cmd="get",quantile="99",service="shop"} 9.0',
        'took_usec_count{cmd="get",service="shop"} 4.0',
        'took_usec_sum{cmd="get",service="shop"} 20.0',
    ]
    assert value([family], "took_usec_sum", cmd="get", service="shop") == 20
    assert value([family], "took_usec", quantile="99") == 9


SHAPE = Shape("things_total", "Things.", "counter", ("kind",))
LINES = ['things_total{kind="a"} 1\n', 'things_total{kind="b"} 2.5\n']


def test_written_lines_are_the_page_as_they_are() -> None:
    family = SHAPE.written(LINES)
    head = "# HELP things_total Things.\n# TYPE things_total counter\n"
    assert text.plain([family]).decode() == head + "".join(LINES)
    assert (
        text.open_metrics([family])
        .decode()
        .startswith("# HELP things Things.\n# TYPE things counter\n")
    )
    assert value([family], "things_total", kind="b") == 2.5
    assert size(family) == 2


def test_a_label_is_added_to_written_lines_unless_they_have_it() -> None:
    added = labelled(SHAPE.written(LINES), {"service": "shop", "kind": "x"})
    assert value([added], "things_total", kind="a", service="shop") == 1
    assert b'things_total{kind="b",service="shop"} 2.5\n' in text.plain([added])
    assert SHAPE.written(LINES).samples[0].labels == {"kind": "a"}


def test_a_shape_without_lines_is_an_empty_family() -> None:
    assert empty(SHAPE.written([]))
    assert SHAPE.written([]).name == "things"


def test_a_shape_without_its_total_keeps_its_owners_name() -> None:
    family = Shape("things", "Things.", "unsuffixed", ()).written(["things 1\n"])
    assert text.plain([family]) == b"# HELP things Things.\n# TYPE things counter\nthings 1\n"
    assert b"# TYPE things unknown" in text.open_metrics([family])
