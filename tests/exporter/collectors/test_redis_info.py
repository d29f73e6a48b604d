from __future__ import annotations

import re
from typing import Any

import pytest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from exporter import text
from exporter.collectors.redis_info import COMMANDS, ERRORS, said, sheet
from exporter.collectors.redis_lines import RedisSource
from exporter.families import labelled
from exporter.resp.replies import RefusedError, Reply
from tests.exporter.reading import names, samples, value

SOURCE = RedisSource((("name", "cache"), ("service", "shop")))


SECTIONS = {
    "cmdstat": "Commandstats", "latency": "Latencystats", "errorstat": "Errorstats",
    "slave": "Replication", "role": "Replication", "db": "Keyspace", "master": "Sentinel",
}  # fmt: skip


def answered(info: str, **answers: Reply) -> list[Metric]:
    """The lines are put into the sections that a server has them in."""
    by_section: dict[str, list[str]] = {"Server": []}
    for line in info.splitlines():
        word = line.partition(":")[0].partition("_")[0].rstrip("0123456789")
        by_section.setdefault(SECTIONS.get(word, "Server"), []).append(line)
    text = "\n\n".join("\n".join((f"# {name}", *lines)) for name, lines in by_section.items())
    replies: dict[str, Reply] = {"info": f"{text}\n".replace("\n", "\r\n").encode(), **answers}
    return [sheet(said([(SOURCE, replies)]))]


def of(**info: Any) -> list[Metric]:
    return answered("".join(f"{name}:{text}\n" for name, text in info.items()))


def test_a_server_that_said_nothing_is_down_and_nothing_else() -> None:
    found = [sheet(said([(SOURCE, None)]))]
    assert value(found, "redis_up", name="cache", service="shop") == 0
    assert names(found) == {"redis_up"}


def test_fields_have_redis_exporters_names() -> None:
    found = of(used_memory=1000, maxmemory=2000, keyspace_hits=7, total_error_replies=3)
    assert value(found, "redis_up") == 1
    assert value(found, "redis_memory_used_bytes") == 1000
    assert value(found, "redis_memory_max_bytes") == 2000
    assert value(found, "redis_keyspace_hits_total") == 7
    assert value(found, "redis_total_error_replies") == 3


def test_words_become_one_and_zero_and_microseconds_seconds() -> None:
    found = of(rdb_last_bgsave_status="ok", aof_last_write_status="err", latest_fork_usec=2500)
    assert value(found, "redis_rdb_last_bgsave_status") == 1
    assert value(found, "redis_aof_last_write_status") == 0
    assert value(found, "redis_latest_fork_seconds") == pytest.approx(0.0025)


def test_a_replica_says_how_its_link_is_and_to_whom() -> None:
    replica = {
        "role": "slave",
        "master_host": "10.0.0.1",
        "master_port": 6379,
        "slave_read_only": 1,
    }
    found = of(**replica, master_link_status="down", master_last_io_seconds_ago=9)
    link = {"master_host": "10.0.0.1", "master_port": "6379"}
    assert value(found, "redis_master_link_up", **link) == 0
    assert value(found, "redis_master_last_io_seconds_ago", **link) == 9
    assert value(found, "redis_slave_info", **link, read_only="1") == 1


def test_a_master_says_how_far_its_replicas_are() -> None:
    found = of(role="master", slave0="ip=10.0.0.2,port=6379,state=online,offset=500,lag=1")
    replica = {"slave_ip": "10.0.0.2", "slave_port": "6379", "slave_state": "online"}
    assert value(found, "redis_connected_slave_offset_bytes", **replica) == 500
    assert value(found, "redis_connected_slave_lag_seconds", **replica) == 1
    assert samples(found, "redis_master_link_up") == []


def test_keys_are_counted_by_database_and_an_empty_one_has_none() -> None:
    info = "db0:keys=3,expires=1,avg_ttl=2500\ndb7:keys=5,expires=0\n"
    found = answered(info, databases=[b"databases", b"2"])
    assert value(found, "redis_db_keys", db="db0") == 3
    assert value(found, "redis_db_keys_expiring", db="db0") == 1
    assert value(found, "redis_db_avg_ttl_seconds", db="db0") == 2.5
    assert value(found, "redis_db_keys", db="db7") == 5
    assert value(found, "redis_db_keys", db="db1") == 0
    assert value(found, "redis_db_keys", db="db2") is None


