"""What a Redis says of itself, read into rows under redis_exporter's names.

INFO is read by a few patterns over the whole text, because a server with many commands has hundreds of lines in it.
"""

from __future__ import annotations

import re
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from prometheus_client.metrics_core import Metric

from exporter.collectors.redis_fields import (
    CLUSTER,
    COUNTERS,
    DATABASES,
    GAUGES,
    INSTANCE,
    KEYSPACE,
    REPLICA,
    SCALED,
    SETTINGS,
    SPECS,
    UNSUFFIXED,
    WORDS,
)
from exporter.families import Quantiles, Row, counter, gauge, summary, summed, unsuffixed
from exporter.resp.replies import Reply
from prunella.cardinality import OTHER, Bounded

Key = tuple[str, ...]

COMMANDS, ERRORS, PEERS, MOST_DATABASES = 300, 50, 100, 64

PLAIN: Mapping[str, str] = {
    name: f"redis_{known}" for name, known in (*GAUGES.items(), *COUNTERS.items(), *UNSUFFIXED.items())
}  # fmt: skip
LINE = re.compile(r"^([a-z]\w*):(.*?)\r?$", re.MULTILINE)
COMMAND = re.compile(
    r"^cmdstat_([^:]+):calls=(\d+),usec=(\d+)(?:,usec_per_call=[^,\r]*,rejected_calls=(\d+),failed_calls=(\d+))?",
    re.MULTILINE,
)
PERCENTILES = re.compile(r"^latency_percentiles_usec_([^:]+):(\S+)", re.MULTILINE)
PERCENTILE = re.compile(r"p([\d.]+)=([\d.]+)")
ERROR = re.compile(r"^errorstat_([^:]+):count=(\d+)", re.MULTILINE)
KEYS = re.compile(r"^db(\d+):(\S+)", re.MULTILINE)
SLAVE = re.compile(
    r"^slave\d+:ip=([^,]*),port=([^,]*),state=([^,]*),offset=(\d+)(?:,lag=(-?\d+))?", re.MULTILINE
)
WATCHED = re.compile(
    r"^master\d+:name=([^,]*),status=([^,]*),address=([^,]*),slaves=(\d+),sentinels=(\d+)", re.MULTILINE
)  # fmt: skip


@dataclass(slots=True)
class Found:
    """Rows of all servers by the family's name."""

    rows: dict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))
    summaries: list[Quantiles] = field(default_factory=list)


def families(
    labels: Sequence[str], seen: Sequence[tuple[Key, Mapping[str, Reply] | None]]
) -> Iterator[Metric]:
    """Every family over all servers; one that gave no INFO has `redis_up 0` and nothing else."""
    up = [(key, float(answers is not None)) for key, answers in seen]
    yield gauge("redis_up", "Whether the server answered in time.", labels, up)
    found = Found()
    for key, answers in seen:
        if answers is not None:
            read(key, answers, found)
    kinds = {"gauge": gauge, "counter": counter, "unsuffixed": unsuffixed}
    for spec in SPECS:
        all_labels = (*labels, *spec.labels)
        if spec.kind == "summary":
            yield summary(spec.name, spec.text, all_labels, found.summaries)
        else:
            rows = found.rows.get(spec.name, ())
            yield kinds[spec.kind](spec.name, spec.text, all_labels, rows)


def read(key: Key, answers: Mapping[str, Reply], found: Found) -> None:
    """The answers of one server as rows; what was refused, or is not understood, is left out."""
    info = _text(answers.get("info"))
    facts = dict(LINE.findall(info))
    rows = found.rows
    for name, text in facts.items():
        known = PLAIN.get(name)
        if known is not None and (value := _number(text)) is not None:
            rows[known].append((key, value * SCALED.get(name, 1.0)))
    if (uptime := _number(facts.get("uptime_in_seconds", ""))) is not None:
        rows["redis_start_time_seconds"].append((key, float(int(time.time()) - uptime)))
    instance = tuple(facts.get(name, "") for name in INSTANCE)
    rows["redis_instance_info"].append(((*key, *instance), 1.0))
    _replication(key, info, facts, rows)
    _databases(key, info, answers.get(DATABASES), rows)
    _commands(key, info, found)
    _errors(key, info, rows)
    _watched(key, info, rows)
    _slow(key, answers, rows)
    _settings(key, answers, rows)


def _text(reply: Reply) -> str:
    return reply.decode(errors="replace") if isinstance(reply, bytes) else ""


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return WORDS.get(text)


Rows = dict[str, list[Row]]


