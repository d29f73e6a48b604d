"""Thirty synthetic days in a real Prometheus, and the report that was worked out by hand beforehand.

The playbook `errors` waits two minutes (`for`), then climbs `first` and `second`, each looked at from 10 s after it for
three minutes; `slow` has one rung that is looked at for one minute. A day is counted from 0.

| what fires                                            | days   | what follows                                             |
|---|---|---|
| HighErrorRate at shop, 03:00, 1 min                   | all 30 | over before its `for`: cleared 30                        |
| HighErrorRate at cache, 10:00, 4 min                  | 1-10   | first at 10:02, over at 10:04: acted 10, helped 10       |
| HighErrorRate at shop, 12:00, 60 min                  | 11-15  | first 12:02:00, second 12:05:10, a human at 12:08:20     |
| HighErrorRate and HighLatency at shop, 15:00, 30 min  | 20     | warm 15:00, first and second as above, a human twice; a  |
|                                                       |        | conflict from 15:02 to 15:30; the worst hour (3)         |
| PostgresDown 10 min, HighErrorRate at shop 8, 20:00   | 22     | dependency_open, then over: cleared 1                    |
| DiskUsageHigh, 18:00, 10 min                          | 25     | nobody answers                                           |
| depth over 50, 21:00, 5 min; a rule that came later   | 27     | QueueDeep fires at 21:02: nobody answers                 |
"""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from receiver.cli.__main__ import main
from tests.receiver.rig import CONFIG, firing, resolved
from tests.servers.prometheus import prometheus

DAY0 = 1_787_356_800  # 2026-08-22 00:00 UTC
DAYS = 30
END, SINCE = DAY0 + DAYS * 86_400 - 60, f"{DAYS * 1440 - 1}m"
BOOK = CONFIG["playbooks"][0]
VERIFY = {"settle": "10s", "within": "3m", "checks": [{"http": {"path": "/health"}}]}
ERRORS = {**BOOK, "mode": "shadow", "for": "2m", "blocked_by": ['alertname="PostgresDown"'], "verify": VERIFY}  # fmt: skip
SLOW = {
    "name": "slow",
    "matchers": ['alertname="HighLatency"'],
    "ladder": [{"name": "warm", "action": "call", "path": "/warm"}],
    "verify": {**VERIFY, "within": "1m"},
}
PLAYBOOKS = [ERRORS, SLOW]
RULES = {"groups": [{"name": "new", "rules": [
    {"alert": "QueueDeep", "expr": "depth > 50", "for": "2m", "labels": {"severity": "warning"}},
    {"alert": "HighErrorRate", "expr": "vector(1)"},
]}]}  # fmt: skip
Printed = pytest.CaptureFixture[str]


def history() -> Iterator[tuple[str, str, int, int, int]]:
    """Alert, service, day, minute of the day, and for how many minutes."""
    for day in range(DAYS):
        yield "HighErrorRate", "shop", day, 3 * 60, 1
        if 1 <= day <= 10:
            yield "HighErrorRate", "cache", day, 10 * 60, 4
        if 11 <= day <= 15:
            yield "HighErrorRate", "shop", day, 12 * 60, 60
    yield "HighErrorRate", "shop", 20, 15 * 60, 30
    yield "HighLatency", "shop", 20, 15 * 60, 30
    yield "PostgresDown", "db", 22, 20 * 60, 10
    yield "HighErrorRate", "shop", 22, 20 * 60, 8
    yield "DiskUsageHigh", "host", 25, 18 * 60, 10


def open_metrics() -> str:
    """A sample a minute while it fires, each series in the order of its time."""
    samples: dict[str, list[int]] = {}
    for name, service, day, minute, lasts in history():
        series = f'ALERTS{{alertname="{name}",alertstate="firing",service="{service}",severity="critical"}}'
        begins = DAY0 + day * 86_400 + minute * 60
        samples.setdefault(series, []).extend(range(begins, begins + lasts * 60, 60))
    lines = ["# TYPE ALERTS gauge"]
    lines += [f"{series} 1 {at}" for series, times in samples.items() for at in sorted(times)]
    deep = DAY0 + 27 * 86_400 + 21 * 3600
    lines += ["# TYPE depth gauge"]
    lines += [f'depth{{service="jobs"}} 99 {deep + 60 * minute}' for minute in range(5)]
    return "\n".join([*lines, "# EOF", ""])


