"""What holds for prometheus_client's types has to hold for ours: most of this runs on both."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from enum import Enum
from fractions import Fraction
from math import inf, isnan, nan
from threading import Barrier
from types import ModuleType
from typing import Any

import prometheus_client as official
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from prometheus_client.metrics import MetricWrapperBase

from prunella import guarded, instruments
from tests.prunella.metric_kinds import both, collected, ours, without_time

AMOUNTS = st.floats() | st.integers(-(10**6), 10**6) | st.fractions() | st.booleans()
DID = st.lists(st.tuples(st.sampled_from("abc"), AMOUNTS), max_size=30)


def the_same(did: Callable[[ModuleType, CollectorRegistry], None]) -> None:
    """Both do it; both are collected alike."""
    found = []
    for kinds in (official, instruments, guarded):
        registry = CollectorRegistry()
        did(kinds, registry)
        found.append(
            [
                (repr(family.name), family.type, [*map(repr, map(without_time, family.samples))])
                for family in collected(registry)
            ]
        )
    assert found[0] == found[1] == found[2]


@settings(max_examples=40)
@given(DID, st.lists(st.floats(allow_nan=False), min_size=1, max_size=6, unique=True))
def test_a_histogram_is_collected_as_theirs(
    did: list[tuple[str, Any]], bounds: list[float]
) -> None:
    def observe(kinds: ModuleType, registry: CollectorRegistry) -> None:
        buckets = sorted(bounds)
        if buckets == [inf]:
            buckets = [1.0, inf]
        made = kinds.Histogram("h", "H.", ["x"], buckets=buckets, registry=registry)
        for label, amount in did:
            made.labels(label).observe(amount)

    the_same(observe)


@settings(max_examples=40)
@given(DID)
def test_a_counter_is_collected_as_theirs(did: list[tuple[str, Any]]) -> None:
    def count(kinds: ModuleType, registry: CollectorRegistry) -> None:
        made = kinds.Counter("c", "C.", ["x"], registry=registry)
        for label, amount in did:
            made.labels(label).inc(abs(amount), exemplar={"trace_id": label})

    the_same(count)


@settings(max_examples=40)
@given(DID, st.lists(st.sampled_from("abc")))
def test_a_gauge_is_collected_as_theirs(did: list[tuple[str, Any]], gone: list[str]) -> None:
    def change(kinds: ModuleType, registry: CollectorRegistry) -> None:
        made = kinds.Gauge("g", "G.", ["x"], registry=registry)
        for label, amount in did:
            made.labels(x=label).set(amount)
            made.labels(x=label).inc(amount)
            made.labels(label).dec(1)
        for label in gone:
            made.remove(label)

    the_same(change)


@both
def test_a_metric_that_needs_labels_is_not_observed_without(kinds: ModuleType) -> None:
    for kind, verb in (
        (kinds.Counter, "inc"),
        (kinds.Gauge, "set"),
        (kinds.Gauge, "inc"),
        (kinds.Histogram, "observe"),
    ):
        made = kind("m", "M.", ["x"], registry=None)
        with pytest.raises(ValueError, match="metric is missing label values"):
            getattr(made, verb)(*() if verb == "inc" else (1.5,))


@both
def test_what_is_no_number_is_a_type_error_and_changes_nothing(kinds: ModuleType) -> None:
    registry = CollectorRegistry()
    made = kinds.Histogram("h", "H.", registry=registry)
    with pytest.raises(TypeError):
        made.observe("1")
    assert registry.get_sample_value("h_sum") == 0.0
    assert registry.get_sample_value("h_count") == 0.0


@both
def test_a_counter_goes_up_only(kinds: ModuleType) -> None:
    made = kinds.Counter("c", "C.", registry=None)
    with pytest.raises(ValueError, match="non-negative"):
        made.inc(-0.5)


@both
def test_a_counter_that_is_reset_begins_anew(kinds: ModuleType) -> None:
    registry = CollectorRegistry()
    made = kinds.Counter("c", "C.", registry=registry)
    made.inc(4)
    made.reset()
    made.inc()
    assert registry.get_sample_value("c_total") == 1.0


@both
def test_a_gauge_may_be_asked(kinds: ModuleType) -> None:
    registry, answers = CollectorRegistry(), iter([1, 2.5])
    made = kinds.Gauge("g", "G.", registry=registry)
    made.set_function(lambda: next(answers))
    made.set(7)
    assert [registry.get_sample_value("g") for _ in range(2)] == [1.0, 2.5]


@both
def test_the_most_recent_is_set_and_never_added_to(kinds: ModuleType) -> None:
    made = kinds.Gauge("g", "G.", multiprocess_mode="mostrecent", registry=None)
    made.set(3)
    for verb in ("inc", "dec"):
        with pytest.raises(RuntimeError, match="mostrecent"):
            getattr(made, verb)()


@both
def test_an_exemplar_that_is_too_long_is_refused(kinds: ModuleType) -> None:
    made = kinds.Histogram("h", "H.", registry=None)
    with pytest.raises(ValueError, match="128"):
        made.observe(1, exemplar={"trace_id": "x" * 130})


class Shade(str, Enum):  # noqa: UP042 - whose text is another than the one that it equals
    RED = "red"


@both
def test_a_label_is_what_its_value_is_as_text(kinds: ModuleType) -> None:
    registry = CollectorRegistry()
    made = kinds.Counter("c", "C.", ["x"], registry=registry)
    for value in ("red", Shade.RED, 1, "1", True):
        made.labels(value).inc()
        made.labels(x=value).inc()
    shown = {sample.labels["x"]: sample.value for sample in collected(registry)[0].samples}
    assert shown == {"red": 2.0, "Shade.RED": 2.0, "1": 4.0, "True": 2.0}


@both
@pytest.mark.parametrize(
    ("values", "named", "says"),
    [
        (("a",), {}, "Incorrect label count"),
        ((), {"x": "a"}, "Incorrect label names"),
        ((), {"x": "a", "y": "b", "z": "c"}, "Incorrect label names"),
        (("a",), {"y": "b"}, "Can't pass both"),
        ((), {}, "Incorrect label count"),
    ],
)
def test_wrong_labels_are_refused(
    kinds: ModuleType, values: tuple[str, ...], named: dict[str, str], says: str
) -> None:
    made = kinds.Counter("c", "C.", ["x", "y"], registry=None)
    made.labels("a", "b")
    with pytest.raises(ValueError, match=says):
        made.labels(*values, **named)


@both
def test_labels_are_set_once(kinds: ModuleType) -> None:
    with pytest.raises(ValueError, match="can not chain"):
        kinds.Counter("c", "C.", ["x"], registry=None).labels("a").labels("b")
    with pytest.raises(ValueError, match="No label names"):
        kinds.Counter("c", "C.", registry=None).labels("a")


@both
def test_blocks_are_timed_counted_and_tracked_by_their_own_helpers(kinds: ModuleType) -> None:
    registry = CollectorRegistry()
    seconds = kinds.Histogram("s", "S.", registry=registry)
    failed = kinds.Counter("f", "F.", registry=registry)
    working = kinds.Gauge("w", "W.", registry=registry)
    with (
        pytest.raises(KeyError),
        failed.count_exceptions(),
        seconds.time(),
        working.track_inprogress(),
    ):
        raise KeyError
    assert registry.get_sample_value("s_count") == 1.0
    assert registry.get_sample_value("f_total") == 1.0
    assert registry.get_sample_value("w") == 0.0


@ours
def test_ours_are_theirs_to_whoever_asks(kinds: ModuleType) -> None:
    made = kinds.Histogram("h", "H.", ["x"], registry=None)
    assert isinstance(made, official.Histogram)
    assert isinstance(made, MetricWrapperBase)
    assert type(made.labels("a")) is kinds.Histogram
    assert made.labels("a") is made.labels("a") is made.labels(x="a")


@ours
def test_nan_is_in_no_bucket_and_infinity_in_the_last(kinds: ModuleType) -> None:
    registry = CollectorRegistry()
    made = kinds.Histogram("h", "H.", buckets=(1,), registry=registry)
    made.observe(inf)
    made.observe(nan, exemplar={"trace_id": "a"})
    assert registry.get_sample_value("h_count") == 1.0
    assert isnan(registry.get_sample_value("h_sum") or 0.0)


@ours
def test_numbers_of_other_kinds_are_kept_as_floats(kinds: ModuleType) -> None:
    made = kinds.Gauge("g", "G.", registry=None)
    made.inc(Fraction(1, 2))
    made.dec(True)
    assert (made.total, type(made.total)) == (-0.5, float)


WORKERS, TURNS = 4, 20_000


@pytest.fixture
def restless() -> Iterator[None]:
    """Threads change as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def at_once(work: Callable[[], None]) -> None:
    begin = Barrier(WORKERS)

    def together() -> None:
        begin.wait()
        work()

    with ThreadPoolExecutor(WORKERS) as pool:
        for done in [pool.submit(together) for _ in range(WORKERS)]:
            done.result()


