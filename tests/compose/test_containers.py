"""Against the containers that docker/compose-test has started; conftest.py leaves this file alone otherwise."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest

from tests.compose.containers import ask, break_shop, inside, rights, running
from tests.servers.process import until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(200)]
TOKEN = "/run/prunella/operate_token"
every_container = pytest.mark.parametrize("name", running())


async def test_all_parts_run_and_are_seen_by_prometheus() -> None:
    assert {"receiver", "exporter", "shop", "traffic", "redis"} <= set(running())
    await until(lambda: _measured("sum(up)", 5), "five parts up", deadline=60)


@pytest.mark.parametrize("series", ["redis_up", "prunella_process_up", "probe_success"])
async def test_the_exporter_reaches_what_it_watches(series: str) -> None:
    await until(lambda: _measured(f"sum({series})", 1), series, deadline=60)


@every_container
def test_it_is_nobody_special_without_capabilities_or_ways_to_get_them(name: str) -> None:
    found = rights(name)
    assert "0" not in found["Uid"].split()
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
    await until(_silent, "the shop hangs", deadline=10)
    await until(resolved, "the incident is resolved", deadline=180, every=0.5)
    assert await _answers()
    incident = await ask("receiver", f"/api/v1/incidents/{(await newest())['id']}", token)
    told = {row["ev"]: row for row in incident["timeline"]}
    assert told["intent"]["kind"] == "restart"
    assert told["outcome"]["result"] == "ok"
    assert told["verdict"]["verdict"] == "recovered"
    assert incident["targets"] == ["shop"]


async def _measured(query: str, value: float) -> bool:
    answer = await ask("prometheus", f"/api/v1/query?query={query}")
    result = answer["data"]["result"]
    return bool(result) and float(result[0]["value"][1]) == value


async def _answers() -> bool:
    try:
        return bool(await ask("shop", "/products"))
    except (aiohttp.ClientError, TimeoutError):
        return False


async def _silent() -> bool:
    return not await _answers()


_SIGNAL_THE_SHOP = """
import os, pathlib
for entry in pathlib.Path("/proc").glob("[0-9]*"):
    line = (entry / "cmdline").read_bytes().replace(bytes(1), b" ").decode()
    if " -m demo.shop " in line:
        print(line)
        os.kill(int(entry.name), 9)
"""
