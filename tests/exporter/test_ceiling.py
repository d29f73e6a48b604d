from __future__ import annotations

from prometheus_client.metrics_core import Metric

from exporter.ceiling import MOST, below
from exporter.families import Shape, Sheet, gauge
from exporter.page import answer
from exporter.scrape import Flight, Scraper
from tests.exporter.made_collectors import Made, thing_up
from tests.exporter.reading import names, value
from tests.prunella.service.stand_ins import Counted


def exploding(series: int = MOST + 1, name: str = "thing_names") -> Metric:
    return gauge(name, "One for each.", ("x",), [((str(number),), 1.0) for number in range(series)])


def test_what_is_few_enough_is_left_as_it_is() -> None:
    families = (thing_up(1), exploding(10))
    assert below(families, most=11) == (families, ())


def test_the_largest_goes_and_all_else_stays() -> None:
    dropped = Counted("prunella_series_dropped_total", {"metric": "thing_names"})
    kept, gone = below((thing_up(1), exploding(10), exploding(5, "thing_words")), most=6)
    assert ({family.name for family in kept}, gone) == (
        {"thing_up", "thing_words"},
        ["thing_names"],
    )
    assert dropped.grown == 10


def test_of_a_sheet_the_same_by_name() -> None:
    shapes = {name: Shape(name, "Some.", "gauge", ("x",)) for name in ("few", "many")}
    lines = {"few": ['few{x="1"} 1.0\n'], "many": [f'many{{x="{n}"}} 1.0\n' for n in range(9)]}
    kept, gone = below((Sheet(shapes, lines, ("x",)),), most=5)
    assert ([family.name for family in kept], gone) == (["few"], ["many"])


async def test_an_explosion_costs_the_collector_its_success_and_nobody_the_page() -> None:
    flights = {
        "broken": Flight("broken", Made(thing_up(1, name="broken"), exploding())),
        "good": Flight("good", Made(exploding(5, "thing_words"))),
    }
    found = list(await Scraper(flights).scrape(flights, 5.0))
    body, _ = await answer(found, "", "")
    assert b"thing_names{" not in body
    assert names(found) > {"thing_up", "thing_words"}
    assert "thing_names" not in names(found)
    success = "prunella_scrape_collector_success"
    assert [value(found, success, collector=one) for one in flights] == [0, 1]
