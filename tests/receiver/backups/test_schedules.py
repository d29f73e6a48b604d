from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

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


def test_what_has_no_database_is_proven_every_week_as_well() -> None:
    assert schedules(FACET) == [NIGHTLY, WEEKLY]


def test_null_is_none_and_another_time_is_taken() -> None:
    facet = {**FACET, "schedule": "30 1 * * *", "drill": None}
    assert schedules(facet, postgres=POSTGRES) == [("backup-db", "30 1 * * *", "backup")]


def test_a_schedule_of_ones_own_takes_its_place() -> None:
    own = {"name": "mine", "cron": "0 5 * * *", "action": "backup", "on": ["db"]}
    assert schedules(FACET, (own,)) == [("mine", "0 5 * * *", "backup"), WEEKLY]
    named = {**own, "name": "backup-db"}
    assert schedules({**FACET, "schedule": "0 3 * * *"}, (named,)) == [
        ("backup-db", "0 5 * * *", "backup"),
        WEEKLY,
    ]


def test_one_of_ones_own_for_another_target_takes_nobodys_place() -> None:
    own = {"name": "mine", "cron": "0 5 * * *", "action": "backup", "on": ["other"]}
    tree = {"targets": {"db": {"backup": FACET}}, "schedules": [own]}
    added = with_schedules(tree)
    assert isinstance(added, dict)
    assert [one["name"] for one in added["schedules"]] == ["mine", "backup-db", "drill-db"]


def test_a_time_that_is_said_is_added_to_one_of_ones_own() -> None:
    own = {"name": "mine", "cron": "0 5 * * *", "action": "backup", "on": ["db"]}
    said = schedules({**FACET, "schedule": "0 3 * * *", "drill": None}, (own,))
    assert said == [("mine", "0 5 * * *", "backup"), ("backup-db", "0 3 * * *", "backup")]


@pytest.mark.parametrize("key", ["schedule", "drill"])
@pytest.mark.parametrize("cron", ["every night", "", "61 * * * *", 5])
def test_a_time_that_is_none_is_told_once_where_it_stands(key: str, cron: object) -> None:
    with pytest.raises(ValidationError) as told:
        schedules({**FACET, key: cron})
    assert {error["loc"][-1] for error in told.value.errors()} == {key}


def test_a_target_with_a_long_name_has_schedules_whose_names_are_taken() -> None:
    target = "d" * 64
    added = with_schedules({"targets": {target: {"backup": FACET}}})
    assert isinstance(added, dict)
    assert [len(one["name"]) for one in added["schedules"]] == [64, 64]
    assert [one["on"] for one in added["schedules"]] == [[target], [target]]


def test_they_have_the_time_that_the_facet_gives_and_may_be_late() -> None:
    targets = {"db": {"backup": {**FACET, "timeout": "2h"}}}
    for one in ReceiverSettings.model_validate({"targets": targets}).schedules:
        assert (one.timeout, one.grace) == (7200.0, 43200.0)


def test_with_a_bucket_the_drill_is_with_the_copy_that_is_away() -> None:
    facet = {**FACET, "s3": {"bucket": "b"}}
    targets = {"db": {"backup": facet, "postgres": POSTGRES}}
    drill = ReceiverSettings.model_validate({"targets": targets}).schedules[-1]
    assert drill.options == {"away": True}


@pytest.mark.parametrize(
    "tree",
    [
        *(None, [], {"targets": 5}, {"targets": {"db": {"backup": 1}}}),
        {"targets": {"db": {"backup": FACET}}, "schedules": "every night"},
    ],
)
def test_what_is_no_config_is_left_for_others_to_say(tree: object) -> None:
    assert with_schedules(tree) == tree
