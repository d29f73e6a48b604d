from __future__ import annotations

import gzip
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import flask
import pytest
from flask import Blueprint, Flask

from prunella.cardinality import Bounded
from prunella.correlation import correlation_id
from prunella.errors import recent_errors
from prunella.middleware import measure
from prunella.middleware.wsgi import ROUTE, PrunellaMiddleware
from tests.prunella.middleware.wsgi_driver import ask
from tests.prunella.service.stand_ins import Counted

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def parts() -> Iterator[bytes]:
    for _ in range(3):
        yield correlation_id().encode()


def broken() -> Iterator[bytes]:
    yield b"part"
    raise KeyError("in the middle")


def fail() -> str:
    raise KeyError("bug")


def shop(**pages: Any) -> Flask:
    app, api = Flask(__name__), Blueprint("api", __name__, url_prefix="/api/<tenant>")
    app.add_url_rule("/orders/<int:key>", "order", lambda key: correlation_id(), methods=["GET", "POST"])  # fmt: skip
    app.add_url_rule("/fail", "fail", fail)
    app.add_url_rule("/conflict", "conflict", lambda: flask.abort(409))
    app.add_url_rule("/stream", "stream", lambda: flask.Response(parts()))
    app.add_url_rule("/broken", "broken", lambda: flask.Response(broken()))
    app.add_url_rule("/slash/", "slash", lambda: "x")
    api.add_url_rule("/items/<key>", "item", lambda tenant, key: "x")
    app.register_blueprint(api)
    app.wsgi_app = PrunellaMiddleware(app.wsgi_app, **pages)  # type: ignore[method-assign]  # as Flask's own documents do it
    return app


def requests(route: str, status: str = "200", method: str = "GET") -> Counted:
    return Counted("http_requests_total", {"method": method, "route": route, "status": status})


@pytest.mark.parametrize(
    ("path", "route", "status"),
    [
        ("/orders/7", "/orders/<int:key>", "200"),
        ("/orders/7?x=1", "/orders/<int:key>", "200"),
        ("/orders/x", "other", "404"),
        ("/nowhere", "other", "404"),
        ("/conflict", "/conflict", "409"),
        ("/fail", "/fail", "500"),
        ("/stream", "/stream", "200"),
        ("/slash", "other", "308"),
        ("/api/acme/items/9", "/api/<tenant>/items/<key>", "200"),
        ("/static/none.css", "/static/<path:filename>", "404"),
    ],
)
def test_a_request_is_counted_once_under_its_rule(path: str, route: str, status: str) -> None:
    counted, in_progress = requests(route, status), Counted("http_requests_in_progress")
    answer = ask(shop(), path)
    assert (answer.status, counted.grown, in_progress.grown) == (int(status), 1, 0)


@pytest.mark.parametrize(
    ("method", "shown", "route", "status"),
    [("OPTIONS", "OPTIONS", "/orders/<int:key>", "200"), ("DELETE", "DELETE", "other", "405"), ("BREW", "other", "other", "405")],
)  # fmt: skip
def test_other_methods_are_few_labels(method: str, shown: str, route: str, status: str) -> None:
    counted = requests(route, status, shown)
    ask(shop(), "/orders/7", method)
    assert counted.grown == 1


def test_a_thousand_hostile_paths_and_methods_make_no_series() -> None:
    app, others = shop(), requests("other", "404", "other")
    for number in range(1_000):
        ask(app, f"/{number}/\xff\r\n/{number}", f"M{number}")
    assert others.grown == 1_000


def test_ten_thousand_routes_of_a_careless_app_are_five_hundred() -> None:
    before = measure._routes
    measure._routes = Bounded("http_requests_total", limit=500)
    dropped = Counted("prunella_series_dropped_total", {"metric": "http_requests_total"})
    app = PrunellaMiddleware(plain, route_of=lambda environ: str(environ["PATH_INFO"]))
    for number in range(10_000):
        ask(app, f"/careless/{number}")
    measure._routes = before
    assert dropped.grown >= 9_500
    assert len(measure._known) <= measure._MOST


def test_the_correlation_id_goes_through_the_handler_and_back() -> None:
    answer = ask(shop(), "/orders/7", HTTP_X_CORRELATION_ID="req-1")
    assert (answer.headers["X-Correlation-ID"], answer.body) == ("req-1", b"req-1")


def test_a_stream_has_the_id_in_each_of_its_parts() -> None:
    assert ask(shop(), "/stream", HTTP_X_CORRELATION_ID="a").body == b"aaa"
    assert correlation_id() == ""


@pytest.mark.parametrize("forged", ["a\r\nSet-Cookie: x", "a b", "\xff", "x" * 129])
def test_a_header_cannot_be_injected_by_an_id(forged: str) -> None:
    answer = ask(shop(), "/orders/7", HTTP_X_CORRELATION_ID=forged)
    shown = answer.headers["X-Correlation-ID"]
    assert (len(shown), shown.isalnum(), shown) == (32, True, answer.body.decode())


