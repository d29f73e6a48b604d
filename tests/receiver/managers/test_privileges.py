"""What docs/examples gives to the receiver is enough for the managers and for nothing else."""

from __future__ import annotations

import configparser
import json
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
import yaml
from yarl import URL

from receiver.managers.base import ManagerError, ProcessState
from receiver.managers.docker import Docker
from receiver.managers.systemd import Systemd
from tests.receiver.managers.docker_tales import SLEEP, the_tools
from tests.receiver.managers.test_systemd import shown
from tests.receiver.stand_ins import Ran, StandInPrograms, a_toolbox
from tests.servers.docker_engine import StandInEngine, stand_in_engine
from tests.servers.haproxy import haproxy

EXAMPLES = Path(__file__).parents[3] / "docs" / "examples"
PROXY = (EXAMPLES / "docker-socket-proxy.cfg").read_text()
ASKED = """
let rule; const polkit = {Result: {YES: "yes"}, addRule: (given) => { rule = given; }};
eval(require("fs").readFileSync(process.argv[1], "utf8"));
const [id, unit, verb, user] = process.argv.slice(2);
process.stdout.write(String(rule({id, lookup: (key) => ({unit, verb})[key]}, {user})));
"""
MANAGE = "org.freedesktop.systemd1.manage-units"


async def orders_of(manager: Systemd) -> list[Ran]:
    """All that the manager ever starts."""
    programs = StandInPrograms(lambda ran: shown(CanReload="yes", MainPID="4194305"))
    tools = a_toolbox(programs=programs)
    await manager.restart(tools)
    await manager.reload(tools)
    await manager.signal(tools, "SIGUSR2")
    return [ran for ran in programs.ran if "show" not in ran.argv]


async def test_the_sudoers_lines_are_what_the_manager_says() -> None:
    text = (EXAMPLES / "systemctl-by-sudo").read_text()
    for ran in await orders_of(Systemd(unit="api")):
        assert f"NOPASSWD: /usr/bin/{' '.join(ran.argv)}\n" in text


def test_looking_needs_no_sudo(tmp_path: Path) -> None:
    script = tmp_path / "systemctl-by-sudo"
    (tmp_path / "sudo").write_text('#!/bin/sh\necho sudo "$@"\n')
    (tmp_path / "sudo").chmod(0o755)
    shipped = (EXAMPLES / "systemctl-by-sudo").read_text()
    script.write_text(shipped.replace("exec /usr/bin/systemctl", "exec echo itself"))
    for words, said in (
        (["--no-pager", "show", "api.service"], "itself --no-pager show api.service"),
        (["--no-pager", "restart", "a.service"], "sudo -n /usr/bin/systemctl --no-pager restart a.service"),
    ):  # fmt: skip
        env = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
        done = subprocess.run(["sh", str(script), *words], env=env, capture_output=True, check=True)
        assert done.stdout.decode().strip() == said


@pytest.mark.server
@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        ((MANAGE, "api.service", "restart", "prunella"), "yes"),
        ((MANAGE, "worker.service", "kill", "prunella"), "yes"),
        ((MANAGE, "api.service", "reload", "prunella"), "yes"),
        ((MANAGE, "ssh.service", "restart", "prunella"), "undefined"),
        ((MANAGE, "api.service", "stop", "prunella"), "undefined"),
        ((MANAGE, "api.service", "restart", "mallory"), "undefined"),
        (("org.freedesktop.systemd1.manage-unit-files", "api.service", "restart", "prunella"), "undefined"),
    ],
)  # fmt: skip
def test_the_polkit_rule_gives_these_services_and_verbs(
    asked: tuple[str, ...], answer: str
) -> None:
    argv = ["node", "-e", ASKED, str(EXAMPLES / "50-prunella.rules"), *asked]
    done = subprocess.run(argv, capture_output=True, check=True, timeout=20)
    assert done.stdout.decode() == answer


