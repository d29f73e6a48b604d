from __future__ import annotations

from collections import defaultdict

import pytest

from exporter import lines as module
from exporter.families import Shape, Sheet
from exporter.lines import Lines, RoundTrips, Source
from tests.exporter.reading import value

LABELS = (("name", "a\n"), ("service", "shop"))


def nothing() -> Lines:
    return defaultdict(list)


def test_a_line_has_the_sources_labels_and_its_own_escaped_and_in_order() -> None:
    lines = nothing()
    Source(LABELS).add(lines, "things", 2.5, ("kind", 'say "b"\\'))
    assert lines == {"things": ['things{kind="say \\"b\\"\\\\",name="a\\n",service="shop"} 2.5\n']}


def test_beginnings_are_made_once() -> None:
    source = Source(LABELS)
    assert source.begin("things", ("kind", "b")) is source.begin("things", ("kind", "b"))
    families = ("one", "other")
    assert source.begins("both", families, ("kind", "b")) == tuple(
        source.begin(family, ("kind", "b")) for family in families
    )
    assert source.spread("things", "state", ("on", "off"), ("kind", "b")) == tuple(
        source.begin("things", ("kind", "b"), ("state", state)) for state in ("on", "off")
    )


def test_a_source_that_makes_names_up_does_not_fill_the_memory() -> None:
    source = Source(())
    for number in range(module.MOST + 5):
        source.begin("things", ("kind", str(number)))
        source.begins("both", ("one",), ("kind", str(number)))
    assert len(source._begins) <= module.MOST + 1
    assert len(source._several) <= module.MOST + 1


def test_round_trips_are_a_histogram() -> None:
    lines, source = nothing(), Source((("name", "a"),))
    trips = RoundTrips("took_seconds", (0.1, 1))
    for seconds in (0.05, 0.1, 0.5, 7.0):
        trips.observe(seconds)
    trips.write(source, lines)
    shape = Shape("took_seconds", "Time.", "histogram", ("name", "le"))
    found = list(Sheet({"took_seconds": shape}, lines, ("name",)).families())
    assert value(found, "took_seconds_bucket", name="a", le="0.1") == 2
    assert value(found, "took_seconds_bucket", le="1.0") == 3
    assert value(found, "took_seconds_bucket", le="+Inf") == 4
    assert value(found, "took_seconds_count") == 4
    assert value(found, "took_seconds_sum") == pytest.approx(7.65)
