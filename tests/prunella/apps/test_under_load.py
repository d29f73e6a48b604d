"""Real servers under a real load: what the kit counted is what the client counted."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp
import pytest

from tests.prunella.apps.serving import SERVERS, Key, Served, serving
from tests.servers.hey import hey
from tests.servers.process import until

pytestmark = pytest.mark.server

NUMBER = 640
ORDERS = {"flask": "/orders/<key>", "django": "/orders/<key>", "django-asgi": "/orders/<key>"}


async def became(app: Served, wanted: dict[Key, float]) -> None:
    """The end of an answer and its count are not the same moment for a client."""

    async def the_same() -> bool:
        return await app.requests() == wanted

    try:
        await until(the_same, "the counts are the client's", deadline=5)
    except AssertionError:
        assert await app.requests() == wanted


@pytest.mark.parametrize("framework", SERVERS)
async def test_the_counts_are_the_clients(framework: str, tmp_path: Path) -> None:
    order = ORDERS.get(framework, "/orders/{key}")
    key = order.removeprefix("/orders/")
    async with serving(framework, tmp_path) as app:
        answers: object = await asyncio.gather(
            hey(f"{app.url}/orders/7?q=1", NUMBER),
            hey(f"{app.url}/fail/7", 64),
            hey(f"{app.url}/nowhere/7", 64),
            hey(f"{app.url}/stream", 64),
            hey(f"{app.url}/api/items/9", 64),
        )
        wanted = ({"200": NUMBER}, {"500": 64}, {"404": 64}, {"200": 64}, {"200": 64})
        assert answers == [*wanted]
        await became(
            app,
            {
                ("GET", order, "200"): NUMBER,
                ("GET", f"/fail/{key}", "500"): 64,
                ("GET", "other", "404"): 64,
                ("GET", "/stream", "200"): 64,
                ("GET", f"/api/items/{key}", "200"): 64,
            },
        )
        assert await app.value("http_request_duration_seconds_count", route=order) == NUMBER
        assert await app.value("app_errors_total", severity="error") == 64
        assert await app.value("http_requests_in_progress") == 1  # the scrape itself
        await no_header_of_a_client_becomes_one_of_the_answer(app)


async def no_header_of_a_client_becomes_one_of_the_answer(app: Served) -> None:
    async with aiohttp.ClientSession() as session:
        for received in ("req-1", "a b", "x" * 129, 'a"b', "é"):
            headers = {"X-Correlation-ID": received}
            async with session.get(f"{app.url}/orders/7", headers=headers) as answer:
                shown = answer.headers["X-Correlation-ID"]
            assert shown == received if received == "req-1" else len(shown) == 32


async def test_the_workers_of_gunicorn_are_counted_together(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    environ = {"PROMETHEUS_MULTIPROC_DIR": str(shared)}
    async with serving("flask", tmp_path, "--workers", "2", **environ) as app:
        await hey(f"{app.url}/orders/7", NUMBER, 16, "-disable-keepalive")
        await became(app, {("GET", "/orders/<key>", "200"): NUMBER})
        assert (
            await app.value("http_request_duration_seconds_count", route="/orders/<key>") == NUMBER
        )
    assert len(list(shared.glob("counter_*.db"))) >= 2


@pytest.mark.parametrize("framework", ["aiohttp", "starlette"])
async def test_websockets_and_clients_that_leave_are_counted_once(
    framework: str, tmp_path: Path
) -> None:
    async with serving(framework, tmp_path) as app:
        async with aiohttp.ClientSession() as session:
            for _ in range(5):
                async with session.ws_connect(f"{app.url}/chat") as socket:
                    await socket.send_str("hello")
                    assert await socket.receive_str() == "hello"
            for _ in range(5):
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.3), session.get(f"{app.url}/slow") as answer:
                        await answer.read()
        await became(app, {("GET", "/chat", "101"): 5, ("GET", "/slow", "499"): 5})
        assert await app.value("http_request_duration_seconds_count", route="/chat") == 0
        assert await app.value("http_requests_in_progress") == 1
