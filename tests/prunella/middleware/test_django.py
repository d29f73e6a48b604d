from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator
from typing import Any

import django
import pytest
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.test import RequestFactory

from prunella.correlation import correlation_id
from prunella.errors import recent_errors
from prunella.middleware.asgi import App as AsgiApp
from prunella.middleware.django import PrunellaMiddleware
from prunella.middleware.wsgi import App
from tests.prunella.middleware import asgi_driver, django_project
from tests.prunella.middleware.wsgi_driver import ask
from tests.prunella.service.stand_ins import Counted

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def shop() -> App:
    django.setup()
    return WSGIHandler()


def async_shop() -> AsgiApp:
    django.setup()
    handler: Any = ASGIHandler()
    app: AsgiApp = handler
    return app


async def ask_async(path: str, method: str = "GET", **headers: str) -> asgi_driver.Sent:
    """A client that stays until the answer has come."""
    done, sent = asyncio.Event(), asgi_driver.Sent()

    async def receive() -> Any:
        if not sent.messages and not receiving:
            receiving.append(True)
            return {"type": "http.request", "body": b""}
        await done.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.messages.append(message)
        if message["type"] == "http.response.body" and not message.get("more_body"):
            done.set()

    receiving: list[bool] = []
    await async_shop()(asgi_driver.scope_of(path, method, **headers), receive, send)
    return sent


def requests(route: str, status: str = "200", method: str = "GET") -> Counted:
    return Counted("http_requests_total", {"method": method, "route": route, "status": status})


PATHS = [
    ("/orders/7/", "/orders/<int:key>/", "200"),
    ("/later/7/", "/later/<int:key>/", "200"),
    ("/nowhere", "other", "404"),
    ("/fail/", "/fail/", "500"),
    ("/none/", "/none/", "404"),
    ("/denied/", "/denied/", "403"),
    ("/stream/", "/stream/", "200"),
    ("/api/acme/items/9", "/api/<slug:tenant>/items/<int:key>", "200"),
    ("/old/7", "/old/(?P<key>[0-9]+)$", "200"),
]


@pytest.mark.parametrize(("path", "route", "status"), PATHS)
def test_a_request_is_counted_once_under_its_route(path: str, route: str, status: str) -> None:
    counted, in_progress = requests(route, status), Counted("http_requests_in_progress")
    answer = ask(shop(), path)
    assert (answer.status, counted.grown, in_progress.grown) == (int(status), 1, 0)


@pytest.mark.filterwarnings(
    "ignore:StreamingHttpResponse must consume synchronous iterators:Warning"
)
@pytest.mark.parametrize(("path", "route", "status"), PATHS)
async def test_the_same_holds_where_it_is_served_by_asgi(
    path: str, route: str, status: str
) -> None:
    counted, in_progress = requests(route, status), Counted("http_requests_in_progress")
    answer = await ask_async(path)
    assert (answer.status, counted.grown, in_progress.grown) == (int(status), 1, 0)


def test_the_correlation_id_goes_through_the_view_and_back() -> None:
    answer = ask(shop(), "/orders/7/", HTTP_X_CORRELATION_ID="req-1")
    assert (answer.headers["X-Correlation-ID"], answer.body) == ("req-1", b"req-1")


@pytest.mark.parametrize("path", ["/orders/7/", "/later/7/"])
async def test_the_id_goes_through_sync_and_async_views_alike(path: str) -> None:
    answer = await ask_async(path, x_correlation_id="req-1")
    assert answer.body == b"req-1"


@pytest.mark.parametrize("forged", ["a\r\nSet-Cookie: x", "a b", "\xff", "x" * 129])
def test_a_header_cannot_be_injected_by_an_id(forged: str) -> None:
    shown = ask(shop(), "/orders/7/", HTTP_X_CORRELATION_ID=forged).headers["X-Correlation-ID"]
    assert (len(shown), shown.isalnum()) == (32, True)


@pytest.mark.filterwarnings(
    "ignore:StreamingHttpResponse must consume synchronous iterators:Warning"
)
@pytest.mark.parametrize("served_by", ["wsgi", "asgi"])
async def test_an_error_that_django_answers_is_tracked_once_with_its_route(served_by: str) -> None:
    if served_by == "wsgi":
        ask(shop(), "/fail/", HTTP_X_CORRELATION_ID=f"req-{served_by}")
    else:
        await ask_async("/fail/", x_correlation_id=f"req-{served_by}")
    newest = recent_errors()[0]
    assert (newest["type"], newest["correlation_id"]) == ("KeyError", f"req-{served_by}")
    assert newest["context"] == {"method": "GET", "route": "/fail/", "unhandled": True}


def test_a_refusal_is_no_error() -> None:
    before = recent_errors()
    for path in ("/none/", "/denied/", "/nowhere"):
        ask(shop(), path)
    assert recent_errors() == before


