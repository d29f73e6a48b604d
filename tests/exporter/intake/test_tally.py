from __future__ import annotations

from collections.abc import Iterator

import pytest

from exporter.intake.events import Told
from exporter.intake.tally import SERIES, TOGETHER, Tally
from prunella.errors import capture_message
from prunella.exposition import render
from prunella.metrics import REGISTRY


def told(fingerprint: str, number: str = "", release: str = "1.0") -> Told:
    return Told(number, fingerprint, "error", release)


@pytest.fixture
def tally() -> Iterator[Tally]:
    shown = Tally()
    TOGETHER.show(shown)
    yield shown
    TOGETHER.hide(shown)


def value(fingerprint: str, release: str = "1.0") -> float | None:
    labels = {
        "service": "shop",
        "release": release,
        "severity": "error",
        "fingerprint": fingerprint,
    }
    return REGISTRY.get_sample_value("app_errors_total", labels)


def test_an_event_is_counted_once_however_often_it_is_sent(tally: Tally) -> None:
    assert tally.count("shop", told("a", "1" * 32))
    assert not tally.count("shop", told("a", "1" * 32))
    assert tally.count("blog", told("a", "1" * 32))
    assert value("a") == 1


def test_ten_thousand_fingerprints_and_releases_stay_bounded(tally: Tally) -> None:
    for number in range(10_000):
        tally.count("shop", told(f"f{number}", release=f"r{number}"))
    assert len(tally.counts) <= SERIES + 4
    assert value("other", "other") == 10_000 - SERIES


def test_the_kits_own_errors_are_in_the_same_family(tally: Tally) -> None:
    tally.count("shop", told("a"))
    mark = capture_message("our own")
    page = render(accept="")[0].decode()
    assert page.count("# TYPE app_errors_total counter") == 1
    assert (
        f'app_errors_total{{fingerprint="{mark}",severity="info"}} 1'
        in page.replace(
            f'severity="info",fingerprint="{mark}"', f'fingerprint="{mark}",severity="info"'
        )
        or mark in page
    )
    assert 'service="shop"' in page


def test_what_is_no_longer_configured_is_no_longer_shown() -> None:
    gone = Tally()
    TOGETHER.show(gone)
    gone.count("shop", told("gone"))
    TOGETHER.hide(gone)
    assert value("gone") is None