@ours
@pytest.mark.usefixtures("restless")
def test_nothing_is_lost_under_threads(kinds: ModuleType) -> None:
    registry = CollectorRegistry()
    counter = kinds.Counter("c", "C.", ["x"], registry=registry)
    gauge = kinds.Gauge("g", "G.", registry=registry)
    histogram = kinds.Histogram("h", "H.", ["x"], buckets=(1, 2, 3), registry=registry)

    def work() -> None:
        for turn in range(TURNS):
            counter.labels("a").inc()
            gauge.inc(2)
            gauge.dec()
            histogram.labels("a").observe(float(turn % 5))

    at_once(work)
    value = registry.get_sample_value
    assert value("c_total", {"x": "a"}) == value("g") == WORKERS * TURNS
    assert (
        value("h_count", {"x": "a"})
        == value("h_bucket", {"x": "a", "le": "+Inf"})
        == WORKERS * TURNS
    )
    assert value("h_sum", {"x": "a"}) == WORKERS * TURNS * 2


@pytest.mark.usefixtures("restless")
def test_such_threads_do_lose_what_is_not_counted_in_one_statement() -> None:
    counted = [0]

    def work() -> None:
        for _ in range(TURNS):
            before = counted[0]
            abs(before)  # after a call, another thread may go on
            counted[0] = before + 1

    for done in range(1, 20):
        at_once(work)
        if counted[0] < done * WORKERS * TURNS:
            return
    pytest.fail("what proves that nothing is lost would not see a loss")


def test_this_interpreter_needs_no_locks_if_it_has_one_for_all() -> None:
    has_one = getattr(sys, "_is_gil_enabled", lambda: True)()
    assert guarded.needed() is not (has_one and sys.implementation.name == "cpython")
