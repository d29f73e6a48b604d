from __future__ import annotations

from exporter.families import counter, gauge, labelled
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