def test_databases_without_end_are_not_all_shown() -> None:
    found = answered("db9999:keys=1,expires=0\n", databases=[b"databases", b"100000"])
    assert len(samples(found, "redis_db_keys")) == 64
    assert value(found, "redis_db_keys", db="db9999") == 1


def test_commands_are_counted_and_timed() -> None:
    stats = "calls=4,usec=2000,usec_per_call=500.00,rejected_calls=1,failed_calls=2"
    found = answered(
        f"cmdstat_config|get:{stats}\nlatency_percentiles_usec_config|get:p50=262.143,p99.9=327.679\n"
    )
    cmd = {"cmd": "config|get"}
    assert value(found, "redis_commands_total", **cmd) == 4
    assert value(found, "redis_commands_duration_seconds_total", **cmd) == pytest.approx(0.002)
    assert value(found, "redis_commands_rejected_calls_total", **cmd) == 1
    assert value(found, "redis_commands_failed_calls_total", **cmd) == 2
    assert value(found, "redis_latency_percentiles_usec", **cmd, quantile="99.9") == 327.679
    assert value(found, "redis_latency_percentiles_usec_sum", **cmd) == 2000
    assert value(found, "redis_latency_percentiles_usec_count", **cmd) == 4


def test_other_percentiles_than_usual_and_names_with_signs_are_read_too() -> None:
    found = answered(
        "cmdstat_a%s:calls=4,usec=8\ncmdstat_b:calls=1,usec=1\nlatency_percentiles_usec_a%s:p25=1.5\n"
        "latency_percentiles_usec_b:p25=x\n"
    )
    assert value(found, "redis_latency_percentiles_usec", cmd="a%s", quantile="25") == 1.5
    assert value(found, "redis_latency_percentiles_usec_sum", cmd="a%s") == 8
    assert samples(found, "redis_latency_percentiles_usec_sum")[1:] == []


def test_a_command_that_was_called_since_has_new_lines_and_the_others_their_old_ones() -> None:
    def told(calls: int, median: float) -> list[Metric]:
        return answered(
            f"cmdstat_get:calls={calls},usec=8\ncmdstat_ttl:calls=1,usec=1\n"
            f"latency_percentiles_usec_get:p50={median}\nlatency_percentiles_usec_ttl:p50=1.5\n"
        )

    told(4, 1.5)
    for calls, median in ((5, 1.5), (5, 2.5), (0, 0.5)):
        found = told(calls, median)
        assert value(found, "redis_commands_total", cmd="get") == calls
        assert value(found, "redis_latency_percentiles_usec", cmd="get", quantile="50") == median
        assert value(found, "redis_commands_total", cmd="ttl") == 1


def test_a_server_before_6_2_tells_less_of_its_commands() -> None:
    found = answered("cmdstat_get:calls=21,usec=175,usec_per_call=8.33\n")
    assert value(found, "redis_commands_total", cmd="get") == 21
    assert samples(found, "redis_commands_failed_calls_total") == []


def test_more_commands_and_errors_than_can_be_told_apart_are_others() -> None:
    info = "".join(f"cmdstat_c{n}:calls=1,usec=1\nerrorstat_E{n}:count=2\n" for n in range(500))
    found = answered(info)
    assert len(samples(found, "redis_commands_total")) == COMMANDS + 1
    assert value(found, "redis_commands_total", cmd="other") == 500 - COMMANDS
    assert len(samples(found, "redis_errors_total")) == ERRORS + 1
    assert value(found, "redis_errors_total", err="other") == 2 * (500 - ERRORS)


def test_the_slow_log_shows_its_newest_entry() -> None:
    entry: list[Reply] = [41, 1700000000, 12500, [b"KEYS", b"*"], b"127.0.0.1:1", b""]
    found = answered("", slow=7, slowest=[entry], spikes=[[b"command", 1700000000, 251, 1001]])
    assert value(found, "redis_slowlog_length") == 7
    assert value(found, "redis_slowlog_last_id") == 41
    assert value(found, "redis_last_slow_execution_duration_seconds") == pytest.approx(0.0125)
    assert value(found, "redis_latency_spike_last", event_name="command") == 1700000000
    assert value(found, "redis_latency_spike_duration_seconds", event_name="command") == 0.251


