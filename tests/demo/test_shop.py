from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestClient, TestServer
from aiohttp.web import Application, Request

from demo.shop.__main__ import main
from demo.shop.app import create_app
from demo.shop.faults import MEBIBYTE, Fault, Kind
from demo.shop.release import Release
from tests.servers.ports import free_port
from tests.servers.process import ServerProcess, answers, running, start, until

Shop = TestClient[Request, Application]


@pytest.fixture
async def shop() -> Any:
    async with TestClient(TestServer(create_app())) as client:
        yield client


async def break_it(shop: Shop, **fault: object) -> None:
    assert (await shop.post("/admin/fault", json=fault)).status == 200


async def served(shop: Shop, status: str) -> float:
    """How many requests of /products the shop's own metrics count with this status."""
    text = await (await shop.get("/metrics")).text()
    pattern = rf'http_requests_total{{method="GET",route="/products",status="{status}"}} (\S+)'
    found = re.search(pattern, text)
    return float(found[1]) if found else 0.0


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/health", 200), ("GET", "/version", 200), ("GET", "/products", 200), ("POST", "/checkout", 201)],
)  # fmt: skip
async def test_a_healthy_shop_serves(shop: Shop, method: str, path: str, status: int) -> None:
    assert (await shop.request(method, path)).status == status


async def test_errors_hit_what_customers_need_and_are_counted(shop: Shop) -> None:
    before = await served(shop, "500")
    await break_it(shop, kind="errors")
    assert (await shop.get("/products")).status == 500
    assert (await shop.get("/health")).status == 200
    assert await served(shop, "500") == before + 1


async def test_none_mends_it(shop: Shop) -> None:
    await break_it(shop, kind="errors")
    await break_it(shop, kind="none")
    assert (await shop.get("/products")).status == 200


async def test_what_is_wrong_with_a_release_no_switch_turns_off() -> None:
    flawed = Release("1.2.0", "1.2.0", Fault(Kind.ERRORS))
    async with TestClient(TestServer(create_app(release=flawed))) as shop:
        await break_it(shop, kind="none")
        assert (await shop.get("/products")).status == 500
        assert (await shop.get("/health")).status == 200


async def test_it_answers_with_the_version_that_its_release_says() -> None:
    async with TestClient(TestServer(create_app(release=Release("1.2.0", "1.1.0")))) as shop:
        assert await (await shop.get("/version")).json() == {"version": "1.1.0"}


async def test_latency_makes_a_request_slow(shop: Shop) -> None:
    await break_it(shop, kind="latency", seconds=0.2)
    began = asyncio.get_running_loop().time()
    assert (await shop.get("/products")).status == 200
    assert asyncio.get_running_loop().time() - began >= 0.2


async def test_a_leak_really_takes_memory_and_ends_at_its_bound(shop: Shop) -> None:
    await break_it(shop, kind="leak", megabytes=2, per_second=40)

    async def leaked() -> bool:
        return bool((await (await shop.get("/admin/fault")).json())["leaked"] >= 2 * MEBIBYTE)

    await until(leaked, "two megabytes are held")
    await break_it(shop, kind="none")
    assert await leaked()


async def test_the_switch_wants_json_so_that_no_web_page_can_turn_it(shop: Shop) -> None:
    assert (await shop.post("/admin/fault", data='{"kind": "errors"}')).status == 415
    assert (await shop.post("/admin/fault", json={"kind": "fire"})).status == 422


@pytest.mark.parametrize("address", [":0", "0.0.0.0:0", "[::]:0"])
def test_it_does_not_listen_where_strangers_could_break_it(
    address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--listen", address]) == 2
    assert "--anyone-may-break-it" in capsys.readouterr().err


def shop_process(folder: Path, port: int) -> ServerProcess:
    return start("shop", [sys.executable, "-m", "demo.shop", f"--listen=127.0.0.1:{port}"], folder)


async def send_fault(url: str, kind: str) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{url}/admin/fault", json={"kind": kind}) as response,
    ):
        assert response.status == 200


@pytest.mark.server
async def test_a_crash_ends_the_process(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{(port := free_port())}"
    async with running(shop_process(tmp_path, port), lambda: answers(f"{url}/health")) as shop:
        await send_fault(url, "crash")
        await until(lambda: not shop.running, "the shop has crashed")
        assert shop.popen.returncode == 70


@pytest.mark.server
async def test_a_hang_answers_nobody_and_no_polite_signal(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{(port := free_port())}"
    async with running(shop_process(tmp_path, port), lambda: answers(f"{url}/health")) as shop:
        await send_fault(url, "hang")

        async def silent() -> bool:
            return not await answers(f"{url}/health", patience=0.3)

        await until(silent, "nothing is answered")
        assert await shop.stop(timeout=0.3) == -9


@pytest.mark.server
async def test_a_taken_port_is_named(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{(port := free_port())}"
    async with running(shop_process(tmp_path, port), lambda: answers(f"{url}/health")):
        (folder := tmp_path / "second").mkdir()
        second = shop_process(folder, port)
        await until(lambda: not second.running, "the second gives up")
        assert f"127.0.0.1:{port}" in second.output()
        assert second.popen.returncode == 2
