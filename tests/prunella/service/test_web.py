from __future__ import annotations

import asyncio
from typing import cast

import pytest
from aiohttp import web

from prunella.metrics import REGISTRY
from prunella.service.application import CLIENT
from prunella.service.auth import Auth, Denied, Scope
from prunella.service.route import Route
from prunella.service.settings import ConfigError, ListenAddress, Problem
from tests.prunella.service.front_door import (
    BEARER,
    Client,
    client_of,
    handlers,
    service,
    until,
)
from tests.prunella.service.stand_ins import Counted

JSON = "Content-Type: application/json\r\n"


async def hello(_: web.Request) -> web.Response:
    return web.json_response({"hello": True})


async def test_a_service_says_that_it_is_healthy_and_ready() -> None:
    async with client_of(service()) as client:
        assert (await client.get("/-/healthy")).json == {"status": "healthy"}
        assert (await client.get("/-/ready")).json == {"status": "ready"}


async def test_a_service_that_is_not_ready_says_why() -> None:
    async with client_of(service(ready=lambda: "the journal cannot be written")) as client:
        answer = await client.get("/-/ready")
    assert answer.status == 503
    assert answer.json == {"error": "the journal cannot be written", "reason": "not_ready"}


async def test_metrics_are_served_in_the_format_asked_for() -> None:
    async with client_of(service()) as client:
        plain = await client.get("/metrics")
        openmetrics = await client.get("/metrics", "Accept: application/openmetrics-text\r\n")
    assert b"prunella_build_info{version=" in plain.body
    assert b"process_start_time_seconds" in plain.body
    assert openmetrics.body.endswith(b"# EOF\n")


async def test_metrics_can_be_picked_by_name() -> None:
    async with client_of(service()) as client:
        answer = await client.get("/metrics?name[]=process_open_fds")
    assert answer.body.count(b"# TYPE") == 1


async def test_metrics_may_ask_for_a_token() -> None:
    async with client_of(service(metrics_scope=Scope.OPERATE)) as client:
        assert (await client.get("/metrics")).status == 401
        assert (await client.get("/metrics", BEARER)).status == 200


async def test_a_route_of_the_app_takes_the_place_of_the_usual_one() -> None:
    own = (Route("GET", "/metrics", Scope.OPEN, hello),)
    async with client_of(service(routes=own)) as client:
        assert (await client.get("/metrics")).json == {"hello": True}


def test_a_route_without_a_scope_refuses_to_start() -> None:
    bare = Route("GET", "/x", cast("Scope", None), hello)
    with pytest.raises(TypeError, match="GET /x has no scope"):
        service(routes=(bare,)).served()


def test_a_route_that_nothing_answers_refuses_to_start() -> None:
    with pytest.raises(TypeError, match="nothing answers GET /x"):
        service(routes=(Route("GET", "/x", Scope.OPEN),)).served()


def test_something_can_be_put_around_a_handler_only() -> None:
    with pytest.raises(TypeError, match="GET /x has no handler"):
        _ = Route("GET", "/x", Scope.OPEN).handled


async def nobody(_: web.Request) -> str:
    raise Denied("the signature is not valid", reason="signature_wrong")


async def somebody(request: web.Request) -> str:
    return f"signed {len(await request.read())}"


async def who(request: web.Request) -> web.Response:
    return web.json_response({"client": request[CLIENT]})


@pytest.mark.parametrize(
    "bare",
    [Route("POST", "/x", Scope.SIGNED, hello), Route("POST", "/x", Scope.OPEN, hello, somebody)],
)
def test_a_route_that_proves_itself_says_how_or_does_not_start(bare: Route) -> None:
    with pytest.raises(TypeError, match="a proof and Scope"):
        service(routes=(bare,)).served()


async def test_a_request_that_proves_itself_needs_no_token_and_no_token_stands_in() -> None:
    routes = (
        Route("POST", "/good", Scope.SIGNED, who, somebody),
        Route("POST", "/bad", Scope.SIGNED, who, nobody),
    )
    async with client_of(service(routes=routes)) as client:
        assert (await client.post("/good", b"12", "")).json == {"client": "signed 2"}
        refused = await client.post("/bad", b"12", BEARER)
    assert (refused.status, refused.json["reason"]) == (401, "signature_wrong")
    assert refused.headers["www-authenticate"].startswith("Signature")


async def test_a_service_that_is_open_to_all_still_asks_for_the_proof() -> None:
    routes = (Route("POST", "/bad", Scope.SIGNED, who, nobody),)
    open_to_all = Auth({}, open_when_unset=True)
    async with client_of(service(routes=routes, auth=open_to_all)) as client:
        assert (await client.post("/bad", b"")).status == 401