def test_an_empty_slow_log_is_nought() -> None:
    found = answered("", slow=0, slowest=[])
    assert value(found, "redis_slowlog_last_id") == 0
    assert value(found, "redis_last_slow_execution_duration_seconds") == 0


def test_what_is_not_allowed_is_left_out() -> None:
    no = RefusedError("NOPERM this user has no permissions to run the 'config|get' command")
    found = answered("used_memory:5\n", slow=no, slowest=no, spikes=no, maxclients=no, databases=no)
    assert value(found, "redis_memory_used_bytes") == 5
    assert not {name for name in names(found) if "slow" in name or "config" in name}


def test_a_sentinel_says_how_its_masters_are() -> None:
    found = answered(
        "sentinel_masters:1\nmaster0:name=main,status=sdown,address=10.0.0.1:6379,slaves=2,sentinels=3\n"
    )
    main = {"master_name": "main", "master_address": "10.0.0.1:6379"}
    assert value(found, "redis_sentinel_masters") == 1
    assert value(found, "redis_sentinel_master_status", **main, master_status="sdown") == 0
    assert value(found, "redis_sentinel_master_slaves", **main) == 2
    assert value(found, "redis_sentinel_master_sentinels", **main) == 3


def test_a_node_of_a_cluster_says_how_the_cluster_is() -> None:
    said = b"cluster_state:fail\r\ncluster_slots_ok:100\r\ncluster_stats_messages_sent:7\r\n"
    found = answered("cluster_enabled:1\n", cluster=said)
    assert value(found, "redis_cluster_state") == 0
    assert value(found, "redis_cluster_slots_ok") == 100
    assert value(found, "redis_cluster_messages_sent_total") == 7


def test_the_instance_names_its_version_and_role() -> None:
    (info,) = samples(of(redis_version="7.0.15", role="master"), "redis_instance_info")
    assert (info.labels["redis_version"], info.labels["role"]) == ("7.0.15", "master")


def test_a_field_that_this_server_lacks_or_that_is_no_number_is_left_out() -> None:
    assert names(of(role="master")) == {"redis_up", "redis_instance_info"}
    assert value(of(used_memory="lots"), "redis_memory_used_bytes") is None


def test_what_is_no_number_of_redis_never_gets_into_the_page() -> None:
    hostile = (
        'used_memory:1\u0661\nmaxmemory:5_0\ncmdstat_a"} 9\\:calls=1,usec=2\n'
        'cmdstat_get:calls=1x,usec=2\nlatency_percentiles_usec_a"} 9\\:p50=1.2.3,p99=nan\ndb0:keys=x,expires=1\n'
    )
    page = text.plain(answered(hostile, databases=[b"databases", "\u0662".encode()])).decode()
    series = [line for line in page.splitlines() if not line.startswith("#")]
    assert 'redis_commands_total{cmd="a\\"} 9\\\\",name="cache",service="shop"} 1' in series
    for line in series:
        assert re.fullmatch(r"\w+(\{.*\})? [0-9.e+-]+", line), line
    assert len(list(text_string_to_metric_families(page))) > 3


def test_both_formats_have_the_same_series() -> None:
    found = answered("used_memory:5\ntotal_error_replies:2\ncmdstat_get:calls=1,usec=2\n")
    ours = {line for line in text.plain(found).decode().splitlines() if line[0] != "#"}
    assert ours == {
        line for line in text.open_metrics(found).decode().splitlines() if line[0] != "#"
    }
    assert b"# TYPE redis_total_error_replies unknown" in text.open_metrics(found)
    assert b"# TYPE redis_total_error_replies counter" in text.plain(found)


def test_a_label_for_all_is_added_where_there_is_none() -> None:
    found = answered("used_memory:5\n")
    assert text.plain([labelled(found[0], {"service": "other"})]) == text.plain(
        answered("used_memory:5\n")
    )
    assert value([labelled(found[0], {"zone": "a"})], "redis_memory_used_bytes", zone="a") == 5
    assert b'service="shop",zone="a"} 5' in text.plain(found)
