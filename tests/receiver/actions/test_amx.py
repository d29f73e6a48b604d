from __future__ import annotations

from dataclasses import replace

from receiver.actions.amx import amx_environment
from receiver.actions.base import Cause
from tests.receiver.actions.effects import an_effect


def a_cause(fingerprint: str, **labels: str) -> Cause:
    return Cause(fingerprint, {"alertname": "InstanceDown", **labels}, starts_at=1460045332.7)


def test_one_alert_gives_am_executors_variables() -> None:
    cause = replace(
        a_cause("f1", instance="localhost:1234", job="broken"),
        annotations={"summary": "it is down"},
        generator_url="http://p:9090/graph",
    )
    effect = replace(
        an_effect(causes=(cause,)),
        group_labels={"alertname": "InstanceDown"},
        receiver="default",
        external_url="http://a:9093",
    )
    assert amx_environment(effect) == {
        "AMX_RECEIVER": "default",
        "AMX_STATUS": "firing",
        "AMX_EXTERNAL_URL": "http://a:9093",
        "AMX_ALERT_LEN": "1",
        "AMX_LABEL_alertname": "InstanceDown",
        "AMX_LABEL_instance": "localhost:1234",
        "AMX_LABEL_job": "broken",
        "AMX_GLABEL_alertname": "InstanceDown",
        "AMX_ANNOTATION_summary": "it is down",
        "AMX_ALERT_1_STATUS": "firing",
        "AMX_ALERT_1_START": "1460045332",
        "AMX_ALERT_1_END": "0",
        "AMX_ALERT_1_URL": "http://p:9090/graph",
        "AMX_ALERT_1_FINGERPRINT": "f1",
        "AMX_ALERT_1_LABEL_alertname": "InstanceDown",
        "AMX_ALERT_1_LABEL_instance": "localhost:1234",
        "AMX_ALERT_1_LABEL_job": "broken",
        "AMX_ALERT_1_ANNOTATION_summary": "it is down",
    }


def test_of_several_alerts_only_what_they_share_is_common() -> None:
    effect = an_effect(
        causes=(a_cause("f1", instance="a", job="j"), a_cause("f2", instance="b", job="j"))
    )
    env = amx_environment(effect)
    assert env["AMX_ALERT_LEN"] == "2"
    assert {k for k in env if k.startswith("AMX_LABEL_")} == {
        "AMX_LABEL_alertname",
        "AMX_LABEL_job",
    }
    assert (env["AMX_ALERT_1_LABEL_instance"], env["AMX_ALERT_2_LABEL_instance"]) == ("a", "b")


def test_without_a_list_the_incidents_labels_are_its_alert() -> None:
    env = amx_environment(an_effect(labels={"alertname": "A"}))
    assert env["AMX_ALERT_LEN"] == "1"
    assert env["AMX_ALERT_1_LABEL_alertname"] == "A"
    assert (env["AMX_ALERT_1_FINGERPRINT"], env["AMX_ALERT_1_START"]) == ("f1", "1700000000")


def test_names_and_values_fit_an_environment() -> None:
    env = amx_environment(an_effect(labels={"my.label=\0": "a\0b", "big": "é" * 100_000}))
    assert env["AMX_LABEL_my_label__"] == "ab"
    assert len(env["AMX_LABEL_big"].encode()) == 32 << 10


def test_a_storm_is_cut_where_the_kernel_would_refuse_the_program() -> None:
    env = amx_environment(
        an_effect(causes=tuple(a_cause(f"f{n}", x="y" * 1000) for n in range(5000)))
    )
    count = int(env["AMX_ALERT_LEN"])
    assert 300 < count < 600
    assert f"AMX_ALERT_{count}_STATUS" in env
    assert f"AMX_ALERT_{count + 1}_STATUS" not in env
    assert sum(len(k) + len(v) for k, v in env.items()) < 1 << 20