async def test_every_route_that_is_not_open_refuses_without_a_token() -> None:
    served = service(reload=handlers().release.wait)
    closed = [("POST", "/echo"), ("POST", "/read"), ("POST", "/-/reload")]
    async with client_of(served) as client:
        answers = [await client.get(path, method=method) for method, path in closed]
    assert [answer.status for answer in answers] == [401] * 3
    assert answers[0].headers["www-authenticate"].startswith("Bearer")


async def test_a_known_token_without_the_scope_is_forbidden() -> None:
    async with client_of(service()) as client:
        answer = await client.post("/read", b"{}")
    assert (answer.status, answer.json["reason"]) == (403, "scope_missing")


async def test_a_handler_knows_the_name_of_the_token() -> None:
    async with client_of(service()) as client:
        answer = await client.post("/echo", b'{"a": 1}')
    assert answer.json == {"got": {"a": 1}, "client": "ops"}


async def test_a_wrong_token_is_refused_before_any_of_the_body_is_sent() -> None:
    async with client_of(service()) as client, client.connection() as connection:
        head = "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n"
        await connection.send(head)
        answer = await connection.answer()
    assert (answer.status, answer.headers["connection"]) == (401, "close")


async def test_a_client_that_asks_first_is_told_to_go_on_only_with_a_token() -> None:
    head = "POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n"
    async with client_of(service()) as client:
        async with client.connection() as connection:
            await connection.send(f"{head}\r\n")
            assert (await connection.answer()).status == 401
        async with client.connection() as connection:
            await connection.send(f"{head}{BEARER}{JSON}\r\n")
            assert (await connection.answer()).status == 100
            await connection.send("{}")
            assert (await connection.answer()).status == 200


async def test_a_body_said_to_be_too_large_is_refused_unread() -> None:
    async with client_of(service(max_body=10)) as client, client.connection() as connection:
        await connection.send(
            f"POST /echo HTTP/1.1\r\nHost: x\r\n{BEARER}{JSON}Content-Length: 11\r\n\r\n"
        )
        answer = await connection.answer()
    assert (answer.status, answer.json["reason"]) == (413, "body_too_large")


async def test_a_body_that_turns_out_too_large_is_refused_as_well() -> None:
    chunks = "Transfer-Encoding: chunked\r\n\r\n8\r\n12345678\r\n8\r\n12345678\r\n0\r\n\r\n"
    async with client_of(service(max_body=10)) as client, client.connection() as connection:
        await connection.send(f"POST /echo HTTP/1.1\r\nHost: x\r\n{BEARER}{JSON}{chunks}")
        answer = await connection.answer()
    assert (answer.status, answer.json["reason"]) == (413, "body_too_large")


async def test_a_body_of_exactly_the_limit_is_taken() -> None:
    async with client_of(service(max_body=10)) as client:
        assert (await client.post("/echo", b'"12345678"')).status == 200


@pytest.mark.parametrize(
    ("method", "path", "status", "reason"),
    [
        ("GET", "/nowhere", 404, "not_found"),
        ("GET", "/echo", 405, "method_not_allowed"),
        ("GET", "/fail/7", 500, "internal_error"),
        ("PATCH", "/echo", 405, "method_not_allowed"),
    ],
)
async def test_every_error_is_json_of_one_shape(
    method: str, path: str, status: int, reason: str
) -> None:
    async with client_of(service()) as client:
        answer = await client.get(path, method=method)
    assert answer.status == status
    assert answer.json.keys() == {"error", "reason"}
    assert answer.json["reason"] == reason


async def test_a_wrong_method_is_told_the_right_ones() -> None:
    async with client_of(service()) as client:
        assert (await client.get("/echo")).headers["allow"] == "POST"


async def test_a_bug_is_logged_but_not_shown(caplog: pytest.LogCaptureFixture) -> None:
    async with client_of(service()) as client:
        answer = await client.get("/fail/7")
    assert b"CANARY" not in answer.body
    assert "KeyError: 'CANARY'" in caplog.text


async def test_a_refusal_carries_its_headers() -> None:
    async with client_of(service()) as client:
        answer = await client.get("/refuse")
    assert answer.json == {"error": "cannot store", "reason": "store_unavailable"}
    assert (answer.status, answer.headers["retry-after"]) == (503, "5")


