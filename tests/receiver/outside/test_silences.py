from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from receiver.decide.silence import narrow
from receiver.outside.alertmanager import AlertmanagerApi
from receiver.outside.http import open_http
from receiver.outside.silences import SilencesApi
from receiver.tools import OutsideError, Response
from tests.receiver.stand_ins import Asked, StandInHttp
from tests.servers.alertmanager import AlertmanagerServer, alertmanager, webhook_config
from tests.servers.process import until

DATE = {"Date": "Sat, 21 Nov 2026 08:00:00 GMT"}
ABOUT = "incident 5 of journal ab12"
MATCHERS = [[("alertname", "Down"), ("instance", "")]]


def a_silence(number: str, **changes: Any) -> dict[str, Any]:
    comment = f"Prunella is repairing {ABOUT}"
    ours = {"id": number, "createdBy": "prunella", "comment": comment}
    return {**ours, "status": {"state": "active"}, **changes}


class Cluster:
    """Answers as Alertmanagers do, by host name: these silences, or nothing at all."""

    def __init__(self, **known: list[dict[str, Any]] | OutsideError) -> None:
        self._known = known
        self.http = StandInHttp(self)
        self.api = SilencesApi(self.http, [f"http://{name}" for name in known])

    def __call__(self, asked: Asked) -> Response | OutsideError:
        answer = self._known[asked.url.split("/")[2]]
        if isinstance(answer, OutsideError):
            return answer
        return Response(200, json.dumps(answer).encode(), DATE)

    def asked(self, method: str) -> list[str]:
        return [asked.url for asked in self.http.asked if asked.method == method]


async def test_a_silence_is_what_alertmanager_expects_by_its_own_clock() -> None:
    cluster = Cluster(one=[])
    await cluster.api.silence(MATCHERS, 60.0, ABOUT)
    assert cluster.http.asked[-1].json() == {
        "matchers": [
            {"name": "alertname", "value": "Down", "isRegex": False, "isEqual": True},
            {"name": "instance", "value": "", "isRegex": False, "isEqual": True},
        ],
        "startsAt": "2026-11-21T08:00:00.000+00:00",
        "endsAt": "2026-11-21T08:01:00.000+00:00",
        "createdBy": "prunella",
        "comment": f"Prunella is repairing {ABOUT}",
    }


async def test_an_alertmanager_that_does_not_say_the_time_gets_no_silence() -> None:
    api = SilencesApi(StandInHttp(Response(200, b"[]")), ["http://one"])
    with pytest.raises(OutsideError, match="what time"):
        await api.silence(MATCHERS, 60.0, ABOUT)


async def test_one_alertmanager_of_the_cluster_is_enough() -> None:
    cluster = Cluster(one=[], two=[])
    await cluster.api.silence(MATCHERS, 60.0, ABOUT)
    assert cluster.asked("POST") == ["http://one/api/v2/silences"]


async def test_when_one_is_gone_the_next_is_told() -> None:
    cluster = Cluster(one=OutsideError("gone"), two=[])
    await cluster.api.silence(MATCHERS, 60.0, ABOUT)
    assert cluster.asked("POST") == ["http://two/api/v2/silences"]


async def test_when_all_are_gone_it_is_said() -> None:
    cluster = Cluster(one=OutsideError("gone"), two=OutsideError("gone too"))
    with pytest.raises(OutsideError, match="gone too"):
        await cluster.api.silence(MATCHERS, 60.0, ABOUT)
    with pytest.raises(OutsideError, match="gone too"):
        await cluster.api.unsilence(ABOUT)


async def test_only_what_was_silenced_under_the_same_name_is_ended() -> None:
    others = [
        a_silence("of ann", createdBy="ann"),
        a_silence("of ours, another incident", comment="Prunella is repairing incident 51"),
        a_silence("without our mark", comment=ABOUT),
        a_silence("over", status={"state": "expired"}),
    ]
    cluster = Cluster(one=[*others, a_silence("s1"), a_silence("s2", status={"state": "pending"})])
    assert await cluster.api.unsilence(ABOUT) == 2
    assert [url.rpartition("/")[2] for url in cluster.asked("DELETE")] == ["s1", "s2"]