@pytest_asyncio.fixture
async def engine() -> AsyncIterator[StandInEngine]:
    async with stand_in_engine() as started:
        yield started


@pytest.mark.server
async def test_through_the_proxy_the_manager_does_all_its_work(
    engine: StandInEngine, tmp_path: Path
) -> None:
    await engine.run("api", SLEEP)
    async with haproxy(tmp_path, PROXY, engine.url) as url:
        manager, tools = Docker(container="api", url=url), the_tools()
        before = await manager.status(tools)
        await manager.restart(tools)
        after = await manager.status(tools)
        assert (after.state, before.started_at != after.started_at) == (ProcessState.UP, True)
        assert after.pids == ()  # those of another machine, as far as we know
        assert await manager.resident_bytes(tools)
        await manager.signal(tools, "SIGUSR2")


@pytest.mark.server
@pytest.mark.parametrize(
    ("method", "path"),
    [
        *(("GET", "/containers/json"), ("GET", "/v1.41/containers/db/json"), ("GET", "/info")),
        *(("POST", "/v1.41/containers/db/restart"), ("POST", "/v1.41/containers/api/exec")),
        *(("POST", "/v1.41/containers/create"), ("POST", "/v1.41/containers/api/stop")),
        *(("DELETE", "/v1.41/containers/api"), ("POST", "/v1.41/containers/api/kill")),
        *(("POST", "/v1.41/containers/api/kill?signal=SIGKILL"), ("POST", "/version")),
        *(("GET", "/v1.41/containers/api/logs"), ("POST", "/v1.41/containers/api%2F..%2Fdb/restart")),
        *(("PUT", "/v1.41/containers/api/archive"), ("POST", "/v1.41/containers/x/../db/restart")),
    ],
)  # fmt: skip
async def test_through_the_proxy_nothing_else_gets(
    engine: StandInEngine, tmp_path: Path, method: str, path: str
) -> None:
    await engine.run("api", SLEEP)
    async with haproxy(tmp_path, PROXY, engine.url) as url, aiohttp.ClientSession() as session:
        engine.asked.clear()
        target = URL(f"{url}{path}", encoded=True)
        async with session.request(method, target) as answer:
            assert answer.status == 403
    assert engine.asked == []


@pytest.mark.server
async def test_what_the_proxy_forbids_is_said(engine: StandInEngine, tmp_path: Path) -> None:
    await engine.run("db", SLEEP)
    async with haproxy(tmp_path, PROXY, engine.url) as url:
        with pytest.raises(ManagerError, match="forbids GET /containers/db/json") as caught:
            await Docker(container="db", url=url).restart(the_tools())
    assert not caught.value.started


def test_only_the_proxy_holds_the_socket_and_nobody_else_reaches_it() -> None:
    shipped: dict[str, Any] = yaml.safe_load((EXAMPLES / "docker-socket-proxy.yml").read_text())
    proxy = shipped["services"].pop("docker-proxy")
    assert any("docker.sock" in volume for volume in proxy["volumes"])
    assert "docker.sock" not in json.dumps(shipped)
    assert (proxy["cap_drop"], proxy["read_only"], "ports" in proxy) == (["ALL"], True, False)
    assert shipped["networks"][proxy["networks"][0]] == {"internal": True}


@pytest.mark.parametrize("name", ["receiver", "exporter"])
def test_our_own_services_have_few_rights(name: str) -> None:
    unit = configparser.RawConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]  # systemd's keys are not lower case
    unit.read(EXAMPLES / f"prunella-{name}.service")
    service = unit["Service"]
    for key in (
        "NoNewPrivileges",
        "PrivateTmp",
        "PrivateDevices",
        "ProtectHome",
        "LockPersonality",
    ):
        assert service[key] == "yes"
    assert (service["ProtectSystem"], service["CapabilityBoundingSet"]) == ("strict", "")
    assert f"prunella-{name} --config=/etc/prunella/{name}.yml" in service["ExecStart"]
    assert service["Restart"] == "always"