@asynccontextmanager
async def remembering(folder: Path) -> AsyncIterator[str]:
    """The URL of a Prometheus that has these days in its blocks."""
    file = folder / "history.txt"
    file.write_text(open_metrics())
    blocks = ["promtool", "tsdb", "create-blocks-from", "openmetrics", "--max-block-duration=768h"]
    subprocess.run([*blocks, file, folder / "prometheus-data"], check=True, capture_output=True)  # noqa: ASYNC221 - two seconds, once
    args = ("--storage.tsdb.retention.time=10y", "--query.lookback-delta=59s")
    async with prometheus(folder, {"global": {"scrape_interval": "1h"}}, args=args) as server:
        yield server.url


def written(folder: Path, name: str, content: object) -> Path:
    file = folder / name
    file.write_text(yaml.safe_dump(content))
    return file


def config(folder: Path, **changes: Any) -> Path:
    return written(folder, "receiver.yml", {**CONFIG, "playbooks": PLAYBOOKS, **changes})


def said(capsys: Printed, *words: object) -> dict[str, Any]:
    assert main([*map(str, words), "--json"]) == 0
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    return answer


def rung(report: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in report["rungs"] if one["rung"] == name)
    return {key: value for key, value in found.items() if key in EXPECTED[name]}


EXPECTED: dict[str, dict[str, Any]] = {
    "first": {"mode": "shadow", "reached": 47, "acted": 16, "cleared": 31, "human": 0, "waiting": 0, "actions": 16,
              "helped": 10, "refused": {"dependency_open": 1}},
    "second": {"reached": 6, "acted": 6, "cleared": 0, "human": 0, "actions": 6, "helped": 0, "refused": {}},
    "warm": {"playbook": "slow", "action": "call", "reached": 1, "acted": 1, "helped": 0},
}  # fmt: skip


def check_by_hand(report: dict[str, Any]) -> None:
    assert (report["alerts"], report["episodes"], len(report["cases"])) == (6, 51, 51)
    assert {name: rung(report, name) for name in EXPECTED} == EXPECTED
    assert report["unanswered"] == {"DiskUsageHigh": 1, "PostgresDown": 1, "QueueDeep": 1}
    assert report["human"] == {"rungs_exhausted": 7}
    assert report["busiest"] == {"begins": DAY0 + 20 * 86_400 + 15 * 3600, "actions": 3}
    one_each, two_each = range(1, 11), range(11, 16)
    by_day = {**dict.fromkeys(one_each, 1), **dict.fromkeys(two_each, 2), 20: 3}
    assert [*report["days"].values()] == [by_day.get(day, 0) for day in range(DAYS)]
    (conflict,) = report["conflicts"]
    day20 = DAY0 + 20 * 86_400 + 15 * 3600
    assert (conflict["at"], conflict["until"]) == (day20 + 120, day20 + 1800)
    assert (conflict["target"], conflict["playbooks"]) == ("shop", ["slow", "errors"])
    acts = [(one["at"] - day20, one["rung"]) for one in report["actions"] if one["at"] >= day20]
    assert acts == [(0, "warm"), (120, "first"), (310, "second")]


