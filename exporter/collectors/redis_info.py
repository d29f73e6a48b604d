"""What a Redis says of itself, read straight into lines of text under redis_exporter's names.

An INFO has some five hundred figures. They are looked at once, section by section, and each becomes its line at once.
"""

from __future__ import annotations

import re
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from exporter.collectors.redis_fields import (
    CLUSTER,
    DATABASES,
    INSTANCE,
    LABELS,
    REPLICA,
    SETTINGS,
    SPECS,
    WORDS,
)
from exporter.collectors.redis_lines import Calls, RedisSource
from exporter.lines import Lines, Source, sheets
from exporter.resp.replies import Reply
from prunella.cardinality import OTHER, Bounded

COMMANDS, ERRORS, PEERS, MOST_DATABASES = 300, 50, 100, 64

# Sections of INFO whose lines are not one figure each; they are read by the patterns below.
APART = frozenset({"commandstats", "errorstats", "latencystats"})
COMMAND = re.compile(
    r"cmdstat_([^:]+):calls=(\d+),usec=(\d+)(?:,usec_per_call=[^,\r]*,rejected_calls=(\d+),failed_calls=(\d+))?",
    re.ASCII,
)
# Which percentiles there are is a setting of the server, the same for all commands.
PERCENTILES = re.compile(r"latency_percentiles_usec_[^:]+:(\S+)")
PERCENTILE = re.compile(r"p(\d+(?:\.\d+)?)=", re.ASCII)
ERROR = re.compile(r"errorstat_([^:]+):count=(\d+)", re.ASCII)
KEYS = re.compile(r"^db(\d+):keys=(\d+),expires=(\d+)(?:,avg_ttl=(\d+))?", re.MULTILINE | re.ASCII)
SLAVE = re.compile(
    r"^slave\d+:ip=([^,]*),port=([^,]*),state=([^,]*),offset=(\d+)(?:,lag=(-?\d+))?",
    re.MULTILINE | re.ASCII,
)
WATCHED = re.compile(
    r"^master\d+:name=([^,]*),status=([^,]*),address=([^,]*),slaves=(\d+),sentinels=(\d+)", re.MULTILINE | re.ASCII
)  # fmt: skip

Answers = Mapping[str, Reply]
Facts = Mapping[str, str]
Sections = Mapping[str, str]


sheet = sheets(SPECS, LABELS)  # every family of all servers


def said(seen: Iterable[tuple[RedisSource, Answers | None]]) -> Lines:
    """What all servers say; one that gave no INFO has `redis_up 0` and nothing else."""
    lines: Lines = defaultdict(list)
    for source, answers in seen:
        source.add(lines, "redis_up", float(answers is not None))
        if answers is not None:
            read(source, answers, lines)
    return lines


def read(source: RedisSource, answers: Answers, lines: Lines) -> None:
    """The answers of one server as lines; what was refused, or is not understood, is left out."""
    sections = _sections(_text(answers.get("info")))
    facts: dict[str, str] = {}
    for name, section in sections.items():
        if name not in APART:
            _figures(source, section, facts, lines)
    if (uptime := _number(facts.get("uptime_in_seconds", ""))) is not None:
        source.add(lines, "redis_start_time_seconds", float(int(time.time()) - uptime))
    instance = ((name, facts.get(name, "")) for name in INSTANCE)
    source.add(lines, "redis_instance_info", 1.0, *instance)
    _replication(source, sections, facts, lines)
    _databases(source, sections, answers.get(DATABASES), lines)
    _commands(source, sections, lines)
    _errors(source, sections, lines)
    _watched(source, sections, lines)
    _slow(source, answers, lines)
    _settings(source, answers, lines)


def _sections(info: str) -> Sections:
    """INFO's parts by their names in small letters."""
    found = {}
    for part in info.removeprefix("# ").split("\r\n# "):
        name, _, body = part.partition("\r\n")
        found[name.lower()] = body
    return found


def _text(reply: Reply) -> str:
    return reply.decode(errors="replace") if isinstance(reply, bytes) else ""


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return WORDS.get(text)


def _figures(source: RedisSource, section: str, facts: dict[str, str], lines: Lines) -> None:
    """What is one figure becomes a line; all else, and what is both, a fact."""
    plain = source.plain
    for line in section.split("\r\n"):
        name, _, text = line.partition(":")
        known = plain.get(name)
        if known is None:
            facts[name] = text
            continue
        family, begins, scale, kept = known
        if text.isdecimal() and text.isascii() and scale == 1.0:
            lines[family].append(f"{begins}{text}\n")
        elif (value := _number(text)) is not None:
            lines[family].append(f"{begins}{value * scale!r}\n")
        if kept:
            facts[name] = text


def _replication(source: Source, sections: Sections, facts: Facts, lines: Lines) -> None:
    if facts.get("role") == "slave":
        master = [(name, facts.get(name, "")) for name in ("master_host", "master_port")]
        for name, known in REPLICA.items():
            if (value := _number(facts.get(name, ""))) is not None:
                source.add(lines, f"redis_{known}", value, *master)
        read_only = ("read_only", facts.get("slave_read_only", ""))
        source.add(lines, "redis_slave_info", 1.0, *master, read_only)
    for ip, port, state, offset, lag in SLAVE.findall(sections.get("replication", ""))[:PEERS]:
        slave = (("slave_ip", ip), ("slave_port", port), ("slave_state", state))
        source.add(lines, "redis_connected_slave_offset_bytes", float(offset), *slave)
        if lag:
            source.add(lines, "redis_connected_slave_lag_seconds", float(lag), *slave)


