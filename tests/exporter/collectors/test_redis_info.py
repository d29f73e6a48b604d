from __future__ import annotations

from typing import Any

from exporter.collectors.redis_info import families
from tests.exporter.reading import names, samples, value

KEY = ("cache", "shop")


def of(**info: Any) -> list[Any]:
    return list(families(("name", "service"), [(KEY, info)]))


def test_a_server_that_said_nothing_is_down_and_nothing_else() -> None:
    found = list(families(("name", "service"), [(KEY, None)]))
    assert value(found, "redis_up", name="cache", service="shop") == 0
    assert names(found) == {"redis_up"}


def test_fields_have_redis_exporters_names() -> None:
    found = of(used_memory=1000, maxmemory=2000, maxclients=10000, keyspace_hits=7)
    assert value(found, "redis_up") == 1
    assert value(found, "redis_memory_used_bytes") == 1000
    assert value(found, "redis_memory_max_bytes") == 2000
    assert value(found, "redis_config_maxclients") == 10000
    assert value(found, "redis_keyspace_hits_total") == 7


def test_words_become_one_and_zero() -> None:
    found = of(rdb_last_bgsave_status="ok", aof_last_write_status="err")
    assert value(found, "redis_rdb_last_bgsave_status") == 1
    assert value(found, "redis_aof_last_write_status") == 0


def test_a_replica_says_how_its_link_is_and_to_whom() -> None:
    replica = {"role": "slave", "master_host": "10.0.0.1", "master_port": 6379}
    found = of(**replica, master_link_status="down", master_last_io_seconds_ago=9)
    link = {"master_host": "10.0.0.1", "master_port": "6379"}
    assert value(found, "redis_master_link_up", **link) == 0
    assert value(found, "redis_master_last_io_seconds_ago", **link) == 9


def test_a_master_has_no_link_to_report() -> None:
    assert samples(of(role="master"), "redis_master_link_up") == []


def test_keys_are_counted_by_database() -> None:
    found = of(db0={"keys": 3, "expires": 1, "avg_ttl": 2500}, db1={"keys": 5, "expires": 0})
    assert value(found, "redis_db_keys", db="db0") == 3
    assert value(found, "redis_db_keys_expiring", db="db0") == 1
    assert value(found, "redis_db_avg_ttl_seconds", db="db0") == 2.5
    assert value(found, "redis_db_keys", db="db1") == 5


def test_the_instance_names_its_version_and_role() -> None:
    (info,) = samples(of(redis_version="7.0.15", role="master"), "redis_instance_info")
    assert (info.labels["redis_version"], info.labels["role"]) == ("7.0.15", "master")


def test_a_field_that_this_server_lacks_is_left_out() -> None:
    assert names(of(role="master")) == {"redis_up", "redis_instance_info"}


def test_a_value_that_is_no_number_is_left_out() -> None:
    assert value(of(used_memory="lots"), "redis_memory_used_bytes") is None
