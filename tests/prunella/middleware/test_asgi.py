from __future__ import annotations

import asyncio
import gzip
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Host, Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocket

from prunella.correlation import correlation_id
from prunella.errors import recent_errors
from prunella.middleware.asgi import App, PrunellaMiddleware
from tests.prunella.middleware.asgi_driver import ask, drive, scope_of, socket_of
from tests.prunella.service.stand_ins import Counted

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


async def order(request: Request) -> Response:
    return PlainTextResponse(correlation_id())


async def fail(_: Request) -> Response:
    raise KeyError("bug")


async def conflict(_: Request) -> Response:
    raise HTTPException(409)


async def stamped(_: Request) -> Response:
    return PlainTextResponse("x", headers={"X-Correlation-ID": "the app's own"})


async def stream(_: Request) -> Response:
    async def parts() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"part"

    return StreamingResponse(parts())


async def break_off(_: Request) -> Response:
    async def parts() -> AsyncIterator[bytes]:
        yield b"part"
        raise KeyError("in the middle")

    return StreamingResponse(parts())


async def chat(socket: WebSocket) -> None:
    await socket.accept()
    await socket.close()


async def closed_chat(socket: WebSocket) -> None:
    await socket.close()


async def broken_chat(socket: WebSocket) -> None:
    await socket.accept()
    raise KeyError("bug")


ROUTES = [
    Route("/orders/{id:int}", order, methods=["GET", "POST"]),
    Route("/fail", fail),
    Route("/conflict", conflict),
    Route("/stream", stream),
    Route("/break-off", break_off),
    Route("/stamped", stamped),
    Mount("/api/{tenant}", routes=[Mount("/v1", routes=[Route("/items/{id}", order)])]),
    Mount("/static", StaticFiles(directory=".")),
    Host("admin.example", Starlette(routes=[Route("/admin/{id}", order)])),
    WebSocketRoute("/chat/{room}", chat),
    WebSocketRoute("/closed", closed_chat),
    WebSocketRoute("/broken", broken_chat),
]


def shop(**pages: Any) -> App:
    return PrunellaMiddleware(Starlette(routes=ROUTES), **pages)


def requests(route: str, status: str = "200", method: str = "GET") -> Counted:
    return Counted("http_requests_total", {"method": method, "route": route, "status": status})


def sized(what: str, route: str, method: str = "GET") -> Counted:
    return Counted(f"http_{what}_size_bytes_sum", {"method": method, "route": route})


@pytest.mark.parametrize(
    ("path", "route", "status"),
    [
        ("/orders/7", "/orders/{id}", "200"),
        ("/orders/7?x=1", "/orders/{id}", "200"),
        ("/orders/abc", "other", "404"),
        ("/nowhere/7", "other", "404"),
        ("/conflict", "/conflict", "409"),
        ("/stream", "/stream", "200"),
        ("/api/acme/v1/items/9", "/api/{tenant}/v1/items/{id}", "200"),
        ("/static/pyproject.toml", "/static/{path}", "200"),
        ("/static/none.css", "/static/{path}", "404"),
        ("/orders/7/", "other", "307"),
    ],
)
async def test_a_request_is_counted_once_under_its_template(
    path: str, route: str, status: str
) -> None:
    counted, in_progress = requests(route, status), Counted("http_requests_in_progress")
    sent = await ask(shop(), path)
    assert (sent.status, counted.grown, in_progress.grown) == (int(status), 1, 0)


async def test_a_host_adds_no_prefix() -> None:
    counted = requests("/admin/{id}")
    scope = scope_of("/admin/7")
    scope["headers"] = [(b"host", b"admin.example")]
    await drive(shop(), scope)
    assert counted.grown == 1


@pytest.mark.parametrize(("method", "shown"), [("DELETE", "DELETE"), ("BREW", "other")])
async def test_a_method_that_the_route_has_not_is_one_of_few_labels(
    method: str, shown: str
) -> None:
    counted = requests("/orders/{id}", "405", shown)
    await ask(shop(), "/orders/7", method)
    assert counted.grown == 1


