from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from receiver.outside.alertmanager import AlertmanagerApi
from receiver.outside.http import open_http
from receiver.tools import ActiveAlert, OutsideError, PartialAnswerError, Response
from tests.receiver.stand_ins import Asked, StandInHttp
from tests.servers.alertmanager import alertmanager, webhook_config
from tests.servers.process import until


def an_alert(
    fingerprint: str = "f1", starts: str = "1970-01-01T00:01:40Z", **status: Any
) -> dict[str, Any]:
    return {
        "fingerprint": fingerprint,
        "labels": {"alertname": "A"},
        "annotations": {"summary": "s"},
        "startsAt": starts,
        "generatorURL": "http://p/graph",
        "status": {"state": "active", "silencedBy": [], "inhibitedBy": [], **status},
    }


class Replicas:
    """Answers by host name."""

    def __init__(self, **answers: list[dict[str, Any]] | OutsideError) -> None:
        self._answers = answers
        self.urls = [f"http://{name}" for name in answers]
        self.silences: Response | OutsideError = Response(200, b"[]")

    def __call__(self, asked: Asked) -> Response | OutsideError:
        if asked.url.endswith("/silences"):
            return self.silences
        answer = self._answers[asked.url.split("/")[2]]
        return (
            answer
            if isinstance(answer, OutsideError)
            else Response(200, json.dumps(answer).encode())
        )


async def ask(**answers: list[dict[str, Any]] | OutsideError) -> tuple[ActiveAlert, ...]:
    replicas = Replicas(**answers)
    return await AlertmanagerApi(StandInHttp(replicas), replicas.urls).alerts()


async def test_an_alert_is_read_as_it_is_shown() -> None:
    assert await ask(one=[an_alert(starts="1970-01-01T01:01:40.250+01:00")]) == (
        ActiveAlert("f1", {"alertname": "A"}, {"summary": "s"}, 100.25, False, False, "http://p/graph"),
    )  # fmt: skip


async def test_silenced_and_inhibited_are_told_apart() -> None:
    silenced, inhibited = await ask(
        one=[an_alert("f1", silencedBy=["s"]), an_alert("f2", inhibitedBy=["f9"])]
    )
    assert (silenced.silenced, silenced.inhibited) == (True, False)
    assert (inhibited.silenced, inhibited.inhibited) == (False, True)


OURS = {"id": "own", "createdBy": "prunella", "comment": "Prunella is repairing incident 1"}


@pytest.mark.parametrize(
    ("by", "silenced"), [(["own"], False), (["own", "ann's"], True), (["ann's"], True)]
)
async def test_what_we_have_silenced_ourselves_is_not_silenced(
    by: list[str], silenced: bool
) -> None:
    replicas = Replicas(one=[an_alert(silencedBy=by)])
    replicas.silences = Response(200, json.dumps([OURS, {"id": "ann's"}, None]).encode())
    (alert,) = await AlertmanagerApi(StandInHttp(replicas), replicas.urls).alerts()
    assert alert.silenced is silenced


@pytest.mark.parametrize("answer", [OutsideError("gone"), Response(500), Response(200, b"{")])
async def test_when_nobody_can_say_whose_silence_it_is_it_is_other_peoples(
    answer: Response | OutsideError,
) -> None:
    replicas = Replicas(one=[an_alert(silencedBy=["own"])])
    replicas.silences = answer
    (alert,) = await AlertmanagerApi(StandInHttp(replicas), replicas.urls).alerts()
    assert alert.silenced


async def test_whose_silence_it_is_is_asked_only_when_something_is_silenced() -> None:
    http = StandInHttp(Replicas(one=[an_alert()]))
    await AlertmanagerApi(http, ["http://one"]).alerts()
    assert len(http.asked) == 1


async def test_what_any_replica_holds_is_there() -> None:
    seen = await ask(one=[an_alert("f1")], two=[an_alert("f2")])
    assert [alert.fingerprint for alert in seen] == ["f1", "f2"]


async def test_replicas_that_disagree_are_read_with_care() -> None:
    (alert,) = await ask(
        one=[an_alert(starts="1970-01-01T00:03:20Z")],
        two=[an_alert(starts="1970-01-01T00:01:40Z", silencedBy=["s"])],
    )
    assert alert.starts_at == 100
    assert alert.silenced


async def test_when_alertmanager_was_last_told_is_the_latest_of_the_replicas() -> None:
    told = [{**an_alert(), "updatedAt": f"1970-01-01T00:0{n}:00Z"} for n in (2, 5)]
    (alert,) = await ask(one=told[:1], two=told[1:])
    assert alert.updated_at == 300.0


async def test_a_replica_that_is_silent_makes_the_answer_partial() -> None:
    with pytest.raises(PartialAnswerError, match=r"1 of 2 .*: gone") as caught:
        await ask(one=[an_alert()], two=OutsideError("gone"))
    assert [alert.fingerprint for alert in caught.value.seen] == ["f1"]


async def test_when_all_are_silent_nothing_is_known() -> None:
    with pytest.raises(OutsideError, match="no Alertmanager answered: gone") as caught:
        await ask(one=OutsideError("gone"), two=OutsideError("gone"))
    assert not isinstance(caught.value, PartialAnswerError)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"{}x",
        b"null",
        b"[3]",
        b"[" * 100_000,
        b'[{"fingerprint":"f"}]',
        json.dumps([{**an_alert(), "startsAt": "soon"}]).encode(),
        json.dumps([{**an_alert(), "status": None}]).encode(),
        json.dumps([{**an_alert(), "labels": []}]).encode(),
    ],
)
async def test_another_shape_is_an_error(body: bytes) -> None:
    with pytest.raises(OutsideError, match="another shape"):
        await AlertmanagerApi(StandInHttp(Response(200, body)), ["http://a"]).alerts()


async def test_an_error_status_is_an_error() -> None:
    with pytest.raises(OutsideError, match="answers 500"):
        await AlertmanagerApi(StandInHttp(Response(500, b"[]")), ["http://a"]).alerts()


async def test_a_storm_is_read_whole() -> None:
    seen = await ask(one=[an_alert(f"f{n}") for n in range(10_000)])
    assert len(seen) == 10_000


@pytest.mark.server
async def test_a_real_alertmanager_is_understood(tmp_path: Path) -> None:
    config = webhook_config("http://127.0.0.1:1/")
    async with alertmanager(tmp_path, config) as server, open_http() as http:
        api = AlertmanagerApi(http, [server.url])
        assert await api.alerts() == ()
        await server.post({"labels": {"alertname": "Down", "x": 'a"b'}, "annotations": {"s": "é"}})

        async def shown() -> bool:
            return len(await api.alerts()) == 1

        await until(shown, "the alert is shown")
        (alert,) = await api.alerts()
        assert dict(alert.labels) == {"alertname": "Down", "x": 'a"b'}
        assert alert.annotations["s"] == "é"
        assert alert.starts_at > 1_700_000_000
