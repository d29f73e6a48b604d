"""Against the containers that docker/compose-test has started; conftest.py leaves this file alone otherwise."""

from __future__ import annotations

from typing import Any

import pytest

from tests.compose.containers import (
    answers,
    ask,
    break_shop,
    compose,
    inside,
    measured,
    rights,
    running,
    silent,
)
from tests.servers.process import until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(280)]
TOKEN = "/run/prunella/operate_token"
every_container = pytest.mark.parametrize("name", running())


async def test_all_parts_run_and_are_seen_by_prometheus() -> None:
    parts = {"receiver", "exporter", "shop", "traffic", "redis", "postgres", "docker-proxy"}
    assert parts <= set(running())
    await until(lambda: measured("sum(up)", 5), "five parts up", deadline=60)


@pytest.mark.parametrize(
    "series",
    ["redis_up", "pg_up", "prunella_queue_source_up", "prunella_process_up", "probe_success"],
)
async def test_the_exporter_reaches_what_it_watches(series: str) -> None:
    await until(lambda: measured(f"sum({series})", 1), series, deadline=60)


@every_container
def test_it_is_nobody_special_without_capabilities_or_ways_to_get_them(name: str) -> None:
    found = rights(name)
    # the engine's socket is root's
    assert ("0" in found["Uid"].split()) is (name == "docker-proxy")
    assert {int(found[caps], 16) for caps in ("CapEff", "CapPrm", "CapInh", "CapBnd")} == {0}
    assert found["NoNewPrivs"] == "1"


@every_container
def test_its_root_is_read_only(name: str) -> None:
    mounts = [line.split() for line in inside(name, "cat", "/proc/self/mounts").splitlines()]
    (options,) = [mount[3] for mount in mounts if mount[1] == "/"]
    assert "ro" in options.split(",")


def test_the_tokens_are_made_and_alertmanager_reads_one_of_them_only() -> None:
    secrets = "/etc/alertmanager/secrets"
    assert len(inside("alertmanager", "cat", f"{secrets}/webhook_token").strip()) == 43
    assert "Permission denied" in inside("alertmanager", "cat", f"{secrets}/operate_token")


def test_each_reads_the_passwords_that_it_needs() -> None:
    assert "postgresql://prunella:" in inside("exporter", "cat", "/run/database/prunella_url")
    assert "Permission denied" in inside("exporter", "cat", "/run/database/shop_url")
    assert "Permission denied" in inside("exporter", "cat", "/run/database/postgres_password")


def test_through_the_filter_the_receiver_sees_redis_and_nothing_else() -> None:
    said = inside("receiver", "python", "-c", _ASK_THE_ENGINE)
    assert said.split() == ["200", "403", "403"]


def test_the_exporter_sees_the_shops_processes_and_may_not_end_them() -> None:
    assert "-m demo.shop" in inside("exporter", "python", "-c", _SIGNAL_THE_SHOP)
    assert "PermissionError" in inside("exporter", "python", "-c", _SIGNAL_THE_SHOP)


def test_the_operators_command_works_in_the_receivers_container() -> None:
    assert "auto" in inside("receiver", "prunella", "status")


async def test_the_receiver_asks_for_a_token() -> None:
    assert await ask("receiver", "/api/v1/incidents") == 401


async def test_a_hanging_shop_is_noticed_restarted_and_proven_well() -> None:
    token = inside("receiver", "cat", TOKEN).strip()

    async def newest() -> Any:
        answer = await ask("receiver", "/api/v1/incidents", token)
        return next(iter(answer["incidents"]), {})

    async def resolved() -> bool:
        return bool((await newest()).get("state") == "RESOLVED")

    await break_shop("hang")
    await until(silent, "the shop hangs", deadline=10)
    await until(resolved, "the incident is resolved", deadline=180, every=0.5)
    assert await answers()
    incident = await ask("receiver", f"/api/v1/incidents/{(await newest())['id']}", token)
    told = {row["ev"]: row for row in incident["timeline"]}
    assert told["intent"]["kind"] == "restart"
    assert told["outcome"]["result"] == "ok"
    assert told["verdict"]["verdict"] == "recovered"
    assert incident["targets"] == ["shop"]


async def test_a_redis_that_stopped_is_started_and_the_letters_go_on() -> None:
    await until(lambda: measured("sum(redis_up)", 1), "Redis is seen", deadline=60)
    compose("stop", "redis")
    await until(lambda: measured("sum(redis_up)", 0), "Redis is missed", deadline=60)
    await until(lambda: measured("sum(redis_up)", 1), "Redis is back", deadline=180, every=0.5)


_SIGNAL_THE_SHOP = """
import os, pathlib
for entry in pathlib.Path("/proc").glob("[0-9]*"):
    line = (entry / "cmdline").read_bytes().replace(bytes(1), b" ").decode()
    if " -m demo.shop " in line:
        print(line)
        os.kill(int(entry.name), 9)
"""

_ASK_THE_ENGINE = """
import os, urllib.error, urllib.request
name = os.environ["REDIS_CONTAINER"]
for path in (f"containers/{name}/json", f"containers/{name}/logs", "containers/json"):
    try:
        print(urllib.request.urlopen(f"http://docker-proxy:2375/v1.41/{path}").status)
    except urllib.error.HTTPError as error:
        print(error.code)
"""
