from __future__ import annotations

import gc

import pytest

from receiver.decide.incident import Progress
from receiver.decide.values import changed
from tests.receiver.builders import an_alert, an_incident


def test_a_changed_copy_differs_in_what_was_said_alone() -> None:
    incident = an_incident()
    after = changed(incident, rung=2, title="x")
    assert (after.rung, after.title) == (2, "x")
    assert changed(after, rung=incident.rung, title=incident.title) == incident


def test_the_one_that_was_changed_is_as_it_was() -> None:
    incident = an_incident()
    assert changed(incident.progress, passes=3) == Progress(passes=3)
    assert incident == an_incident()


def test_a_field_that_is_none_is_refused() -> None:
    with pytest.raises(TypeError, match="no field 'pases'"):
        changed(Progress(), pases=3)


def test_a_value_cannot_be_changed_in_place() -> None:
    with pytest.raises(AttributeError):
        an_incident().rung = 2  # type: ignore[misc]  # that it cannot is the point


def test_the_collector_does_not_walk_them() -> None:
    assert not gc.is_tracked(an_incident())
    assert not gc.is_tracked(an_alert())
