"""What is drawn of a launch watch. That it is a good picture was judged by eye; here that there always is one."""

from __future__ import annotations

import io
import math
from typing import Any

import pytest
from PIL import Image

from receiver.decide.launch import LaunchWatch
from receiver.decide.regression import Measured, Seen, judge
from receiver.decide.watching import Checkpoint, Launch
from receiver.launch_picture import picture
from receiver.launch_tracks import track_of
from receiver.web.launches import document
from tests.receiver.builders import NOW
from tests.receiver.decide.launches import HOUR, WATCH, a_baseline, seen
from tests.receiver.decide.releases import a_release

MOST = 100_000


def a_watch(*looks: Seen, every: float = HOUR / 4, **changes: Any) -> dict[str, Any]:
    """The API's document of a watch that saw this, one look after the other."""
    release = a_release("v2", hours_ago=0.0)
    baseline = changes.pop("baseline", a_baseline())
    checkpoints = []
    for number, look in enumerate(looks, start=1):
        at = NOW + number * every
        judgement = judge(look, baseline, WATCH, at)
        checkpoints.append(
            Checkpoint(at, at, 1, judgement.finding, judgement.signals, look.traffic.value)
        )
    launch = Launch(release, NOW, baseline, tuple(checkpoints), **changes)
    return dict(document(launch, changes.pop("watch", LaunchWatch()), 1))


def drawn(watch: dict[str, Any]) -> Image.Image:
    png = picture(watch)
    assert len(png) <= MOST
    return Image.open(io.BytesIO(png))


@pytest.mark.parametrize(
    "looks",
    [
        (),
        (seen(),),
        (seen(), seen(p95=0.9, errors=0.4), seen(0.0, errors=None, p95=None, p99=None)),
        (Seen(Measured(problem="gone"), {}),),
        (seen(memory=9e15, queue_lag=1e7),),
        (seen(errors=0.0, probe_failures=0.0, queue_lag=0.0),),
    ],
    ids=["none yet", "one", "worse and dark", "blind", "huge", "nothing but zeros"],
)
def test_whatever_was_seen_there_is_a_picture(looks: tuple[Seen, ...]) -> None:
    image = drawn(a_watch(*looks))
    assert image.format == "PNG"
    assert image.width == 1100


def test_a_watch_of_three_days_is_small_enough_to_be_sent() -> None:
    assert drawn(a_watch(*[seen(p95=0.2 + n / 500) for n in range(72)], every=HOUR)).height > 800


def test_one_bad_checkpoint_of_many_is_red() -> None:
    image = drawn(a_watch(seen(p95=0.9), *[seen()] * 71, every=HOUR)).convert("RGB")
    colours = {colour for _, colour in image.getcolors(1 << 24) or ()}
    assert {(0xCF, 0x22, 0x2E), (0x1A, 0x7F, 0x37), (0xFF, 0xFF, 0xFF)} <= colours


def test_what_was_never_measured_has_no_curve() -> None:
    watch = a_watch(seen(queue_lag=None), baseline=a_baseline(queue_lag=None))
    assert track_of(watch, "queue_lag") is None
    assert track_of(watch, "p95") is not None


def test_a_curve_has_a_gap_where_nothing_was_seen() -> None:
    track = track_of(a_watch(seen(), seen(p95=None), seen(p95=0.25)), "p95")
    assert track is not None
    assert track.values[0] == 200.0
    assert math.isnan(track.values[1])
    assert track.hours == [0.25, 0.5, 0.75]
    assert track.limit == pytest.approx(300.0)


def test_since_when_it_is_worse_is_when_it_last_began() -> None:
    slow, well, dark = seen(p95=0.9), seen(), seen(p95=None)
    track = track_of(a_watch(slow, well, slow, dark, slow), "p95")
    assert track is not None
    assert track.worse_since == 0.75
    recovered = track_of(a_watch(slow, well), "p95")
    assert recovered is not None
    assert recovered.worse_since is None