async def test_options_are_under_the_template_as_well() -> None:
    counted = requests("/orders/{id}", "405", "OPTIONS")
    await ask(shop(), "/orders/7", "OPTIONS")
    assert counted.grown == 1


def fastapi_shop() -> FastAPI:
    items, outer, below = APIRouter(prefix="/items"), APIRouter(prefix="/shop"), FastAPI()

    @items.get("/{key}")
    async def item(key: int) -> int:
        return key

    @below.get("/plain/{key}")
    async def plain(key: int) -> int:
        return key

    outer.include_router(items)
    below.include_router(items)
    app = FastAPI()
    app.include_router(outer, prefix="/v1")
    app.include_router(outer, prefix="/v2")
    app.mount("/sub/{tenant}", below)
    app.mount("/star", Starlette(routes=[Route("/s/{id}", order)]))
    return app


@pytest.mark.parametrize(
    ("path", "route", "status"),
    [
        ("/v1/shop/items/7", "/v1/shop/items/{key}", "200"),
        ("/v2/shop/items/7", "/v2/shop/items/{key}", "200"),
        ("/v1/shop/items/x", "/v1/shop/items/{key}", "422"),
        ("/v1/shop/nothing", "other", "404"),
        ("/sub/acme/plain/7", "/sub/{tenant}/plain/{key}", "200"),
        ("/sub/acme/items/7", "/sub/{tenant}/items/{key}", "200"),
        ("/sub/acme/none", "/sub/{tenant}/{path}", "404"),
        ("/star/s/7", "/star/s/{id}", "200"),
        ("/docs", "/docs", "200"),
    ],
)
@pytest.mark.parametrize("added", [True, False])
async def test_routers_that_were_included_or_mounted_give_the_whole_template(
    path: str, route: str, status: str, *, added: bool
) -> None:
    counted, app = requests(route, status), fastapi_shop()
    if added:
        app.add_middleware(PrunellaMiddleware)
    for _ in range(2):
        await ask(app if added else PrunellaMiddleware(app), path)
    assert counted.grown == 2


async def test_ten_thousand_hostile_paths_and_methods_make_no_series() -> None:
    app, others = shop(), requests("other", "404", "other")
    for number in range(10_000):
        await ask(app, f"/{number}/%00\u202e/../{number}", f"M{number}")
    assert others.grown == 10_000


async def test_the_correlation_id_goes_through_the_handler_and_back() -> None:
    sent = await ask(shop(), "/orders/7", x_correlation_id="req-1")
    assert (sent.headers["x-correlation-id"], sent.body) == ("req-1", b"req-1")


@pytest.mark.parametrize("forged", ["a\r\nSet-Cookie: x", "a\nb", "a b", "\xff", "x" * 129, ""])
async def test_a_header_cannot_be_injected_by_an_id(forged: str) -> None:
    sent = await ask(shop(), "/orders/7", x_correlation_id=forged)
    shown = sent.headers["x-correlation-id"]
    assert (len(shown), shown.isalnum(), shown) == (32, True, sent.body.decode())


async def test_an_id_of_the_apps_own_is_replaced_and_not_doubled() -> None:
    sent = await ask(shop(), "/stamped", x_correlation_id="req-1")
    assert [v for n, v in sent.messages[0]["headers"] if n == b"x-correlation-id"] == [b"req-1"]


async def test_an_error_is_counted_and_tracked_once_and_has_its_id() -> None:
    counted = requests("/fail", "500")
    with pytest.raises(KeyError):
        await ask(shop(), "/fail", x_correlation_id="req-1")
    mark = str(recent_errors()[0]["fingerprint"])
    tracked = Counted("app_errors_total", {"severity": "error", "fingerprint": mark})
    with pytest.raises(KeyError):
        await ask(shop(), "/fail", x_correlation_id="req-2")
    assert (counted.grown, tracked.grown) == (2, 1)
    assert recent_errors()[0]["correlation_id"] == "req-2"
    assert recent_errors()[0]["context"] == {"method": "GET", "route": "/fail", "unhandled": True}


