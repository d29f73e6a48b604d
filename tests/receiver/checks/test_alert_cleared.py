from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from receiver.checks.alert_cleared import AlertCleared
from receiver.checks.base import FiringAlert
from receiver.decide.verdict import Outcome, Sample
from receiver.outside.http import open_http
from receiver.outside.prometheus import PrometheusApi
from receiver.tools import ActiveAlert, OutsideError, PartialAnswerError, Tools
from tests.receiver.checks.scenes import a_firing_alert, a_scene
from tests.receiver.stand_ins import (
    StandInAlertmanager,
    StandInHttp,
    StandInPrograms,
    StandInPrometheus,
    SteppedClock,
    a_toolbox,
)
from tests.servers.process import until
from tests.servers.prometheus import prometheus

GONE = OutsideError("gone")


def active(fingerprint: str = "f1", **labels: str) -> ActiveAlert:
    return ActiveAlert(fingerprint, {"alertname": "Down", **labels}, {}, 0.0, False, False)


async def look(
    *alerts: FiringAlert,
    alertmanager: tuple[ActiveAlert, ...] | OutsideError | None = None,
    prometheus: tuple[float, ...] | OutsideError | None = None,
) -> Sample:
    tools = a_toolbox(
        alertmanager=None if alertmanager is None else StandInAlertmanager(alertmanager),
        prometheus=None if prometheus is None else StandInPrometheus(prometheus),
    )
    return await AlertCleared().sample(a_scene(*(alerts or (a_firing_alert(),))), tools)


async def test_a_resolve_that_was_received_is_enough() -> None:
    sample = await look(a_firing_alert(is_open=False), alertmanager=(active(),), prometheus=(1.0,))
    assert sample == Sample(Outcome.PASS, "every alert is resolved", direct=False)


async def test_one_alert_that_is_open_is_one_too_many() -> None:
    sample = await look(a_firing_alert("f1", is_open=False), a_firing_alert("f2"))
    assert sample == Sample(Outcome.FAIL, "1 still firing, says the last delivery", direct=False)


async def test_what_alertmanager_holds_is_firing() -> None:
    sample = await look(alertmanager=(active(),))
    assert sample == Sample(Outcome.FAIL, "1 still firing, says Alertmanager", direct=False)


async def test_a_silence_does_not_end_an_alert() -> None:
    silenced = ActiveAlert("f1", {"alertname": "Down"}, {}, 0.0, True, False)
    assert (await look(alertmanager=(silenced,))).outcome is Outcome.FAIL


async def test_an_alert_without_a_fingerprint_is_known_by_its_labels() -> None:
    sample = await look(a_firing_alert("lbl:1", {"a": "b"}), alertmanager=(active("f1", a="b"),))
    assert sample.outcome is Outcome.FAIL


async def test_another_alert_is_not_ours() -> None:
    sample = await look(a_firing_alert("f1", {"a": "b"}), alertmanager=(active("f2", a="c"),))
    assert sample == Sample(Outcome.PASS, "no alert fires any more", direct=False)


async def test_part_of_the_alertmanagers_can_only_prove_presence() -> None:
    assert (
        await look(alertmanager=PartialAnswerError("1 of 2", (active(),)))
    ).outcome is Outcome.FAIL
    assert (await look(alertmanager=PartialAnswerError("1 of 2", ()))).outcome is Outcome.NO_DATA


async def test_without_alertmanager_prometheus_is_asked() -> None:
    assert (await look(prometheus=())).outcome is Outcome.PASS
    assert await look(prometheus=(1.0,)) == Sample(
        Outcome.FAIL, "1 still firing, says Prometheus", direct=False
    )


async def test_both_have_to_say_that_it_is_gone() -> None:
    assert (await look(alertmanager=(), prometheus=())).outcome is Outcome.PASS
    assert (await look(alertmanager=(), prometheus=(1.0,))).outcome is Outcome.FAIL
    assert (await look(alertmanager=(active(),), prometheus=())).outcome is Outcome.FAIL


async def test_silence_of_either_is_no_data() -> None:
    for alertmanager, prom in ((GONE, ()), ((), GONE), (GONE, None), (None, GONE)):
        sample = await look(alertmanager=alertmanager, prometheus=prom)
        assert sample == Sample(Outcome.NO_DATA, "gone", direct=False)


@pytest.mark.parametrize(
    ("labels", "selector"),
    [
        ({}, 'ALERTS{alertstate="firing",alertname="Down"}'),
        ({"job": "a.b"}, r'ALERTS{alertstate="firing",alertname="Down",job=~"a\\.b|"}'),
        ({"x": 'q"\\\n'}, 'ALERTS{alertstate="firing",alertname="Down",x=~"q\\"\\\\\\\\\\\\\\n|"}'),
        ({"my.label": "x", "__name__": "y", "alertstate": "z"}, 'ALERTS{alertstate="firing",alertname="Down"}'),
    ],
)  # fmt: skip
async def test_labels_are_values_in_the_query_and_never_syntax(
    labels: Mapping[str, str], selector: str
) -> None:
    server = StandInPrometheus(())
    await AlertCleared().sample(
        a_scene(a_firing_alert(labels=labels)), a_toolbox(prometheus=server)
    )
    assert server.asked == [selector]


NASTY = {"path": 'C:\\"x"\n{a=~".*"}', "dots": "a.b+c|d (e)", "note": "it's 100% & ~fine# é"}


@pytest.mark.server
async def test_a_real_prometheus_knows_its_own_alert_by_the_nastiest_labels(tmp_path: Path) -> None:
    rule = {"alert": "Down", "expr": "vector(1)", "labels": NASTY}
    rules = tmp_path / "rules.json"  # JSON is YAML
    rules.write_text(json.dumps({"groups": [{"name": "g", "interval": "1s", "rules": [rule]}]}))
    config = {"global": {"evaluation_interval": "1s"}, "rule_files": [str(rules)]}
    async with prometheus(tmp_path, config) as server, open_http() as http:
        api = PrometheusApi(http, server.url)
        tools = Tools(SteppedClock(), StandInHttp(), StandInPrograms(), prometheus=api)

        async def fires() -> bool:
            return bool(await api.query("ALERTS"))

        await until(fires, "the alert fires")
        sent_on = a_firing_alert(labels={**NASTY, "cluster": "an external label"})
        assert (await AlertCleared().sample(a_scene(sent_on), tools)).outcome is Outcome.FAIL
        another = a_firing_alert(labels={**NASTY, "dots": "aXb+c|d (e)"})
        assert (await AlertCleared().sample(a_scene(another), tools)).outcome is Outcome.PASS