async def test_a_client_that_leaves_is_counted_as_gone() -> None:
    counted, in_progress = requests("/hang/", "499"), Counted("http_requests_in_progress")
    body = {"type": "http.request", "body": b""}
    await asgi_driver.drive(async_shop(), asgi_driver.scope_of("/hang/"), body)
    assert (counted.grown, in_progress.grown) == (1, 0)


async def test_pages_are_answered_where_the_settings_say() -> None:
    app = shop()
    page = await asyncio.to_thread(ask, app, "/metrics", HTTP_ACCEPT_ENCODING="gzip")
    assert b"http_requests_total" in gzip.decompress(page.body)
    assert b"http_requests_total" in (await ask_async("/metrics")).body
    assert (await ask_async("/health")).status == 200
    assert (await ask_async("/errors.json")).status == 401
    assert (await ask_async("/errors.json", authorization="Bearer s3cret")).status == 200


def test_a_thousand_hostile_paths_and_methods_make_no_series() -> None:
    app, others = shop(), requests("other", "404", "other")
    for number in range(1_000):
        ask(app, f"/{number}/\xff", f"M{number}")
    assert others.grown == 1_000


def test_a_stream_that_breaks_in_the_middle_is_a_500_and_tracked_under_its_id() -> None:
    counted, fine = requests("/breaks/", "500"), requests("/breaks/", "200")
    with pytest.raises(RuntimeError, match="middle"):
        ask(shop(), "/breaks/", HTTP_X_CORRELATION_ID="req-broken")
    newest = recent_errors()[0]
    assert (counted.grown, fine.grown) == (1, 0)
    assert (newest["type"], newest["correlation_id"]) == ("RuntimeError", "req-broken")


async def streamed(parts: AsyncIterator[bytes]) -> HttpResponseBase:
    """What the middleware makes of a view that answers with this stream; nothing closes it, as in Django's ASGI."""

    async def view(_: HttpRequest) -> HttpResponseBase:
        return StreamingHttpResponse(parts)

    django.setup()
    answer: HttpResponseBase = await PrunellaMiddleware(view)(RequestFactory().get("/"))
    return answer


async def test_an_async_stream_that_breaks_is_a_500_and_over_though_nobody_closes_it() -> None:
    async def parts() -> AsyncIterator[bytes]:
        yield b"part"
        raise RuntimeError("in the middle")

    counted, in_progress = requests("other", "500"), Counted("http_requests_in_progress")
    response: Any = await streamed(parts())
    with pytest.raises(RuntimeError, match="middle"):
        async for _ in response:
            pass
    assert (counted.grown, in_progress.grown) == (1, 0)


async def test_an_async_stream_that_ends_is_counted_as_its_answer() -> None:
    async def parts() -> AsyncIterator[bytes]:
        yield correlation_id().encode()

    counted = requests("other")
    response: Any = await streamed(parts())
    assert [part async for part in response] == [response["X-Correlation-ID"].encode()]
    assert counted.grown == 1


async def test_an_async_stream_that_is_called_off_is_counted_as_gone() -> None:
    async def parts() -> AsyncIterator[bytes]:
        yield b"part"
        raise asyncio.CancelledError

    counted, in_progress = requests("other", "499"), Counted("http_requests_in_progress")
    response: Any = await streamed(parts())
    with pytest.raises(asyncio.CancelledError):
        async for _ in response:
            pass
    assert (counted.grown, in_progress.grown) == (1, 0)


def test_a_client_that_leaves_a_stream_is_counted_as_gone() -> None:
    counted = requests("/stream/", "499")
    assert ask(shop(), "/stream/", parts=1).body == b"part"
    assert counted.grown == 1


def test_a_stream_runs_under_the_id_of_its_request() -> None:
    answer = ask(shop(), "/breaks/", parts=1, HTTP_X_CORRELATION_ID="req-1")
    assert answer.body == b"req-1"


def test_a_length_that_is_no_number_hurts_nobody() -> None:
    counted = requests("/orders/<int:key>/")
    assert ask(shop(), "/orders/7/", CONTENT_LENGTH="\xb2").status == 200
    assert counted.grown == 1


def test_sizes_are_those_of_the_bodies() -> None:
    labels = {"method": "POST", "route": "/orders/<int:key>/"}
    received = Counted("http_request_size_bytes_sum", labels)
    answered = Counted("http_response_size_bytes_sum", labels)
    ask(shop(), "/orders/7/", "POST", CONTENT_LENGTH="1500", HTTP_X_CORRELATION_ID="abc")
    assert (received.grown, answered.grown) == (1500, 3)


def test_the_project_says_what_it_is_served_with() -> None:
    assert django_project.MIDDLEWARE[0] == "prunella.middleware.django.PrunellaMiddleware"
