from __future__ import annotations

from dataclasses import replace

from receiver.decide.drift import ABSENT_FOR, Held, compare
from receiver.decide.episode import AHEAD
from receiver.tools import ActiveAlert

NOW = 1000.0
OURS = Held("am:a", "a")


def _active(fingerprint: str = "a", **changes: bool) -> ActiveAlert:
    return ActiveAlert(
        fingerprint=fingerprint,
        labels={"alertname": "X"},
        annotations={},
        starts_at=1.0,
        silenced=changes.get("silenced", False),
        inhibited=changes.get("inhibited", False),
        receivers=frozenset({"prunella"}),
    )


def test_what_both_hold_is_present_and_nothing_else() -> None:
    drift = compare([OURS], [_active()], {"prunella"}, {}, NOW, complete=True)
    assert (drift.present, drift.missed, drift.gone, drift.absent) == ({"am:a": ""}, (), (), {})


def test_a_firing_that_never_reached_us_is_missed() -> None:
    drift = compare([], [_active("b")], {"prunella"}, {}, NOW, complete=True)
    assert [alert.fingerprint for alert in drift.missed] == ["b"]


def test_an_alert_that_is_routed_to_others_is_not_ours_to_open() -> None:
    assert compare([], [_active("b")], {"somebody"}, {}, NOW, complete=True).missed == ()


def test_an_alert_that_is_yet_to_begin_is_not_opened() -> None:
    ahead = replace(_active("b"), starts_at=NOW + AHEAD + 1)
    assert compare([], [ahead], {"prunella"}, {}, NOW, complete=True).missed == ()
    assert compare([], [ahead], {"prunella"}, {}, NOW + 1, complete=True).missed == (ahead,)


def test_i9_a_silenced_or_inhibited_alert_is_not_opened() -> None:
    muted = [_active("b", silenced=True), _active("c", inhibited=True)]
    assert compare([], muted, {"prunella"}, {}, NOW, complete=True).missed == ()


def test_i9_a_mute_that_came_later_is_learned() -> None:
    silenced = compare([OURS], [_active(silenced=True)], {"prunella"}, {}, NOW, complete=True)
    inhibited = compare([OURS], [_active(inhibited=True)], {"prunella"}, {}, NOW, complete=True)
    assert (silenced.present, inhibited.present) == ({"am:a": "silenced"}, {"am:a": "inhibited"})


def test_an_alert_is_gone_only_when_it_has_been_absent_for_long() -> None:
    first = compare([OURS], [], {"prunella"}, {}, NOW, complete=True)
    soon = compare([OURS], [], {"prunella"}, first.absent, NOW + 60, complete=True)
    late = compare([OURS], [], {"prunella"}, soon.absent, NOW + ABSENT_FOR, complete=True)
    assert (first.gone, soon.gone, late.gone) == ((), (), ("am:a",))


def test_an_alert_that_came_back_starts_its_absence_anew() -> None:
    first = compare([OURS], [], {"prunella"}, {}, NOW, complete=True)
    back = compare([OURS], [_active()], {"prunella"}, first.absent, NOW + 60, complete=True)
    later = compare([OURS], [], {"prunella"}, back.absent, NOW + 120, complete=True)
    assert later.gone == ()


def test_nothing_is_gone_while_an_alertmanager_is_silent() -> None:
    absent = {"am:a": 0.0}
    drift = compare([OURS], [], {"prunella"}, absent, NOW, complete=False)
    assert (drift.gone, drift.absent) == ((), absent)
