from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from receiver.decide.episode import Observation, Status
from receiver.webhook import KEPT_OF_SPOILED, Delivery, decode
from tests.receiver.builders import an_element

THE_ALERT: dict[str, object] = {
    "status": "firing",
    "labels": {"alertname": "HighErrorRate", "service": "api", "severity": "critical"},
    "annotations": {"summary": "api answers with errors"},
    "startsAt": "2026-11-21T08:00:00.123456789Z",
    "endsAt": "0001-01-01T00:00:00Z",
    "generatorURL": "http://prometheus:9090/graph?g0.expr=up&g0.tab=1",
    "fingerprint": "6f2d1b3c4d5e6f70",
}
# as Debian's Alertmanager 0.25 sends it
FROM_025: dict[str, object] = {
    "receiver": "prunella",
    "status": "firing",
    "alerts": [THE_ALERT],
    "groupLabels": {"service": "api"},
    "commonLabels": {"alertname": "HighErrorRate", "service": "api", "severity": "critical"},
    "commonAnnotations": {"summary": "api answers with errors"},
    "externalURL": "http://alertmanager:9093",
    "version": "4",
    "groupKey": '{}:{service="api"}',
    "truncatedAlerts": 0,
}
FROM_033 = {**FROM_025, "notification_reason": "first_notification", "routeLabels": {"team": "a"}}
FROM_GRAFANA = {
    **FROM_025,
    "version": "1",
    "orgId": 1,
    "title": "[FIRING:1]",
    "state": "alerting",
    "message": "**Firing**",
    "alerts": [
        {
            **THE_ALERT,
            "startsAt": "2026-11-21T10:00:00.123+02:00",
            "values": None,
            "valueString": "[ var='A' ]",
            "silenceURL": "http://grafana/alerting/silence/new",
            "dashboardURL": "",
            "panelURL": "",
            "imageURL": "",
        }
    ],
}


def delivered(*elements: object, **root: object) -> Delivery:
    return decode(json.dumps({"alerts": list(elements), **root}).encode(), "alertmanager")


def read(**more: object) -> Observation:
    delivery = delivered(an_element(**more))
    assert not delivery.spoiled
    return delivery.observations[0]


def spoiled(element: object) -> str:
    delivery = delivered(element)
    assert not delivery.observations
    return delivery.spoiled[0].why


@pytest.mark.parametrize("payload", [FROM_025, FROM_033, FROM_GRAFANA], ids=["0.25", "0.33", "1"])
def test_what_alertmanager_and_grafana_send_is_read(payload: dict[str, object]) -> None:
    (seen,) = decode(json.dumps(payload).encode(), "am").observations
    assert (seen.alert, seen.status) == ("am:6f2d1b3c4d5e6f70", Status.FIRING)
    assert int(seen.starts_at) == int(datetime(2026, 11, 21, 8, tzinfo=UTC).timestamp())
    assert seen.ends_at is None
    assert seen.labels["alertname"] == "HighErrorRate"
    assert seen.annotations == {"summary": "api answers with errors"}
    assert seen.generator_url.startswith("http://prometheus:9090/graph")
    assert not seen.confirmed


def test_unknown_keys_are_welcome_everywhere() -> None:
    assert read(invented="later", values={"A": 1}).labels == {"alertname": "A"}
    assert len(delivered(an_element(), invented=[1]).observations) == 1


def test_the_root_status_is_not_read() -> None:
    (seen,) = delivered(an_element(), status="resolved").observations
    assert seen.status is Status.FIRING


def test_a_resolve_has_its_end() -> None:
    seen = read(status="resolved", endsAt="2026-11-21T08:05:00.5Z")
    assert (seen.status, seen.ends_at) == (Status.RESOLVED, seen.starts_at + 300.5)


@pytest.mark.parametrize(
    "ends",
    [
        {},
        {"endsAt": None},
        {"endsAt": "0001-01-01T00:00:00Z"},
        {"endsAt": "0001-01-01T02:00:00+02:00"},
    ],
)
def test_no_end_and_gos_zero_time_are_the_same(ends: dict[str, object]) -> None:
    assert read(**ends).ends_at is None


@pytest.mark.parametrize(
    "spelling",
    [
        "2026-11-21T08:00:00Z",
        "2026-11-21t08:00:00z",
        "2026-11-21 08:00:00Z",
        "2026-11-21T08:00:00.000000000Z",
        "2026-11-21T08:00:00.000000999Z",
        "2026-11-21T10:00:00+02:00",
        "2026-11-21T02:30:00.0-05:30",
    ],
)
def test_every_spelling_of_a_time_is_the_same_moment(spelling: str) -> None:
    assert read(startsAt=spelling).starts_at == datetime(2026, 11, 21, 8, tzinfo=UTC).timestamp()


def test_nanoseconds_keep_two_moments_apart_as_far_as_a_float_can() -> None:
    first = read(startsAt="2026-11-21T08:00:00.123456Z").starts_at
    assert read(startsAt="2026-11-21T08:00:00.123457999Z").starts_at > first