async def test_a_stream_that_breaks_off_is_a_failure() -> None:
    counted = requests("/break-off", "500")
    with pytest.raises(BaseException):  # noqa: B017, PT011 - a group or the error itself, by Starlette's version
        await ask(shop(), "/break-off")
    assert counted.grown == 1


async def answered(scope: Any, receive: Any, send: Any) -> None:
    """Goes on when the client has its answer, as with BackgroundTasks."""
    scope["path_template"] = "/answered"
    await send({"type": "http.response.start", "status": 202, "headers": []})
    await send({"type": "http.response.body", "body": b"a"})
    await scope["afterwards"]()


async def test_what_an_app_does_after_its_answer_is_not_in_its_time() -> None:
    done: list[float] = []

    async def afterwards() -> None:
        done.append(time.perf_counter())
        await asyncio.sleep(0.02)

    labels = {"method": "GET", "route": "/answered"}
    seconds = Counted("http_request_duration_seconds_sum", labels)
    began = time.perf_counter()
    await drive(PrunellaMiddleware(answered), {**scope_of("/"), "afterwards": afterwards})
    assert 0 < seconds.grown <= done[0] - began


async def test_what_fails_after_the_answer_is_tracked_and_the_answer_counted_as_it_was() -> None:
    async def afterwards() -> None:
        raise KeyError("too late")

    counted, failed = requests("/answered", "202"), requests("/answered", "500")
    with pytest.raises(KeyError):
        await drive(PrunellaMiddleware(answered), {**scope_of("/"), "afterwards": afterwards})
    assert (counted.grown, failed.grown) == (1, 0)
    assert "too late" in str(recent_errors()[0])


async def gone(scope: Any, receive: Any, send: Any) -> None:
    raise ClientDisconnect


async def half(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"a", "more_body": True})


async def nothing(scope: Any, receive: Any, send: Any) -> None:
    """An app that forgets to answer; the server will say 500."""


