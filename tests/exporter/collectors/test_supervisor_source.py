from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
import xmlrpc.client
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from exporter.collectors.base import World
from exporter.collectors.process_sources.base import SourceError
from exporter.collectors.process_sources.look import Snapshot
from exporter.collectors.process_sources.matched import MatchedEntry
from exporter.collectors.process_sources.supervisor import SupervisorEntry
from exporter.collectors.processes import Processes
from tests.exporter.collecting import collect
from tests.exporter.reading import value
from tests.servers.process import until
from tests.servers.supervisor import supervisord

SLEEPER = [sys.executable, "-c", "import time; time.sleep(600)"]
CRASHER = [sys.executable, "-c", "raise SystemExit(3)"]
PROC = Path("/proc")


def entry(name: str, url: str) -> SupervisorEntry:
    return SupervisorEntry(name=name, manager="supervisor", url=url)


def struct(members: Mapping[str, str]) -> str:
    """A value of these members, as XML."""
    inner = "".join(
        f"<member><name>{name}</name><value>{value}</value></member>"
        for name, value in members.items()
    )
    return f"<value><struct>{inner}</struct></value>"


@pytest.mark.server
async def test_programs_are_up_or_not_over_both_kinds_of_socket(tmp_path: Path) -> None:
    programs = {"sleeper": SLEEPER, "crasher": CRASHER}
    async with supervisord(tmp_path, programs, startsecs="0", autorestart="false") as server:
        await until(lambda: "exited: crasher" in server.log.read_text(), "the crasher has crashed")
        for url in (server.url, server.http_url):
            found = await collect(
                Processes([entry(n, url) for n in ("sleeper", "crasher", "nobody")], World())
            )
            up = [
                value(found, "prunella_process_up", name=n)
                for n in ("sleeper", "crasher", "nobody")
            ]
            assert up == [1, 0, 0]
            assert found.problems == ()


@pytest.mark.server
async def test_a_restart_is_counted(tmp_path: Path) -> None:
    async with supervisord(tmp_path, {"sleeper": SLEEPER}, startsecs="0") as server:
        collector = Processes([entry("sleeper", server.url)], World())
        (reading,) = (
            await SupervisorEntry.read([entry("sleeper", server.url)], Snapshot(PROC))
        ).values()
        assert value(await collect(collector), "prunella_process_restarts_total") == 0
        # Supervisor says its starts in whole seconds.
        await until(lambda: _second_is_over(reading.starts[0]), "the second is over")
        os.kill(reading.roots[0], signal.SIGKILL)

        async def counted() -> bool:
            return value(await collect(collector), "prunella_process_restarts_total") == 1

        await until(counted, "the restart is counted")


def _second_is_over(since: float) -> bool:
    return time.time() >= since + 1


async def test_no_supervisord_is_a_problem_and_down() -> None:
    found = await collect(Processes([entry("api", "unix:///nowhere/s.sock")], World()))
    assert value(found, "prunella_process_up", name="api") == 0
    assert "supervisord at unix:///nowhere/s.sock" in found.problems[0]


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (401, "", "HTTP 401"),
        (200, "this is <not xml", "no XML-RPC"),
        (200, "<methodResponse><params><param><value><int>1</int></value></param></params></methodResponse>", "no list"),
        (200, "x" * (5 << 20), "too long"),
    ],
    ids=["refused", "not-xml", "not-a-list", "too-long"],
)  # fmt: skip
async def test_an_odd_answer_is_said_in_one_line(status: int, body: str, said: str) -> None:
    async with answering(body, status) as url:
        with pytest.raises(SourceError, match=said) as raised:
            await SupervisorEntry.read([entry("api", url)], Snapshot(PROC))
    assert len(str(raised.value)) < 200


@pytest.mark.parametrize(
    ("code", "text", "said"),
    [
        ("<int>6</int>", "SHUTDOWN_STATE", "fault 6, SHUTDOWN_STATE"),
        ("<int>10</int>", "BAD_NAME: hunter2", "fault 10, BAD_NAME"),
        ("<int>1</int>", "hunter2 is wrong\n", "fault 1"),
        ("<int>1</int>", "TOKEN=hunter2", "fault 1"),
        (f"<int>1{'0' * 400}</int>", "", "fault without a number"),
        ("<string>hunter2</string>", "", "fault without a number"),
        ("<int>2</int>", "X" * 999, "fault 2"),
    ],
)
async def test_a_fault_is_told_by_its_number_and_name_alone(
    code: str, text: str, said: str
) -> None:
    fault = {"faultCode": code, "faultString": f"<string>{text}</string>"}
    async with answering(f"<methodResponse><fault>{struct(fault)}</fault></methodResponse>") as url:
        found = await collect(Processes([entry("api", url)], World()))
    assert found.problems == (f"supervisord at {url}: {said}",)


