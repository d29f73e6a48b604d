from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer, make_mocked_request

from prunella.correlation import correlation_id
from prunella.metrics import REGISTRY
from prunella.middleware.aiohttp import middleware, stamp
from tests.prunella.service.front_door import until
from tests.prunella.service.stand_ins import Counted

Shop = TestClient[web.Request, web.Application]


async def order(request: web.Request) -> web.Response:
    return web.json_response({"order": request.match_info["id"], "as": correlation_id()})


async def fail(_: web.Request) -> web.Response:
    raise KeyError("bug")


async def teapot(_: web.Request) -> web.Response:
    raise web.HTTPConflict


async def stream(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write(b"part")
    return response


async def chat(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    await socket.send_str(correlation_id())
    return socket


@asynccontextmanager
async def shop(metrics_path: str | None = None) -> AsyncIterator[Shop]:
    app = web.Application(middlewares=[middleware(metrics_path)])
    app.router.add_get("/orders/{id}", order)
    app.router.add_get("/fail", fail)
    app.router.add_get("/conflict", teapot)
    app.router.add_get("/stream", stream)
    app.router.add_get("/chat", chat)
    app.on_response_prepare.append(stamp)
    async with TestClient(TestServer(app)) as client:
        yield client


def requests(route: str, status: str, method: str = "GET") -> Counted:
    labels = {"method": method, "route": route, "status": status}
    return Counted("http_requests_total", labels)


async def test_a_request_is_counted_under_its_template() -> None:
    counted = requests("/orders/{id}", "200")
    async with shop() as client:
        await client.get("/orders/7")
        await client.get("/orders/8?x=1")
    assert counted.grown == 2


async def test_a_request_is_timed_once() -> None:
    labels = {"method": "GET", "route": "/orders/{id}"}
    counted = Counted("http_request_duration_seconds_count", labels)
    async with shop() as client:
        await client.get("/orders/7")
    assert counted.grown == 1


@pytest.mark.parametrize(
    ("path", "route", "status"),
    [
        ("/nowhere/7", "other", "404"),
        ("/conflict", "/conflict", "409"),
        ("/fail", "/fail", "500"),
        ("/stream", "/stream", "200"),
    ],
)
async def test_whatever_a_request_comes_to_it_is_counted_once(
    path: str, route: str, status: str
) -> None:
    counted = requests(route, status)
    async with shop() as client:
        assert (await client.get(path)).status == int(status)
    assert counted.grown == 1


async def test_a_wrong_method_is_counted_as_another_route() -> None:
    counted = requests("other", "405", method="DELETE")
    async with shop() as client:
        await client.delete("/orders/7")
    assert counted.grown == 1


async def test_a_method_that_a_client_made_up_is_one_label() -> None:
    counted = requests("other", "405", method="other")
    async with shop() as client:
        for method in ("PURGE", "PROPFIND"):
            await client.request(method, "/orders/7")
    assert counted.grown == 2


async def test_a_client_that_leaves_is_counted_as_gone() -> None:
    started, counted = asyncio.Event(), requests("/slow", "499")

    async def slow(_: web.Request) -> web.Response:
        started.set()
        await asyncio.sleep(3600)
        return web.Response()

    app = web.Application(middlewares=[middleware()])
    app.router.add_get("/slow", slow)
    async with TestClient(TestServer(app)) as client:  # cancels handlers, unlike our services
        request = asyncio.create_task(client.get("/slow"))
        await started.wait()
        request.cancel()
        await client.session.close()
        await until(lambda: counted.grown == 1)


async def test_requests_in_progress_come_back_to_nothing() -> None:
    in_progress = Counted("http_requests_in_progress")
    async with shop() as client:
        for path in ("/orders/7", "/fail", "/nowhere", "/conflict"):
            await client.get(path)
    assert in_progress.grown == 0


async def test_the_correlation_id_goes_through_the_handler_and_back() -> None:
    async with shop() as client:
        answer = await client.get("/orders/7", headers={"X-Correlation-ID": "req-1"})
        assert answer.headers["X-Correlation-ID"] == "req-1"
        assert (await answer.json())["as"] == "req-1"


async def test_a_raised_answer_has_the_correlation_id_too() -> None:
    async with shop() as client:
        answer = await client.get("/conflict", headers={"X-Correlation-ID": "req-1"})
    assert answer.headers["X-Correlation-ID"] == "req-1"


async def test_a_stream_and_a_websocket_have_it_where_the_app_says_so() -> None:
    headers = {"X-Correlation-ID": "req-1"}
    async with shop() as client:
        answer = await client.get("/stream", headers=headers)
        assert answer.headers.getall("X-Correlation-ID") == ["req-1"]
        async with client.ws_connect("/chat", headers=headers) as socket:
            assert await socket.receive_str() == "req-1"
            assert socket._response.headers.getall("X-Correlation-ID") == ["req-1"]
        answer = await client.get("/nowhere", headers=headers)
        assert answer.headers.getall("X-Correlation-ID") == ["req-1"]


async def test_a_thousand_hostile_paths_and_methods_make_no_series() -> None:
    app, others = web.Application(middlewares=[middleware()]), requests("other", "404", "other")
    app.freeze()
    for number in range(1_000):
        forged = make_mocked_request(f"M{number}", f"/{number}/%00\u202e/../{number}")
        with pytest.raises(web.HTTPNotFound):
            await app._handle(forged)
    assert others.grown == 1_000


async def test_metrics_are_answered_where_asked_for() -> None:
    async with shop(metrics_path="/metrics") as client:
        answer = await client.get("/metrics")
        assert b"http_requests_total" in await answer.read()
        assert answer.content_type == "text/plain"


async def test_metrics_are_not_answered_unasked() -> None:
    async with shop() as client:
        assert (await client.get("/metrics")).status == 404


async def test_posting_to_the_metrics_is_not_found() -> None:
    async with shop(metrics_path="/metrics") as client:
        assert (await client.post("/metrics")).status == 404


def test_the_buckets_hold_the_bounds_that_the_rules_ask_for() -> None:
    async def one_request() -> None:
        async with shop() as client:
            await client.get("/orders/7")

    asyncio.run(one_request())
    (metric,) = (m for m in REGISTRY.collect() if m.name == "http_request_duration_seconds")
    bounds = {sample.labels["le"] for sample in metric.samples if "le" in sample.labels}
    wanted = {"0.005", "0.1", "0.25", "0.5", "1.0", "2.0", "3.0", "5.0", "10.0", "30.0", "+Inf"}
    assert wanted <= bounds


async def test_two_answers_of_one_route_are_counted_apart() -> None:
    answers = iter((200, 404, 200))

    async def sometimes(_: web.Request) -> web.Response:
        return web.Response(status=next(answers))

    app = web.Application(middlewares=[middleware()])
    app.router.add_get("/sometimes", sometimes)
    found, missed = requests("/sometimes", "200"), requests("/sometimes", "404")
    async with TestClient(TestServer(app)) as client:
        for _ in range(3):
            await client.get("/sometimes")
    assert (found.grown, missed.grown) == (2, 1)