async def headless(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.body", "body": b"no header before it"})


@pytest.mark.parametrize(
    ("app", "status"), [(gone, "499"), (half, "499"), (nothing, "500"), (headless, "500")]
)
async def test_how_a_request_ends_without_an_answer_is_told(app: App, status: str) -> None:
    counted, in_progress = requests("other", status), Counted("http_requests_in_progress")
    errors = len(recent_errors())
    try:
        await ask(PrunellaMiddleware(app), "/")
    except ClientDisconnect:
        assert app is gone
    assert (counted.grown, in_progress.grown, len(recent_errors())) == (1, 0, errors)


async def test_a_request_that_is_called_off_is_counted_as_gone() -> None:
    counted, begun = requests("other", "499"), asyncio.Event()

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        begun.set()
        await asyncio.sleep(3600)

    task = asyncio.create_task(ask(PrunellaMiddleware(slow), "/"))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert counted.grown == 1


@pytest.mark.parametrize(
    ("path", "route", "status"),
    [("/chat/lobby", "/chat/{room}", "101"), ("/closed", "/closed", "403"), ("/none", "other", "403")],
)  # fmt: skip
async def test_a_websocket_is_counted_once_and_is_no_latency(
    path: str, route: str, status: str
) -> None:
    counted = requests(route, status)
    timed = Counted("http_request_duration_seconds_count", {"method": "GET", "route": route})
    await drive(shop(), socket_of(path), {"type": "websocket.connect"})
    assert (counted.grown, timed.grown) == (1, 0)


async def test_a_websocket_that_breaks_is_a_failure_and_tracked() -> None:
    counted = requests("/broken", "500")
    with pytest.raises(KeyError):
        await drive(shop(), socket_of("/broken"), {"type": "websocket.connect"})
    assert counted.grown == 1
    assert recent_errors()[0]["context"] == {"method": "GET", "route": "/broken", "unhandled": True}


async def test_a_websocket_is_given_the_id_when_it_is_accepted() -> None:
    sent = await drive(shop(), socket_of("/chat/lobby"), {"type": "websocket.connect"})
    assert "x-correlation-id" in sent.headers


async def test_sizes_are_those_of_the_bodies() -> None:
    received, answered = sized("request", "/orders/{id}", "POST"), sized("response", "/stream")
    await ask(shop(), "/orders/7", "POST", content_length="1500")
    await ask(shop(), "/orders/7", "POST", content_length="-1")
    await ask(shop(), "/stream")
    assert (received.grown, answered.grown) == (1500, 12)


async def test_a_traced_request_leaves_its_trace_as_an_exemplar() -> None:
    app = shop(metrics_path="/metrics")
    await ask(app, "/orders/7", traceparent=f"00-{TRACE}-00f067aa0ba902b7-01")
    page = await ask(app, "/metrics", accept="application/openmetrics-text; version=1.0.0")
    lines = [line for line in page.body.decode().splitlines() if f'trace_id="{TRACE}"' in line]
    assert lines
    assert all(line.startswith("http_request_duration_seconds_bucket{") for line in lines)


async def test_metrics_are_answered_where_asked_for_and_compressed_if_wanted() -> None:
    app = shop(metrics_path="/metrics")
    page = await ask(app, "/metrics?name[]=http_requests_in_progress", accept_encoding="gzip")
    assert page.body.startswith(b"# HELP http_requests_in_progress ")
    whole = await ask(app, "/metrics", accept_encoding="br, gzip;q=0.5")
    assert whole.headers["content-encoding"] == "gzip"
    assert b"http_requests_total" in gzip.decompress(whole.body)
    assert (await ask(app, "/metrics", accept_encoding="gzip;q=0")).body.startswith(b"# HELP")


async def test_the_answer_to_a_head_has_no_body() -> None:
    page = await ask(shop(metrics_path="/metrics"), "/metrics", "HEAD")
    assert (page.body, int(page.headers["content-length"]) > 100) == (b"", True)


async def test_pages_are_found_below_the_prefix_of_a_proxy() -> None:
    scope = scope_of("/api/metrics")
    scope["root_path"] = "/api"
    assert (await drive(shop(metrics_path="/metrics"), scope)).status == 200


async def test_pages_are_not_answered_unasked_nor_to_a_post() -> None:
    assert (await ask(shop(), "/metrics")).status == 404
    assert (await ask(shop(metrics_path="/metrics"), "/metrics", "POST")).status == 404


async def test_health_is_answered_where_asked_for() -> None:
    page = await ask(shop(health_path="/health"), "/health")
    assert (page.status, page.headers["content-type"]) == (200, "application/json")


async def test_errors_are_shown_to_who_has_the_token_only() -> None:
    app = shop(errors_path="/errors.json", errors_token="s3cret")
    assert (await ask(app, "/errors.json")).status == 401
    assert (await ask(app, "/errors.json", authorization="Bearer wrong")).status == 401
    shown = await ask(app, "/errors.json", authorization="Bearer s3cret")
    assert (shown.status, shown.body[:11]) == (200, b'{"errors": ')


def test_errors_without_a_token_are_refused_at_start() -> None:
    with pytest.raises(ValueError, match="errors_token"):
        shop(errors_path="/errors.json")


async def test_the_lifespan_passes_through() -> None:
    heard: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        heard.append(scope["type"])

    await PrunellaMiddleware(app)({"type": "lifespan"}, None, None)  # type: ignore[arg-type]  # it uses neither
    assert heard == ["lifespan"]


async def test_middleware_of_others_around_it_changes_nothing() -> None:
    counted = requests("/orders/{id}")
    app = Starlette(routes=ROUTES, middleware=[Middleware(PrunellaMiddleware)])
    await ask(app, "/orders/7")
    assert counted.grown == 1


async def test_a_framework_of_another_kind_can_name_its_routes() -> None:
    named, told = requests("/by/hand"), requests("/told/{id}")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        scope["path_template"] = "/told/{id}"
        await PlainTextResponse("x")(scope, receive, send)

    await ask(PrunellaMiddleware(app, route_of=lambda _: "/by/hand"), "/")
    await ask(PrunellaMiddleware(app), "/")
    assert (named.grown, told.grown) == (1, 1)
