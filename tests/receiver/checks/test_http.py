from __future__ import annotations

import pytest
from pydantic import ValidationError

from receiver.checks.http import HttpAnswer
from receiver.decide.verdict import Outcome, Sample
from receiver.outside.http import open_http
from receiver.tools import OutsideError, Response, Tools
from tests.receiver.checks.scenes import a_scene
from tests.receiver.stand_ins import StandInHttp, StandInPrograms, SteppedClock, a_toolbox
from tests.servers.ports import free_port


async def look(answer: Response | OutsideError, **options: object) -> Sample:
    check = HttpAnswer.model_validate({"path": "/health", **options})
    scene = a_scene(base_url="http://127.0.0.1:3000/app")
    return await check.sample(scene, a_toolbox(http=StandInHttp(answer)))


async def test_it_gets_the_path_below_the_targets_address() -> None:
    http = StandInHttp(Response(200))
    scene = a_scene(base_url="http://127.0.0.1:3000/app")
    sample = await HttpAnswer(path="/health").sample(scene, a_toolbox(http=http))
    (asked,) = http.asked
    assert (asked.method, asked.url, asked.timeout) == (
        "GET",
        "http://127.0.0.1:3000/app/health",
        5,
    )
    assert sample == Sample(Outcome.PASS, "answered 200")


async def test_an_address_of_its_own_needs_no_target_address() -> None:
    http = StandInHttp(Response(200))
    check = HttpAnswer(url="http://lb/health")
    assert (await check.sample(a_scene(), a_toolbox(http=http))).outcome is Outcome.PASS
    assert check.needs() is None


@pytest.mark.parametrize("status", [201, 301, 404, 503])
async def test_another_status_is_a_failure(status: int) -> None:
    assert await look(Response(status)) == Sample(Outcome.FAIL, f"answered {status}, wanted 200")


async def test_what_is_wanted_can_be_said() -> None:
    assert (await look(Response(404), status=[200, 404])).outcome is Outcome.PASS
    assert (await look(Response(204), status="2xx")).outcome is Outcome.PASS


async def test_the_body_has_to_contain_the_text() -> None:
    assert (
        await look(Response(200, b'{"status":"ok \xc3\xa9"}'), body="ok é")
    ).outcome is Outcome.PASS
    assert (await look(Response(200, b"degraded c4nary"), body="ok")) == Sample(
        Outcome.FAIL, "answered 200 without the wanted body"
    )


async def test_the_body_is_a_text_and_not_a_pattern() -> None:
    assert (await look(Response(200, b"okay"), body="o.*y")).outcome is Outcome.FAIL


async def test_silence_is_a_failure_of_the_target() -> None:
    sample = await look(OutsideError("GET http://127.0.0.1:3000: no answer within 5 s"))
    assert sample.outcome is Outcome.FAIL
    assert sample.direct


async def test_nobody_listening_is_a_failure_of_the_target() -> None:
    scene = a_scene(base_url=f"http://127.0.0.1:{free_port()}")
    async with open_http() as http:
        tools = Tools(clock=SteppedClock(), http=http, programs=StandInPrograms())
        sample = await HttpAnswer(path="/health").sample(scene, tools)
    assert sample.outcome is Outcome.FAIL
    assert "Connection refused" in sample.detail


async def test_a_target_without_an_address_cannot_be_judged() -> None:
    sample = await HttpAnswer(path="/health").sample(a_scene(), a_toolbox())
    assert sample.outcome is Outcome.NO_DATA
    assert HttpAnswer(path="/health").needs() == "http"


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"path": "/x", "url": "http://h/"},
        {"path": "//evil.example/"},
        {"path": "/x", "status": "fine"},
        {"path": "/x", "body": ""},
        {"path": "/x", "timeout": "0"},
    ],
)
def test_a_look_that_makes_no_sense_is_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        HttpAnswer.model_validate(options)
