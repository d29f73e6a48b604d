from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.decide.episode import (
    AHEAD,
    OVERDUE,
    STALE_GRACE,
    AlertRecord,
    Kind,
    Observation,
    Status,
    Step,
    contradiction,
    episode_name,
    observe,
)
from tests.receiver.builders import NOW, a_resolve, an_alert

UNKNOWN = AlertRecord()
OPEN = AlertRecord(open_since=100.0)
ENDED = AlertRecord(last_ended=200.0)


def test_the_first_firing_opens_an_episode() -> None:
    assert observe(UNKNOWN, an_alert(starts_at=100.0), 150.0) == Step(
        Kind.NEW, opens=True, starts_at=100.0
    )


def test_a_repeated_firing_changes_nothing() -> None:
    assert observe(OPEN, an_alert(starts_at=100.0), 150.0) == Step(Kind.REPEAT, starts_at=100.0)


def test_a_start_that_moved_back_becomes_the_episodes_start() -> None:
    assert observe(OPEN, an_alert(starts_at=40.0), 150.0).starts_at == 40.0


def test_a_start_that_moved_forward_is_not_believed() -> None:
    assert observe(OPEN, an_alert(starts_at=140.0), 150.0) == Step(Kind.REPEAT, starts_at=100.0)


def test_a_start_that_is_the_end_it_was_raised_with_is_when_it_was_heard_of() -> None:
    assert observe(UNKNOWN, an_alert(starts_at=150.0 + AHEAD), 150.0).starts_at == 150.0


def test_a_start_by_a_clock_that_is_fast_stays_the_senders() -> None:
    assert observe(UNKNOWN, an_alert(starts_at=150.0 + OVERDUE), 150.0).starts_at == 750.0


def test_a_resolve_closes_the_episode() -> None:
    assert observe(OPEN, a_resolve(ends_at=120.0), 150.0) == Step(Kind.NEW, closes=True)


def test_a_resolve_at_the_very_start_closes_too() -> None:
    assert observe(OPEN, a_resolve(ends_at=100.0), 150.0).closes


def test_a_resolve_without_an_end_closes() -> None:
    assert observe(OPEN, a_resolve(ends_at=None), 150.0).closes


def test_a_late_resolve_of_an_earlier_episode_is_ignored() -> None:
    assert observe(OPEN, a_resolve(ends_at=99.0), 150.0) == Step(Kind.STALE)


@pytest.mark.parametrize("record", [UNKNOWN, ENDED])
def test_a_resolve_with_nothing_open_is_a_repeat(record: AlertRecord) -> None:
    assert observe(record, a_resolve(), 150.0) == Step(Kind.REPEAT)


def test_a_firing_that_began_after_the_last_end_is_new() -> None:
    assert observe(ENDED, an_alert(starts_at=200.1), 201.0).opens


@pytest.mark.parametrize("starts_at", [200.0, 100.0])
def test_a_firing_not_younger_than_the_last_end_is_stale(starts_at: float) -> None:
    assert observe(ENDED, an_alert(starts_at=starts_at), 201.0) == Step(Kind.STALE)


def test_a_stale_firing_that_alertmanager_confirms_opens() -> None:
    assert observe(ENDED, an_alert(starts_at=100.0, confirmed=True), 201.0).opens


@pytest.mark.parametrize(("as_of", "kind"), [(199.0, Kind.STALE), (201.0, Kind.NEW)])
def test_who_was_last_told_of_it_before_it_ended_cannot_confirm_it(
    as_of: float, kind: Kind
) -> None:
    seen = an_alert(starts_at=100.0, confirmed=True, as_of=as_of)
    assert observe(ENDED, seen, 205.0).kind is kind


def test_a_stale_firing_said_again_after_the_grace_is_never_lost() -> None:
    record = AlertRecord(last_ended=200.0, stale_since=201.0)
    assert not observe(record, an_alert(starts_at=100.0), 201.0 + STALE_GRACE - 0.1).opens
    assert observe(record, an_alert(starts_at=100.0), 201.0 + STALE_GRACE).opens


DAY = 86_400.0


@pytest.mark.parametrize(
    "honest",
    [
        an_alert(starts_at=NOW - 30 * DAY),  # a receiver that was away, or `repeat_interval`
        an_alert(starts_at=NOW + 300.0),  # a sender whose clock is five minutes fast
        an_alert(starts_at=NOW + 8 * 3600.0),  # `amtool alert add --end` for a shift
        an_alert(starts_at=0.0, ends_at=NOW + 300.0),  # when it will be over if nobody repeats it
        an_alert(ends_at=NOW + 300 * DAY),
        an_alert(ends_at=NOW - 300.0),  # the same from a clock that is slow
        an_alert(starts_at=NOW + AHEAD, ends_at=NOW - OVERDUE),
        a_resolve(ends_at=NOW - 30 * DAY),
        a_resolve(ends_at=NOW + 300.0),
        a_resolve(ends_at=None),
        a_resolve(starts_at=NOW + 2 * DAY, ends_at=NOW + 900 * DAY),  # nothing is done for it
    ],
)
def test_what_honest_senders_say_is_believed(honest: Observation) -> None:
    assert contradiction(honest, NOW) == ""