def _databases(source: Source, sections: Sections, databases: Reply, lines: Lines) -> None:
    """Also those without a key, because a database that was emptied is not one that is gone."""
    found = {one[0]: one[1:] for one in KEYS.findall(sections.get("keyspace", ""))}
    numbers = [str(number) for number in range(min(_setting(databases), MOST_DATABASES))]
    bound = Bounded("redis_db_keys", MOST_DATABASES)
    keys_of, expiring_of = lines["redis_db_keys"], lines["redis_db_keys_expiring"]
    for number in dict.fromkeys((*found, *numbers)):
        if bound(number) == OTHER:
            continue
        database = ("db", f"db{number}")
        keys, expiring, ttl = found.get(number, ("0", "0", ""))
        keys_of.append(f"{source.begin('redis_db_keys', database)}{keys}\n")
        expiring_of.append(f"{source.begin('redis_db_keys_expiring', database)}{expiring}\n")
        if ttl:
            source.add(lines, "redis_db_avg_ttl_seconds", float(ttl) / 1e3, database)


def _commands(source: RedisSource, sections: Sections, lines: Lines) -> None:
    found: Sequence[Calls] = COMMAND.findall(sections.get("commandstats", ""))
    shown, timed = _timed(sections.get("latencystats", ""))
    if len(found) > COMMANDS:
        bound = Bounded("redis_commands_total", COMMANDS)
        found = [*found[:COMMANDS], _together([one for one in found if bound(one[0]) == OTHER])]
    calls_of = lines["redis_commands_total"]
    seconds_of = lines["redis_commands_duration_seconds_total"]
    rejected_of = lines["redis_commands_rejected_calls_total"]
    failed_of = lines["redis_commands_failed_calls_total"]
    latencies_of = lines["redis_latency_percentiles_usec"]
    for command in found:
        said = source.said(command, timed.get(command[0], ()), shown)
        calls_of.append(said.calls)
        seconds_of.append(said.seconds)
        if said.rejected:
            rejected_of.append(said.rejected)
            failed_of.append(said.failed)
        if said.latencies:
            latencies_of.append(said.latencies)


def _timed(section: str) -> tuple[tuple[str, ...], Mapping[str, Sequence[str]]]:
    """The percentiles that are shown, and their values by command."""
    first = PERCENTILES.search(section)
    shown = tuple(PERCENTILE.findall(first[1])) if first else ()
    return shown, {one[0]: one[1:] for one in _percentiles(shown).findall(section)} if shown else {}


@lru_cache(16)
def _percentiles(shown: tuple[str, ...]) -> re.Pattern[str]:
    figures = ",".join(rf"p{re.escape(name)}=(\d+(?:\.\d+)?)" for name in shown)
    return re.compile(rf"latency_percentiles_usec_([^:]+):{figures}\r?$", re.ASCII | re.MULTILINE)


def _together(calls: Sequence[Calls]) -> Calls:
    """Those that are not told apart."""
    sums = (str(sum(int(one[at] or 0) for one in calls)) for at in range(1, 5))
    made, spent, rejected, failed = sums
    return OTHER, made, spent, rejected, failed


def _errors(source: Source, sections: Sections, lines: Lines) -> None:
    """A script may name errors as it likes."""
    bound = Bounded("redis_errors_total", ERRORS)
    counted: dict[str, int] = {}
    for name, count in ERROR.findall(sections.get("errorstats", "")):
        told = bound(name)
        counted[told] = counted.get(told, 0) + int(count)
    for name, total in counted.items():
        source.add(lines, "redis_errors_total", float(total), ("err", name))


def _watched(source: Source, sections: Sections, lines: Lines) -> None:
    masters = WATCHED.findall(sections.get("sentinel", ""))
    for name, status, address, slaves, sentinels in masters[:PEERS]:
        master = (("master_name", name), ("master_address", address))
        state = ("master_status", status)
        source.add(lines, "redis_sentinel_master_status", float(status == "ok"), *master, state)
        source.add(lines, "redis_sentinel_master_slaves", float(slaves), *master)
        source.add(lines, "redis_sentinel_master_sentinels", float(sentinels), *master)


def _slow(source: Source, answers: Answers, lines: Lines) -> None:
    length, newest = answers.get("slow"), answers.get("slowest")
    if isinstance(length, int):
        source.add(lines, "redis_slowlog_length", float(length))
    if isinstance(newest, list):
        entry = newest[0] if newest else None
        first, _, took = entry[:3] if isinstance(entry, list) and len(entry) >= 3 else (0, 0, 0)
        source.add(lines, "redis_slowlog_last_id", _count(first))
        source.add(lines, "redis_last_slow_execution_duration_seconds", _count(took) / 1e6)
    spikes = answers.get("spikes")
    for spike in spikes[:PEERS] if isinstance(spikes, list) else ():
        if isinstance(spike, list) and len(spike) >= 3:
            event = ("event_name", _text(spike[0]))
            source.add(lines, "redis_latency_spike_last", _count(spike[1]), event)
            source.add(lines, "redis_latency_spike_duration_seconds", _count(spike[2]) / 1e3, event)


def _settings(source: Source, answers: Answers, lines: Lines) -> None:
    for name, known in SETTINGS.items():
        if isinstance(answers.get(name), list):
            source.add(lines, f"redis_{known}", float(_setting(answers[name])))
    for line in _text(answers.get("cluster")).split("\r\n"):
        name, _, text = line.partition(":")
        if name in CLUSTER and (value := _number(text)) is not None:
            source.add(lines, f"redis_{CLUSTER[name]}", value)


def _setting(reply: Reply) -> int:
    """What CONFIG GET said of one setting that is a number."""
    value = _text(reply[1]) if isinstance(reply, list) and len(reply) == 2 else ""
    return int(value) if value.isdigit() else 0


def _count(reply: Reply) -> float:
    return float(reply) if isinstance(reply, int) else 0.0
