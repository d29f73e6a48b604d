from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.collectors import COLLECTORS
from exporter.queues import SYSTEMS
from exporter.settings import Config, read
from prunella.service.settings import ConfigError

INVALID = sorted((Path(__file__).parent / "testdata").glob("invalid-*.yml"))


def written(tmp_path: Path, **keys: Any) -> Path:
    file = tmp_path / "exporter.yml"
    file.write_text(yaml.safe_dump(keys))
    return file


def config(tmp_path: Path, **keys: Any) -> Config:
    return read(written(tmp_path, **keys), {})


@pytest.mark.parametrize("file", INVALID, ids=lambda file: file.stem)
def test_a_bad_file_is_told_where_and_why(file: Path) -> None:
    expected = re.findall(r"^# (.+)$", file.read_text(), re.MULTILINE)
    with pytest.raises(ConfigError) as raised:
        read(file, {})
    said = str(raised.value).splitlines()
    assert len(said) == len(expected), said
    for line, start in zip(said, expected, strict=True):
        assert line.startswith(start), line


@pytest.mark.parametrize("file", INVALID, ids=lambda file: file.stem)
def test_no_secret_of_a_bad_file_is_said(file: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        read(file, {})
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize(
    ("keys", "path"),
    [
        ({"modules": {"m": {"prober": {"http": 1}}}}, "modules.m.prober"),
        ({"intake": {"projects": [["shop"]]}}, "intake.projects[0]"),
        ({"endpoints": [["shop"]]}, "endpoints[0]"),
    ],
)
def test_what_is_of_no_kind_at_all_is_a_mistake_like_others(
    keys: dict[str, Any], path: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError) as raised:
        config(tmp_path, **keys)
    assert {problem.path for problem in raised.value.problems} == {path}


def test_every_mistake_is_said_at_once(tmp_path: Path) -> None:
    file = written(tmp_path, hots={}, server={"listen": "x"}, redis=[{"name": "a"}], processes=[{}])
    with pytest.raises(ConfigError) as raised:
        read(file, {})
    assert {problem.path for problem in raised.value.problems} == {
        "hots", "server.listen", "redis[0].url", "processes[0]",
    }  # fmt: skip


def test_without_a_file_the_machine_itself_is_served() -> None:
    found = read(None, {})
    assert set(found.options()) == {"host"}
    assert str(found.server.listen) == "127.0.0.1:9650"
    assert (found.scrape_timeout, found.health.memory) == (9.5, 0.9)


def test_a_collector_runs_when_its_key_is_there(tmp_path: Path) -> None:
    assert set(config(tmp_path, redis=[{"name": "a", "url": "redis://x"}]).options()) == {"redis"}
    assert set(config(tmp_path, host={}).options()) == {"host"}
    assert set(config(tmp_path).options()) == set()


def test_a_key_without_a_value_switches_on_too(tmp_path: Path) -> None:
    keys = dict.fromkeys(COLLECTORS, None)
    assert set(config(tmp_path, **keys).options()) == set(COLLECTORS)


def test_secrets_come_from_files_beside_the_config_and_are_never_shown(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("redis://:hunter2@cache:6379\n")
    found = config(tmp_path, redis=[{"name": "a", "url_file": "url"}])
    assert found.options()["redis"][0].url.get_secret_value() == "redis://:hunter2@cache:6379"
    assert "hunter2" not in repr(found)


def test_the_contracts_own_example_is_good(tmp_path: Path) -> None:
    file = tmp_path / "exporter.yml"
    file.write_text("""\
server: {listen: 127.0.0.1:9650}
labels: {service: shop}
host: {}
processes: [{name: api, manager: pm2}, {name: shop, manager: supervisor}, {name: nginx, match: "^nginx"}]
endpoints: [{name: checkout, url: http://127.0.0.1/health, every: 15s, timeout: 5s, expect: {status: [200], body: "ok"}, service: api}]
redis: [{name: cache, url: "${REDIS_URL}", service: cache}]
postgres: [{name: main, url: "${DATABASE_URL}", service: db}]
pgbouncer: [{name: pool, url: "postgresql://stats@127.0.0.1:6432/pgbouncer"}]
queues: [{system: bullmq, url: "${REDIS_URL}", prefix: bull, queues: auto, service: jobs}]
backups: [{name: nightly, directory: /var/backups, pattern: "*.dump"}]
health: {memory: 0.9, query: 1s, pool: 0.9, queue: {warning: 50, critical: 100}, failures: {warning: 0.05, critical: 0.1}}
scrape_timeout: 9.5s
""")
    environ = {"REDIS_URL": "redis://127.0.0.1:6379/0", "DATABASE_URL": "postgres://db/shop"}
    found = read(file, environ)
    beyond = {"intake", "releases"}  # ours, and not in the contract
    assert set(found.options()) == set(COLLECTORS) - beyond
    assert found.labels.service == "shop"


def test_the_example_is_good_and_names_every_collector() -> None:
    file = Path(__file__).parents[2] / "docs" / "examples" / "exporter.yml"
    environ = {"REDIS_URL": "redis://127.0.0.1", "DATABASE_URL": "postgresql://db/shop"}
    environ["PRUNELLA_READ_TOKEN"] = "t"
    environ["SHOP_KEY"] = "0123456789abcdef"
    found = read(file, environ).options()
    assert set(found) == set(COLLECTORS)
    assert {entry.system for entry in found["queues"]} == set(SYSTEMS)


def test_a_probe_gives_up_before_the_next_one_begins(tmp_path: Path) -> None:
    entries = [{"name": "a", "url": "http://a", "every": "2s"}, {"name": "b", "url": "http://b"}]
    found = config(tmp_path, endpoints=entries).options()["endpoints"]
    assert [entry.order().timeout for entry in found] == [2.0, 5.0]