@pytest.mark.parametrize("edge", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59.999999-14:00"])
def test_the_edges_of_time_do_no_harm(edge: str) -> None:
    seen = read(startsAt=edge, endsAt=edge)
    assert isinstance(seen.starts_at, float)


@pytest.mark.parametrize(
    "time",
    [1700000000, 1.5, True, "1700000000", "1700000000000", "2026-11-21", "", None, "now", [], {},
     "2026-11-21T08:00:00", "2026-13-21T08:00:00Z", "2026-11-21T08:00:00Zjunk", "٢٠٢٦-11-21T08:00:00Z"],
)  # fmt: skip
def test_what_is_no_time_with_a_zone_spoils_the_alert(time: object) -> None:
    assert spoiled(an_element(startsAt=time)).startswith("alerts[0].startsAt: ")


@pytest.mark.parametrize("nothing", [None, ""])
def test_without_a_fingerprint_the_labels_are_hashed(nothing: object) -> None:
    assert read(fingerprint=nothing).fingerprint.startswith("lbl:")
    assert read(fingerprint=nothing).fingerprint == read().fingerprint


def test_the_hash_does_not_depend_on_the_labels_order() -> None:
    first = read(labels={"a": "1", "b": "2"})
    assert first.fingerprint == read(labels={"b": "2", "a": "1"}).fingerprint
    assert first.fingerprint != read(labels={"a": "2", "b": "1"}).fingerprint
    assert first.fingerprint != read(labels={"a": '1","b":"2'}).fingerprint


def test_the_hash_is_the_same_in_every_release() -> None:
    assert read(labels={"alertname": "Ä", "b": "x y"}).fingerprint == "lbl:ef2627819a871be2"


@pytest.mark.parametrize("value", [None, {}])
def test_null_maps_are_empty_maps(value: object) -> None:
    assert read(annotations=value).annotations == {}
    assert read(generatorURL=None).generator_url == ""


def without(key: str) -> dict[str, object]:
    return {name: value for name, value in an_element().items() if name != key}


@pytest.mark.parametrize(
    ("element", "why"),
    [
        (without("status"), "alerts[0].status: Field required"),
        (without("labels"), "alerts[0].labels: Field required"),
        (without("startsAt"), "alerts[0].startsAt: Field required"),
        (an_element(status="FIRING"), "alerts[0].status: Input should be 'firing' or 'resolved'"),
        (an_element(status=["firing"]), "alerts[0].status: Input should be"),
        (an_element(labels=None), "alerts[0].labels: "),
        (an_element(labels={}), "alerts[0].labels: "),
        (an_element(labels=[["a", "b"]]), "alerts[0].labels: Input should be a valid dictionary"),
        (an_element(labels={"a": 1}), "alerts[0].labels.a: Input should be a valid string"),
        (an_element(labels={"a": None}), "alerts[0].labels.a: "),
        (an_element(labels={"": "a"}), "alerts[0].labels."),
        (an_element(labels={"a": "x" * 65537}), "alerts[0].labels.a: "),
        (an_element(labels={"x" * 1025: "a"}), "alerts[0].labels.xxx"),
        (an_element(labels={str(n): "" for n in range(129)}), "alerts[0].labels: must have at most 128"),
        (an_element(annotations="none"), "alerts[0].annotations: "),
        (an_element(generatorURL=1), "alerts[0].generatorURL: "),
        (an_element(fingerprint=1), "alerts[0].fingerprint: "),
        (an_element(fingerprint="f" * 201), "alerts[0].fingerprint: "),
        (an_element(fingerprint="two words"), "alerts[0].fingerprint: "),
        (an_element(fingerprint="a\0b"), "alerts[0].fingerprint: "),
        (an_element(fingerprint="a\n"), "alerts[0].fingerprint: "),
        (an_element(endsAt=5), "alerts[0].endsAt: must be an RFC 3339 time"),
    ],
)  # fmt: skip
def test_a_wrong_alert_is_set_aside_with_what_is_wrong(element: object, why: str) -> None:
    assert spoiled(element).startswith(why)


@pytest.mark.parametrize("element", [1, None, "x", [], 0.5])
def test_an_alert_that_is_no_object_is_set_aside(element: object) -> None:
    assert spoiled(element).startswith("alerts[0]: Input should be a valid dictionary")


def test_one_bad_alert_leaves_its_neighbours_whole() -> None:
    delivery = delivered(an_element(fingerprint="a"), {"status": "?"}, an_element(fingerprint="b"))
    assert [seen.fingerprint for seen in delivery.observations] == ["a", "b"]
    assert delivery.spoiled[0].why.startswith("alerts[1].")
    assert json.loads(delivery.spoiled[0].text) == {"status": "?"}


def test_of_a_spoiled_alert_only_a_part_is_kept() -> None:
    assert len(delivered({"x": "y" * 100_000}).spoiled[0].text) == KEPT_OF_SPOILED


def test_truncated_alerts_are_counted() -> None:
    assert delivered(an_element(), truncatedAlerts=7).truncated == 7
    assert delivered(an_element(), truncatedAlerts="many").truncated == 0
    assert delivered(an_element()).truncated == 0


def test_an_empty_list_is_a_delivery_of_nothing() -> None:
    assert delivered() == Delivery((), (), 0)


@pytest.mark.parametrize("root", [{}, {"receiver": None, "externalURL": 3}])
def test_who_does_not_say_who_calls_is_nobody(root: dict[str, object]) -> None:
    told = delivered(**root)
    assert (told.receiver, told.external_url) == ("", "")


def test_who_calls_is_known_by_name_and_address() -> None:
    told = decode(json.dumps(FROM_025).encode(), "alertmanager")
    assert (told.receiver, told.external_url) == ("prunella", "http://alertmanager:9093")