@pytest.mark.server
async def test_thirty_days_come_to_what_was_worked_out_by_hand(
    tmp_path: Path, capsys: Printed
) -> None:
    rules, page = written(tmp_path, "rules.yml", RULES), tmp_path / "page.html"
    shorter = {"playbooks": [{**ERRORS, "for": "5m"}, SLOW]}
    others = written(tmp_path, "shorter.yml", shorter)
    async with remembering(tmp_path) as url:
        asked = [
            "backtest",
            "--since",
            SINCE,
            "--until",
            END,
            "--prometheus",
            url,
            "--rules",
            rules,
        ]
        asked += ["--config", config(tmp_path)]
        report, both = await in_a_thread(capsys, asked, page, others)
    check_by_hand(report)
    assert page.read_text().count('class="acted"') > 10
    first, second = both["reports"]
    assert first["rungs"] == report["rungs"]
    # with `for: 5m` the ten at 10:00 and the one of day 22 that waits are over by themselves
    assert (rung(second, "first")["acted"], rung(second, "first")["cleared"]) == (6, 41)
    assert len(both["diff"]["gone"]) == 10 + 12
    assert len(both["diff"]["new"]) == 12


async def in_a_thread(
    capsys: Printed, asked: list[object], page: Path, others: Path
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The command has a loop of its own."""
    one = await asyncio.to_thread(said, capsys, *asked, "--html", page)
    compared = ["--playbooks", asked[-1], "--playbooks", others]
    return one, await asyncio.to_thread(said, capsys, *asked, *compared)


def deliveries(folder: Path) -> Path:
    file = folder / "deliveries.jsonl"
    bodies = ({"version": "4", "alerts": [one]} for one in (firing(), resolved()))
    file.write_text("\n".join(map(json.dumps, bodies)))
    return file


def test_stored_deliveries_are_replayed(tmp_path: Path, capsys: Printed) -> None:
    report = said(capsys, "replay", deliveries(tmp_path), "--config", config(tmp_path))
    assert [one["rung"] for one in report["actions"]] == ["first", "second"]
    assert report["human"] == {"rungs_exhausted": 1}


def test_text_is_for_people(tmp_path: Path, capsys: Printed) -> None:
    file, rules = deliveries(tmp_path), config(tmp_path)
    assert main(["replay", str(file), "--config", str(rules), "--helps"]) == 0
    printed = capsys.readouterr()
    assert "1 alerts fired 1 times, 1 incidents, 1 actions" in printed.out
    assert printed.err == ""  # the bar is for terminals


def test_playbooks_that_are_not_in_the_config_yet(tmp_path: Path, capsys: Printed) -> None:
    empty = config(tmp_path, playbooks=[])
    new = written(tmp_path, "new.yml", {"playbooks": PLAYBOOKS})
    report = said(capsys, "replay", deliveries(tmp_path), "--config", empty, "--playbooks", new)
    assert len(report["actions"]) == 2


def test_a_mistake_in_the_playbooks_is_named(tmp_path: Path, capsys: Printed) -> None:
    wrong = written(tmp_path, "new.yml", {"playbooks": [{**BOOK, "modus": "auto"}]})
    words = ["replay", deliveries(tmp_path), "--config", config(tmp_path), "--playbooks", wrong]
    assert main([*map(str, words)]) == 2
    assert "playbooks[0].modus: unknown key" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "say where Prometheus is"),
        (["--prometheus", "http://127.0.0.1:1", "--since", "soon"], "soon"),
        (["--prometheus", "http://127.0.0.1:1", "--step", "1ms"], "--step is at least 1s"),
        (["--prometheus", "http://127.0.0.1:1", "--rules", "/none/*.yml"], "no file is named"),
        (["--playbooks", "a", "--playbooks", "b", "--playbooks", "c"], "two to compare"),
    ],
)
def test_a_wrong_option_is_usage(words: list[str], said: str, capsys: Printed) -> None:
    assert main(["backtest", *words]) == 2
    assert said in capsys.readouterr().err


def test_a_prometheus_that_is_not_there_is_a_failure(capsys: Printed) -> None:
    assert main(["backtest", "--prometheus", "http://127.0.0.1:1"]) == 1
    assert "Prometheus: POST http://127.0.0.1:1" in capsys.readouterr().err


def test_an_empty_file_is_a_failure(tmp_path: Path, capsys: Printed) -> None:
    assert main(["replay", str(tmp_path / "none")]) == 1
    assert "No such file" in capsys.readouterr().err