async def test_head_is_answered_like_get_without_the_body() -> None:
    async with client_of(service()) as client, client.connection() as connection:
        await connection.send("HEAD /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert await connection.status_line() == "HTTP/1.1 200 OK"
        assert not (await connection.rest()).partition(b"\r\n\r\n")[2]


async def test_every_answer_has_the_security_headers_and_no_version() -> None:
    async with client_of(service()) as client:
        for path in ("/-/healthy", "/nowhere", "/fail/7"):
            headers = (await client.get(path)).headers
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["x-frame-options"] == "DENY"
            assert headers["server"] == "prunella"


async def test_the_correlation_id_comes_back() -> None:
    async with client_of(service()) as client:
        given = await client.get("/nowhere", "X-Correlation-ID: req-1\r\n")
        made = await client.get("/-/healthy", "X-Correlation-ID: re q 1\r\n")
    assert given.headers["x-correlation-id"] == "req-1"
    assert len(made.headers["x-correlation-id"]) == 32


async def test_a_client_that_does_not_speak_http_gets_400_and_no_traceback_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with client_of(service()) as client, client.connection() as connection:
        await connection.send("\x16\x03\x01 nonsense\r\n\r\n")
        assert "400" in await connection.status_line()
    assert "Traceback" not in caplog.text


async def test_a_client_that_leaves_in_the_middle_of_its_body_is_no_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    gone = Counted("http_requests_total", {"method": "POST", "route": "/echo", "status": "499"})
    async with client_of(service()) as client:
        async with client.connection() as connection:
            await connection.send(
                f"POST /echo HTTP/1.1\r\nHost: x\r\n{BEARER}{JSON}Content-Length: 9\r\n\r\n"
            )
            await until(lambda: in_progress() == 1)
        await until(lambda: gone.grown == 1)
    assert caplog.text == ""


def in_progress() -> float | None:
    return REGISTRY.get_sample_value("http_requests_in_progress")


async def test_a_reload_is_answered_when_it_is_done() -> None:
    done = asyncio.Event()

    async def reload() -> None:
        done.set()

    async with client_of(service(reload=reload)) as client:
        answer = await client.post("/-/reload", b"")
    assert (answer.status, done.is_set()) == (200, True)


async def test_a_reload_that_is_refused_says_every_problem() -> None:
    async def reload() -> None:
        raise ConfigError([Problem("every", "say 30s"), Problem("x", "unknown key")])

    async with client_of(service(reload=reload)) as client:
        answer = await client.post("/-/reload", b"")
    assert answer.status == 503
    assert answer.json == {"error": "every: say 30s\nx: unknown key", "reason": "config_refused"}


async def test_reading_the_reload_route_is_not_allowed() -> None:
    async with client_of(service(reload=handlers().release.wait)) as client:
        assert (await client.get("/-/reload", BEARER)).status == 405


async def test_without_tokens_an_app_may_be_open() -> None:
    async with client_of(service(auth=Auth({}, open_when_unset=True))) as client:
        answer = await client.post("/echo", b"1", JSON)
    assert answer.json == {"got": 1, "client": ""}


async def test_a_port_that_is_taken_names_the_address_and_the_key_to_change() -> None:
    async with client_of(service()) as first:
        with pytest.raises(ConfigError) as caught:
            async with client_of(service(listen=first.address)):
                pass
    (problem,) = caught.value.problems
    assert problem.path == "server.listen"
    assert f"cannot listen on {first.address}: Address already in use" in problem.message


async def test_an_address_that_is_not_ours_is_a_config_error() -> None:
    with pytest.raises(ConfigError, match=r"cannot listen on 192\.0\.2\.1:1"):
        async with client_of(service(listen=ListenAddress("192.0.2.1", 1))):
            pass


async def test_a_request_under_way_is_finished_before_the_end() -> None:
    does = handlers()
    async with client_of(service(does)) as client:
        request = asyncio.create_task(client.get("/hang"))
        await does.hanging.wait()
        asyncio.get_running_loop().call_later(0.1, does.release.set)
    assert (await request).json == {"hung": True}


async def test_a_request_that_hangs_is_cancelled_after_the_grace() -> None:
    does = handlers()
    began = asyncio.get_running_loop().time()
    async with client_of(service(does, grace=0.2)) as client:
        request = asyncio.create_task(client.get("/hang"))
        await does.hanging.wait()
    assert asyncio.get_running_loop().time() - began < 2
    assert does.cancelled.is_set()
    with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
        await request


async def test_after_the_end_nobody_listens() -> None:
    async with client_of(service()) as client:
        address = client.address
    with pytest.raises(ConnectionRefusedError):
        await Client(address).get("/-/healthy")


async def test_the_sizes_of_bodies_are_counted() -> None:
    labels = {"method": "POST", "route": "/echo"}
    received = Counted("http_request_size_bytes_sum", labels)
    answered = Counted("http_response_size_bytes_sum", labels)
    async with client_of(service()) as client:
        answer = await client.post("/echo", b'{"a": 1}')
    assert (received.grown, answered.grown) == (8, len(answer.body))
