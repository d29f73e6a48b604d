from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable

from prometheus_client.metrics_core import Metric

from exporter.scrape import Flight, Scraper
from tests.exporter.made_collectors import Made, thing_up
from tests.exporter.reading import samples, value


def scraper(service: str = "", **collectors: Made) -> Scraper:
    return Scraper({name: Flight(name, made) for name, made in collectors.items()}, service)


async def scraped(collectors: Scraper, seconds: float = 5.0) -> tuple[Metric, ...]:
    return await collectors.scrape(collectors.names, seconds)


async def test_a_good_collector_has_its_values_and_success() -> None:
    found = await scraped(scraper(good=Made(thing_up(1))))
    assert value(found, "thing_up") == 1
    assert value(found, "prunella_scrape_collector_success", collector="good") == 1
    took = value(found, "prunella_scrape_collector_duration_seconds", collector="good")
    assert took is not None
    assert 0 <= took < 5


async def test_what_could_not_be_read_keeps_the_rest_and_costs_success() -> None:
    found = await scraped(scraper(half=Made(thing_up(1), problems=("memory: gone",))))
    assert value(found, "thing_up") == 1
    assert value(found, "prunella_scrape_collector_success", collector="half") == 0


async def test_a_bug_in_one_collector_costs_its_own_values_only() -> None:
    found = await scraped(scraper(bad=Made(error=ZeroDivisionError()), good=Made()))
    assert value(found, "thing_up") == 0
    assert value(found, "prunella_scrape_collector_success", collector="bad") == 0
    assert value(found, "prunella_scrape_collector_success", collector="good") == 1


class Broken(Made):
    """Cannot even say that it is down."""

    def down(self) -> Iterable[Metric]:
        raise OverflowError


async def test_a_bug_that_is_met_again_in_what_is_down_costs_no_more() -> None:
    found = await scraped(scraper(bad=Broken(error=OverflowError()), good=Made(thing_up(1))))
    assert value(found, "thing_up") == 1
    assert value(found, "prunella_scrape_collector_success", collector="bad") == 0
    assert value(found, "prunella_scrape_collector_success", collector="good") == 1


async def test_a_hanging_collector_is_down_in_time_and_the_others_are_complete() -> None:
    hanging, good = Made(), Made(thing_up(1, name="good"))
    hanging.hang()
    began = time.monotonic()
    found = await scraped(scraper(hanging=hanging, good=good), seconds=0.2)
    assert time.monotonic() - began < 5  # it would hang for ever
    assert value(found, "thing_up", name="good") == 1
    assert len(samples(found, "thing_up")) == 2
    assert value(found, "prunella_scrape_collector_success", collector="hanging") == 0


async def test_only_the_named_collectors_are_asked() -> None:
    one, other = Made(), Made()
    await scraper(one=one, other=other).scrape(["one"], 5.0)
    assert (one.asked, other.asked) == (1, 0)


async def test_scrapes_at_the_same_time_share_one_collection() -> None:
    made = Made(thing_up(1))
    made.hang()
    both = scraper(slow=made)
    scrapes = [asyncio.create_task(scraped(both)) for _ in range(5)]
    await made.begun.wait()
    made.free.set()
    for found in await asyncio.gather(*scrapes):
        assert value(found, "thing_up") == 1
    assert made.asked == 1


async def test_an_impatient_scrape_leaves_the_collection_to_the_patient_one() -> None:
    made = Made(thing_up(1))
    made.hang()
    both = scraper(slow=made)
    patient = asyncio.create_task(scraped(both, seconds=5.0))
    await asyncio.sleep(0)
    impatient = await scraped(both, seconds=0.05)
    assert value(impatient, "thing_up") == 0
    made.free.set()
    assert value(await patient, "thing_up") == 1
    assert (made.asked, made.cancelled) == (1, 0)


async def test_the_gate_is_open_again_after_a_timeout() -> None:
    made = Made(thing_up(1))
    made.hang()
    one = scraper(slow=made)
    await scraped(one, seconds=0.05)
    made.free.set()
    found = await scraped(one)
    assert value(found, "thing_up") == 1
    assert (made.asked, made.cancelled) == (2, 1)


async def test_what_vanished_is_not_there_any_more() -> None:
    made = Made(thing_up(1))
    one = scraper(made=made)
    await scraped(one)
    made.families = ()
    assert value(await scraped(one), "thing_up") is None


async def test_every_series_without_a_service_gets_the_default() -> None:
    made = Made(thing_up(1, name="a"))
    found = await scraped(scraper(service="shop", made=made))
    assert value(found, "thing_up", name="a", service="shop") == 1


async def test_a_series_own_service_stays() -> None:
    found = await scraped(scraper(service="shop", made=Made(thing_up(1, service="cache"))))
    assert value(found, "thing_up", service="cache") == 1


async def test_a_collection_under_way_ends_with_its_collector() -> None:
    made = Made()
    made.hang()
    flight = Flight("slow", made)
    asked = asyncio.create_task(flight.part(asyncio.get_running_loop().time() + 60))
    await made.begun.wait()
    await flight.end()
    assert not (await asked).success
    assert made.history == ["stop"]