def test_an_error_that_flask_answers_is_tracked_once_with_its_rule() -> None:
    answer = ask(shop(), "/fail", HTTP_X_CORRELATION_ID="req-9")
    newest = recent_errors()[0]
    assert (newest["type"], newest["correlation_id"]) == ("KeyError", "req-9")
    assert newest["context"] == {"method": "GET", "route": "/fail", "unhandled": True}
    assert answer.headers["X-Correlation-ID"] == "req-9"


def test_a_stream_that_breaks_off_is_a_failure() -> None:
    counted = requests("/broken", "500")
    with pytest.raises(KeyError):
        ask(shop(), "/broken")
    assert counted.grown == 1


def test_a_client_that_leaves_a_stream_is_counted_as_gone() -> None:
    counted = requests("/stream", "499")
    ask(shop(), "/stream", parts=1)
    assert counted.grown == 1


@pytest.mark.parametrize("path", ["/orders/<int:key>", "/stream"])
def test_what_was_read_to_its_end_is_counted_once_though_only_some_close_it(path: str) -> None:
    app, counted = shop().test_client(), requests(path)
    answer = app.get(path.replace("<int:key>", "7"))
    assert answer.data
    assert counted.grown == 1
    answer.close()
    assert counted.grown == 1


def plain(environ: dict[str, Any], start: Any) -> list[bytes]:
    environ[ROUTE] = "/told"
    start("200 OK", [("Content-Type", "text/plain")])(b"ab")
    return [b"cde"]


def failing(environ: dict[str, Any], start: Any) -> list[bytes]:
    raise KeyError("bug")


def test_any_app_can_say_what_its_route_is() -> None:
    told = requests("/told")
    size = Counted("http_response_size_bytes_sum", {"method": "GET", "route": "/told"})
    assert ask(PrunellaMiddleware(plain), "/").body == b"abcde"
    named = requests("/named")
    ask(PrunellaMiddleware(plain, route_of=lambda _: "/named"), "/")
    assert (told.grown, named.grown, size.grown) == (1, 1, 5)


def test_an_error_that_comes_out_of_an_app_is_counted_and_tracked() -> None:
    counted = requests("other", "500")
    with pytest.raises(KeyError):
        ask(PrunellaMiddleware(failing), "/", HTTP_X_CORRELATION_ID="req-5")
    assert (counted.grown, recent_errors()[0]["correlation_id"]) == (1, "req-5")


def test_a_server_may_ask_how_many_parts_there_are() -> None:
    answer: Any = PrunellaMiddleware(plain)({"REQUEST_METHOD": "GET"}, lambda *_: lambda _: None)
    assert len(answer) == 1
    answer.close()


def test_many_threads_lose_no_request() -> None:
    app, counted = shop(), requests("/orders/<int:key>")
    in_progress = Counted("http_requests_in_progress")
    with ThreadPoolExecutor(8) as threads:
        for number in range(1000):
            threads.submit(ask, app, f"/orders/{number}")
    assert (counted.grown, in_progress.grown) == (1000, 0)


def test_sizes_are_those_of_the_bodies() -> None:
    labels = {"method": "POST", "route": "/orders/<int:key>"}
    received = Counted("http_request_size_bytes_sum", labels)
    for size in ("1500", "-1", "x", "", "\xb2"):
        ask(shop(), "/orders/7", "POST", CONTENT_LENGTH=size)
    assert received.grown == 1500


def test_pages_are_answered_where_asked_for() -> None:
    app = shop(metrics_path="/metrics", health_path="/health")
    counted = requests("/metrics")
    page = ask(app, "/metrics", HTTP_ACCEPT_ENCODING="gzip")
    assert b"http_requests_total" in gzip.decompress(page.body)
    assert ask(app, "/metrics?name[]=http_requests_in_progress").body.count(b"# HELP") == 1
    assert ask(app, "/metrics", "HEAD").body == b""
    assert ask(app, "/health").status == 200
    assert counted.grown == 2
    assert ask(shop(), "/metrics").status == 404


def test_errors_are_shown_to_who_has_the_token_only() -> None:
    app = shop(errors_path="/errors.json", errors_token="s3cret")
    assert ask(app, "/errors.json").status == 401
    assert ask(app, "/errors.json", HTTP_AUTHORIZATION="Bearer s3cret").status == 200


def test_a_traced_request_has_the_trace_as_its_id() -> None:
    answer = ask(shop(), "/orders/7", HTTP_TRACEPARENT=f"00-{TRACE}-00f067aa0ba902b7-01")
    assert answer.body == TRACE.encode()
