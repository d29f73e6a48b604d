from __future__ import annotations

from typing import Any

import pytest

from receiver.backups.schedules import with_schedules
from receiver.settings import ReceiverSettings

FACET = {"directory": "/var/backups"}
POSTGRES = {"url": "postgresql://h/shop"}


def schedules(facet: dict[str, Any], own: tuple[dict[str, Any], ...] = (), **facets: Any) -> Any:
    """As (name, cron, action) of a config with one target."""
    targets = {"db": {"backup": facet, **facets}}
    settings = ReceiverSettings.model_validate({"targets": targets, "schedules": list(own)})
    return [(one.name, one.cron, one.action) for one in settings.schedules]


NIGHTLY = ("backup-db", "0 2 * * *", "backup")
WEEKLY = ("drill-db", "0 4 * * 0", "verify_backup")


def test_a_database_is_backed_up_every_night_and_restored_every_week() -> None:
    assert schedules(FACET, postgres=POSTGRES) == [NIGHTLY, WEEKLY]


def test_what_has_no_database_has_no_drill() -> None:
    assert schedules(FACET) == [NIGHTLY]


def test_null_is_none_and_another_time_is_taken() -> None:
    facet = {**FACET, "schedule": "30 1 * * *", "drill": None}
    assert schedules(facet, postgres=POSTGRES) == [("backup-db", "30 1 * * *", "backup")]


def test_a_schedule_of_ones_own_takes_its_place() -> None:
    own = {"name": "mine", "cron": "0 5 * * *", "action": "backup", "on": ["db"]}
    assert schedules(FACET, (own,)) == [("mine", "0 5 * * *", "backup")]
    named = {**own, "name": "backup-db"}
    assert schedules({**FACET, "schedule": "0 3 * * *"}, (named,)) == [
        ("backup-db", "0 5 * * *", "backup")
    ]


def test_they_have_the_time_that_the_facet_gives_and_may_be_late() -> None:
    targets = {"db": {"backup": {**FACET, "timeout": "2h"}}}
    (one,) = ReceiverSettings.model_validate({"targets": targets}).schedules
    assert (one.timeout, one.grace) == (7200.0, 43200.0)


def test_with_a_bucket_the_drill_is_with_the_copy_that_is_away() -> None:
    facet = {**FACET, "s3": {"bucket": "b"}}
    targets = {"db": {"backup": facet, "postgres": POSTGRES}}
    drill = ReceiverSettings.model_validate({"targets": targets}).schedules[-1]
    assert drill.options == {"away": True}


@pytest.mark.parametrize("tree", [None, [], {"targets": 5}, {"targets": {"db": {"backup": 1}}}])
def test_what_is_no_config_is_left_for_others_to_say(tree: object) -> None:
    assert with_schedules(tree) == tree
