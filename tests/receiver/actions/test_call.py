from __future__ import annotations

import pytest
from pydantic import ValidationError

from receiver.actions.base import ActionFailed
from receiver.actions.call import Call
from receiver.managers.pm2 import Pm2
from receiver.tools import OutsideError, Response
from tests.receiver.actions.effects import a_target, an_effect
from tests.receiver.stand_ins import StandInHttp, a_toolbox

TARGET = a_target(base_url="http://127.0.0.1:3000/app")


def call(**options: object) -> Call:
    return Call.model_validate(options)


async def test_a_path_is_asked_below_the_targets_address() -> None:
    http = StandInHttp(Response(204))
    said = await call(path="/admin/gc").run(an_effect(TARGET, timeout=9), a_toolbox(http=http))
    (asked,) = http.asked
    assert (asked.method, asked.url) == ("POST", "http://127.0.0.1:3000/app/admin/gc")
    assert (asked.body, asked.timeout) == (None, 9)
    assert asked.headers == {"Idempotency-Key": "a-1"}
    assert said.text == "POST /admin/gc was answered with 204 in 0.0 s"


async def test_an_address_of_its_own_needs_no_target_address() -> None:
    http = StandInHttp(Response(200))
    action = call(url="https://hooks.example/reset?token=c4nary", method="put")
    said = await action.run(an_effect(), a_toolbox(http=http))
    assert http.asked[0].method == "PUT"
    assert "c4nary" not in said.text
    assert action.needs() is None


@pytest.mark.parametrize(
    ("body", "kind", "sent"),
    [
        ({"a": [1, None]}, "application/json", b'{"a": [1, null]}'),
        ([1], "application/json", b"[1]"),
        ("flush", "text/plain; charset=utf-8", b"flush"),
    ],
)
async def test_a_body_is_sent_as_it_is_written(body: object, kind: str, sent: bytes) -> None:
    http = StandInHttp(Response(200))
    await call(path="/x", body=body).run(an_effect(TARGET), a_toolbox(http=http))
    assert (http.asked[0].headers["Content-Type"], http.asked[0].body) == (kind, sent)


@pytest.mark.parametrize("status", [302, 404, 500])
async def test_another_answer_than_expected_is_a_failure(status: int) -> None:
    http = StandInHttp(Response(status, b"c4nary"))
    with pytest.raises(ActionFailed, match=f"POST /x was answered with {status}$") as caught:
        await call(path="/x?t=c4nary").run(an_effect(TARGET), a_toolbox(http=http))
    assert caught.value.started
    assert not caught.value.unknown


async def test_what_is_expected_can_be_said() -> None:
    http = StandInHttp(Response(409))
    await call(path="/x", expect=[200, 409]).run(an_effect(TARGET), a_toolbox(http=http))


@pytest.mark.parametrize("sent", [True, False])
async def test_a_lost_connection_is_unknown_and_a_refused_one_never_began(sent: bool) -> None:
    http = StandInHttp(OutsideError("lost", sent=sent))
    with pytest.raises(ActionFailed, match="lost") as caught:
        await call(path="/x").run(an_effect(TARGET), a_toolbox(http=http))
    assert (caught.value.started, caught.value.unknown) == (sent, sent)


async def test_a_target_without_an_address_was_not_called() -> None:
    http = StandInHttp()
    with pytest.raises(ActionFailed) as caught:
        await call(path="/x").run(an_effect(), a_toolbox(http=http))
    assert not caught.value.started
    assert http.asked == []


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"path": "/x", "url": "http://h/"},
        {"path": "//evil.example/"},
        {"path": "/../admin"},
        {"path": "x"},
        {"url": "file:///etc/passwd"},
        {"path": "/x", "method": "POST /y"},
        {"path": "/x", "expect": "fine"},
        {"path": "/x", "headers": {}},
    ],
)
def test_a_request_that_makes_no_sense_is_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        call(**options)


@pytest.mark.parametrize(
    ("method", "repeatable"), [("GET", True), ("head", True), ("POST", False), ("PUT", False)]
)
def test_only_a_read_may_be_done_twice(method: str, repeatable: bool) -> None:
    assert call(path="/x", method=method).idempotent is repeatable


def test_it_starts_no_program_whoever_manages_the_process() -> None:
    managed = a_target(base_url="http://127.0.0.1:3000", process=Pm2(name="api"))
    assert call(path="/admin/gc").executables(managed) == ()


def test_its_promises() -> None:
    assert Call.from_config_only
    assert call(path="/x").needs() == "http"