@pytest.mark.parametrize(
    ("lie", "why"),
    [
        (an_alert(starts_at=NOW + 2 * DAY), "it fires, and begins in 2d"),
        (an_alert(ends_at=NOW - 3600.5), "it fires, and was over 1h ago"),
        (an_alert(ends_at=0.0), "it fires, and was over 19675d22h13m20s ago"),
    ],
)
def test_what_cannot_be_is_said(lie: Observation, why: str) -> None:
    assert contradiction(lie, NOW) == why


@given(st.floats(-1e12, 1e12), st.none() | st.floats(-1e12, 1e12), st.sampled_from(Status))
def test_what_was_believed_once_is_believed_when_it_is_repeated_unless_it_was_to_be_over(
    start: float, end: float | None, status: Status
) -> None:
    seen = an_alert(status=status, starts_at=start, ends_at=end)
    later = contradiction(seen, NOW + DAY)
    if not contradiction(seen, NOW) and later:
        assert status is Status.FIRING
        assert "was over" in later


def test_an_episodes_public_name_is_the_fingerprint_and_whole_seconds() -> None:
    assert episode_name("abc", 1700000000.75) == "abc@1700000000"


def test_an_alert_is_known_by_who_told_and_its_fingerprint() -> None:
    assert an_alert("f", source="am").alert == "am:f"


@dataclass
class Memory:
    """A journal of one alert, as small as can be."""

    record: AlertRecord = UNKNOWN
    opened: int = 0
    starts: list[float] = field(default_factory=list)

    def tell(self, seen: Observation, now: float) -> Step:
        step = observe(self.record, seen, now)
        assert not (step.opens and step.closes)
        if step.opens:
            assert self.record.open_since is None, "a second episode was opened"
            self.opened += 1
            self.starts = [seen.starts_at]
            self.record = AlertRecord(seen.starts_at, self.record.last_ended)
        elif step.closes:
            assert self.record.open_since is not None, "what was not open was closed"
            ended = now if seen.ends_at is None else seen.ends_at
            self.record = AlertRecord(last_ended=ended)
        elif self.record.open_since is not None and seen.status is Status.FIRING:
            self.starts.append(seen.starts_at)
            assert step.starts_at is not None
            self.record = AlertRecord(step.starts_at, self.record.last_ended)
        elif step.kind is Kind.STALE and seen.status is Status.FIRING:
            since = self.record.stale_since
            self.record = AlertRecord(
                last_ended=self.record.last_ended, stale_since=now if since is None else since
            )
        elif self.record.open_since is None and seen.status is Status.RESOLVED:
            self.record = AlertRecord(last_ended=self.record.last_ended)
        return step


times = st.integers(0, 50).map(float)
deliveries = st.lists(
    st.one_of(
        st.builds(
            lambda start, sure: an_alert(starts_at=start, confirmed=sure), times, st.booleans()
        ),
        st.builds(lambda end: a_resolve(ends_at=end), st.none() | times),
    ),
    max_size=40,
)


@given(deliveries)
def test_at_most_one_episode_is_open_and_it_starts_at_the_earliest_start(
    story: list[Observation],
) -> None:
    memory = Memory()
    for number, seen in enumerate(story):
        memory.tell(seen, 60.0 + number)
        if memory.record.open_since is not None:
            assert memory.record.open_since == min(memory.starts)


@given(deliveries, times)
def test_a_true_new_firing_is_never_lost(story: list[Observation], start: float) -> None:
    memory = Memory()
    for number, seen in enumerate(story):
        memory.tell(seen, 60.0 + number)
    fresh = an_alert(starts_at=200.0 + start)  # later than any end that was told
    memory.tell(fresh, 300.0)
    assert memory.record.open_since is not None


@given(deliveries, times)
def test_even_one_that_looks_old_is_heard_when_it_is_said_long_enough(
    story: list[Observation], start: float
) -> None:
    memory = Memory()
    for number, seen in enumerate(story):
        memory.tell(seen, 60.0 + number)
    memory.tell(an_alert(starts_at=start), 300.0)
    memory.tell(an_alert(starts_at=start), 300.0 + STALE_GRACE)
    assert memory.record.open_since is not None


@st.composite
def lives(draw: st.DrawFn) -> list[tuple[float, float]]:
    """Stretches of being wrong, one after another."""
    edges = sorted(draw(st.lists(st.integers(1, 1000), unique=True, min_size=2, max_size=12)))
    return [(float(begin), float(end)) for begin, end in zip(edges[::2], edges[1::2], strict=False)]


@given(lives(), st.data())
def test_repeats_and_stragglers_never_add_an_episode(
    life: list[tuple[float, float]], data: st.DataObject
) -> None:
    memory = Memory()
    for begin, end in life:
        firing, resolve = an_alert(starts_at=begin), a_resolve(ends_at=end)
        for seen in (firing, *data.draw(st.lists(st.sampled_from([firing]), max_size=3))):
            memory.tell(seen, begin)
        for seen in (resolve, *data.draw(st.lists(st.sampled_from([resolve, firing]), max_size=3))):
            memory.tell(seen, end)
    assert memory.opened == len(life)
    assert memory.record.open_since is None


@given(lives())
def test_resolves_that_all_arrive_late_close_only_the_last(life: list[tuple[float, float]]) -> None:
    memory = Memory()
    for begin, _ in life:
        memory.tell(an_alert(starts_at=begin), begin)
    # every end of an earlier stretch belongs to the one episode that was heard of as open all along
    for _, end in life[::-1]:
        memory.tell(a_resolve(ends_at=end), 2000.0)
    assert memory.opened == 1
    assert memory.record.open_since is None