async def test_what_one_replica_has_ended_is_not_ended_again_at_the_other() -> None:
    cluster = Cluster(one=[a_silence("s1")], two=[a_silence("s1")])
    assert await cluster.api.unsilence(ABOUT) == 1
    assert len(cluster.asked("DELETE")) == 1


async def test_a_dead_replica_does_not_keep_a_silence_alive() -> None:
    cluster = Cluster(one=OutsideError("gone"), two=[a_silence("s1")])
    assert await cluster.api.unsilence(ABOUT) == 1


@pytest.mark.parametrize("answer", [Response(500, b"[]", DATE), Response(200, b"{", DATE)])
async def test_another_answer_than_expected_is_an_error(answer: Response) -> None:
    with pytest.raises(OutsideError, match=r"answers 500|not JSON"):
        await SilencesApi(StandInHttp(answer), ["http://one"]).unsilence(ABOUT)


# with a real Alertmanager: what a silence holds for, and until when


async def silenced_at(server: AlertmanagerServer) -> list[str]:
    """The alerts that it tells nobody about, by their `name` label."""
    return sorted(labels["name"] for labels in await server.suppressed())


def labels_of(name: str, **more: str) -> Mapping[str, str]:
    return {"alertname": "Down", "service": "shop", "name": name, **more}


@pytest.mark.server
async def test_a_real_alertmanager_is_quiet_about_one_alert_only_and_speaks_again(
    tmp_path: Path,
) -> None:
    ours, wider = labels_of("shop"), labels_of("shop", instance="one")
    config = webhook_config("http://127.0.0.1:1/")
    async with alertmanager(tmp_path, config) as server, open_http() as http:
        await server.post({"labels": ours}, {"labels": wider}, {"labels": labels_of("cache")})
        silences, alerts = SilencesApi(http, [server.url]), AlertmanagerApi(http, [server.url])
        others = [one.labels for one in await alerts.alerts() if one.labels != ours]
        await silences.silence([narrow(ours, others)], 60.0, ABOUT)
        await server.post({"labels": labels_of("shop", instance="later")})
        assert await silenced_at(server) == ["shop"]
        after_a_kill = SilencesApi(http, [server.url])
        assert await after_a_kill.unsilence(ABOUT) == 1
        assert await silenced_at(server) == []


@pytest.mark.server
async def test_a_real_alertmanager_ends_a_silence_that_nobody_ends(tmp_path: Path) -> None:
    config = webhook_config("http://127.0.0.1:1/")
    async with alertmanager(tmp_path, config) as server, open_http() as http:
        await server.post({"labels": labels_of("shop")})
        silences = SilencesApi(http, [server.url])
        await silences.silence([narrow(labels_of("shop"), ())], 2.0, ABOUT)
        assert await silenced_at(server) == ["shop"]

        async def heard() -> bool:
            return await silenced_at(server) == []

        await until(heard, "the silence has ended", deadline=5.0)
        assert await silences.unsilence(ABOUT) == 0


@pytest.mark.server
async def test_our_own_silence_is_not_one_of_people_but_theirs_beside_it_is(tmp_path: Path) -> None:
    config = webhook_config("http://127.0.0.1:1/")
    async with alertmanager(tmp_path, config) as server, open_http() as http:
        await server.post({"labels": labels_of("shop")})
        alerts = AlertmanagerApi(http, [server.url])
        await SilencesApi(http, [server.url]).silence([narrow(labels_of("shop"), ())], 60.0, ABOUT)
        assert await silenced_at(server) == ["shop"]
        assert [one.silenced for one in await alerts.alerts()] == [False]
        await server.silence("service=shop")
        assert [one.silenced for one in await alerts.alerts()] == [True]