def _replication(key: Key, info: str, facts: Mapping[str, str], rows: Rows) -> None:
    if facts.get("role") == "slave":
        master = (*key, facts.get("master_host", ""), facts.get("master_port", ""))
        for name, known in REPLICA.items():
            if (value := _number(facts.get(name, ""))) is not None:
                rows[f"redis_{known}"].append((master, value))
        rows["redis_slave_info"].append(((*master, facts.get("slave_read_only", "")), 1.0))
    for ip, port, state, offset, lag in SLAVE.findall(info)[:PEERS]:
        slave = (*key, ip, port, state)
        rows["redis_connected_slave_offset_bytes"].append((slave, float(offset)))
        if lag:
            rows["redis_connected_slave_lag_seconds"].append((slave, float(lag)))


def _databases(key: Key, info: str, databases: Reply, rows: Rows) -> None:
    """Also those without a key, because a database that was emptied is not one that is gone."""
    known = {number: dict(p.split("=", 1) for p in text.split(",") if "=" in p) for number, text in KEYS.findall(info)}  # fmt: skip
    empty = {"keys": "0", "expires": "0"}
    numbers = [str(number) for number in range(min(_setting(databases), MOST_DATABASES))]
    bound = Bounded("redis_db_keys", MOST_DATABASES)
    for number in dict.fromkeys((*known, *numbers)):
        figures = known.get(number, empty)
        for name, (metric, unit) in KEYSPACE.items():
            if (value := _number(figures.get(name, ""))) is not None and bound(number) != OTHER:
                rows[f"redis_{metric}"].append(((*key, f"db{number}"), value * unit))


def _commands(key: Key, info: str, found: Found) -> None:
    bound = Bounded("redis_commands_total", COMMANDS)
    rows, timed = found.rows, dict(PERCENTILES.findall(info))
    several: dict[str, list[Row]] = defaultdict(list)
    for command, calls, spent, rejected, failed in COMMAND.findall(info):
        shown = bound(command)
        values = (*key, shown)
        several["redis_commands_total"].append((values, float(calls)))
        several["redis_commands_duration_seconds_total"].append((values, float(spent) / 1e6))
        if rejected:
            several["redis_commands_rejected_calls_total"].append((values, float(rejected)))
            several["redis_commands_failed_calls_total"].append((values, float(failed)))
        if command in timed and shown == command:
            percentiles = [(part, float(usec)) for part, usec in PERCENTILE.findall(timed[command])]
            found.summaries.append((values, percentiles, float(calls), float(spent)))
    for name, its in several.items():
        rows[name].extend(summed(its))


def _errors(key: Key, info: str, rows: Rows) -> None:
    bound = Bounded("redis_errors_total", ERRORS)  # a script may name errors as it likes
    errors = [((*key, bound(name)), float(count)) for name, count in ERROR.findall(info)]
    rows["redis_errors_total"].extend(summed(errors))


def _watched(key: Key, info: str, rows: Rows) -> None:
    for name, status, address, slaves, sentinels in WATCHED.findall(info)[:PEERS]:
        master = (*key, name, address)
        rows["redis_sentinel_master_status"].append(((*master, status), float(status == "ok")))
        rows["redis_sentinel_master_slaves"].append((master, float(slaves)))
        rows["redis_sentinel_master_sentinels"].append((master, float(sentinels)))


def _slow(key: Key, answers: Mapping[str, Reply], rows: Rows) -> None:
    length, newest = answers.get("slow"), answers.get("slowest")
    if isinstance(length, int):
        rows["redis_slowlog_length"].append((key, float(length)))
    if isinstance(newest, list):
        entry = newest[0] if newest else None
        first, _, took = entry[:3] if isinstance(entry, list) and len(entry) >= 3 else (0, 0, 0)
        rows["redis_slowlog_last_id"].append((key, _count(first)))
        rows["redis_last_slow_execution_duration_seconds"].append((key, _count(took) / 1e6))
    spikes = answers.get("spikes")
    for spike in spikes[:PEERS] if isinstance(spikes, list) else ():
        if isinstance(spike, list) and len(spike) >= 3:
            event = (*key, _text(spike[0]))
            rows["redis_latency_spike_last"].append((event, _count(spike[1])))
            rows["redis_latency_spike_duration_seconds"].append((event, _count(spike[2]) / 1e3))


def _settings(key: Key, answers: Mapping[str, Reply], rows: Rows) -> None:
    for name, known in SETTINGS.items():
        if isinstance(answers.get(name), list):
            rows[f"redis_{known}"].append((key, float(_setting(answers[name]))))
    for name, text in LINE.findall(_text(answers.get("cluster"))):
        if name in CLUSTER and (value := _number(text)) is not None:
            rows[f"redis_{CLUSTER[name]}"].append((key, value))


def _setting(reply: Reply) -> int:
    """What CONFIG GET said of one setting that is a number."""
    value = _text(reply[1]) if isinstance(reply, list) and len(reply) == 2 else ""
    return int(value) if value.isdigit() else 0


def _count(reply: Reply) -> float:
    return float(reply) if isinstance(reply, int) else 0.0