API = {
    "name": "<string>api</string>",
    "group": "<string>api</string>",
    "statename": "<string>RUNNING</string>",
    "pid": "<int>7</int>",
    "start": "<int>5</int>",
}
A_LIST = "<array><data><value><int>7</int></value></data></array>"


@pytest.mark.parametrize(
    "program",
    [
        "<value><struct><member><name>name</name></member></struct></value>",
        "<value><bigdecimal>x</bigdecimal></value>",
        "<value><int>1</int></value>",
        f"<value>{A_LIST}</value>",
        *(struct({**API, "start": f"<{kind}"}) for kind in ("double>inf</double>", "double>nan</double>", f"int>{10**400}</int>")),
        *(struct({**API, "pid": pid}) for pid in (A_LIST, f"<int>{10**400}</int>", "<int>-1</int>", "<string>7</string>")),
        struct({**API, "statename": A_LIST, "pid": A_LIST}),
    ],
)  # fmt: skip
async def test_a_program_that_cannot_be_is_said_and_costs_no_other_source(program: str) -> None:
    async with answering(
        "<methodResponse><params><param><value><array><data>"
        f"{program}</data></array></value></param></params></methodResponse>"
    ) as url:
        both = [entry("api", url), MatchedEntry(name="me", match=".")]
        found = await collect(Processes(both, World()))
    assert value(found, "prunella_process_up", name="api") == 0
    assert value(found, "prunella_process_up", name="me") == 1
    (problem,) = found.problems
    assert problem.endswith("its answer is no XML-RPC") or "not the answer expected" in problem


async def test_name_and_password_are_sent(tmp_path: Path) -> None:
    seen: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append(request.headers.get("Authorization", ""))
        return web.Response(status=401)

    app = web.Application()
    app.router.add_post("/RPC2", answer)
    async with TestServer(app) as server:
        one = SupervisorEntry.model_validate(
            {
                "name": "api",
                "manager": "supervisor",
                "url": str(server.make_url("")).rstrip("/"),
                "username": "ops",
                "password": "hunter2",
            }
        )
        with pytest.raises(SourceError) as raised:
            await SupervisorEntry.read([one], Snapshot(PROC))
    assert seen == ["Basic b3BzOmh1bnRlcjI="]
    assert "hunter2" not in f"{raised.value} {one!r}"


@pytest.mark.server
async def test_a_hanging_supervisord_is_down_in_time(tmp_path: Path) -> None:
    async with supervisord(tmp_path, {"sleeper": SLEEPER}, startsecs="0") as server:
        collector = Processes([entry("sleeper", server.url)], World())

        async def up() -> bool:
            return value(await collect(collector), "prunella_process_up") == 1

        await until(up, "the program runs")
        os.kill(server.pid, signal.SIGSTOP)
        found = await collector.collect(asyncio.get_running_loop().time() + 0.5)
        os.kill(server.pid, signal.SIGCONT)
        assert value(found, "prunella_process_up") == 0
        assert found.problems == ("supervisor: no answer in time",)
        await until(up, "it is up again")


@pytest.mark.parametrize(
    "name", ["web:api_00", "web", "web:*", "api_00"], ids=["full", "group", "all", "program"]
)
async def test_a_program_is_found_by_each_of_its_names(name: str) -> None:
    programs = [program("api_00", "web", pid=7), program("other", "other", pid=8)]
    async with supervisord_saying(programs) as url:
        (reading,) = (await SupervisorEntry.read([entry(name, url)], Snapshot(PROC))).values()
    assert (reading.up, reading.roots) == (True, (7,))


@pytest.mark.parametrize("state", ["STARTING", "BACKOFF", "STOPPED", "FATAL", "EXITED"])
async def test_a_group_is_up_when_all_of_it_runs(state: str) -> None:
    programs = [program("a", "web", pid=7), program("b", "web", state=state)]
    async with supervisord_saying(programs) as url:
        (reading,) = (await SupervisorEntry.read([entry("web", url)], Snapshot(PROC))).values()
    assert not reading.up


def program(name: str, group: str, *, pid: int = 0, state: str = "RUNNING") -> dict[str, object]:
    return {"name": name, "group": group, "pid": pid, "statename": state, "start": 1700000000}


@asynccontextmanager
async def supervisord_saying(programs: list[dict[str, object]]) -> AsyncIterator[str]:
    """Answers every call with this list."""
    async with answering(xmlrpc.client.dumps((programs,), methodresponse=True)) as url:
        yield url


@asynccontextmanager
async def answering(text: str, status: int = 200) -> AsyncIterator[str]:
    """Answers every call with this."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(text=text, status=status)

    app = web.Application()
    app.router.add_post("/RPC2", answer)
    async with TestServer(app) as server:
        yield str(server.make_url("")).rstrip("/")
