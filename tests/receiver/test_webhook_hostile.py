"""What nobody well-meaning would send: it is refused or set aside, and nothing else ever happens."""

from __future__ import annotations

import json
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.webhook import BadDelivery, Delivery, decode
from tests.receiver.builders import an_element
from tests.receiver.test_webhook import FROM_033, delivered


def outcome(body: bytes) -> Delivery | int:
    """The delivery, or the status of the refusal; any other exception is the failure that tests look for."""
    try:
        return decode(body, "alertmanager")
    except BadDelivery as error:
        return error.status


def refused(body: bytes) -> BadDelivery:
    with pytest.raises(BadDelivery) as caught:
        decode(body, "alertmanager")
    return caught.value


@pytest.mark.parametrize(
    "hostile",
    [
        an_element(labels={"a": "\ud800"}),
        an_element(labels={"\ud800": "a"}),
        an_element(labels={"\ud800": 1}),
        an_element(annotations={"summary": "\udfff"}),
        an_element(fingerprint="\ud800"),
        an_element(generatorURL="\ud800"),
    ],
)
def test_half_a_surrogate_is_set_aside_because_nothing_could_write_it_out(hostile: object) -> None:
    delivery = delivered(hostile)
    (found,) = delivery.spoiled
    assert (found.why + found.text).encode()


def test_a_nul_in_a_label_is_only_text() -> None:
    (seen,) = delivered(an_element(labels={"a": "x\0y"})).observations
    assert seen.labels == {"a": "x\0y"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"alerts=1",
        b'{"alerts": [',
        b'{"alerts": [{"status": "fir',
        b'{"alerts": []} x',
        b'{"alerts": [NaN]}',
        b'{"alerts": [], "x": -Infinity}',
        b'{"alerts": [], "x": "\xff"}',
        b'{"alerts": [], "x": ' + b"9" * 5000 + b"}",
        b"\x00\x01\x02\x03",
        b"[" * 1_000_000,
        b'{"alerts":' * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
    ],
    ids=lambda body: repr(body[:24]),
)
def test_what_is_not_json_is_a_400(body: bytes) -> None:
    error = refused(body)
    assert error.status == 400
    assert len(str(error)) < 300


@pytest.mark.parametrize(
    "body", [b"[]", b"null", b"1", b'"x"', b"{}", b'{"alerts": null}', b'{"alerts": {}}', b'{"alerts": "x"}'],
)  # fmt: skip
def test_json_of_another_shape_is_a_422(body: bytes) -> None:
    assert refused(body).status == 422


def nested(depth: int) -> Iterable[bytes]:
    for left, right in ((b"[", b"]"), (b'{"a":', b"}")):
        deep = left * depth + b"1" + right * depth
        yield b'{"alerts":[%s]}' % deep
        yield b'{"alerts":[{"status":%s}]}' % deep
        yield b'{"alerts":[{"status":"firing","labels":{"a":%s}}]}' % deep
        yield b'{"alerts":[],"x":%s}' % deep


@pytest.mark.parametrize("depth", [1, 100, *range(900, 1010, 3), 20_000])
def test_no_depth_of_nesting_brings_it_down(depth: int) -> None:
    for body in nested(depth):
        assert outcome(body) == 400 or isinstance(outcome(body), Delivery)


scalars = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=8)
)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip
times = st.sampled_from(
    ["2026-11-21T08:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2026-11-21T08:00:00"]
)
elements = anything | st.fixed_dictionaries(
    {},
    optional={
        "status": st.sampled_from(["firing", "resolved"]) | anything,
        "labels": st.dictionaries(st.text(max_size=6), st.text(max_size=6)) | anything,
        "annotations": anything,
        "startsAt": times | anything,
        "endsAt": times | anything,
        "generatorURL": anything,
        "fingerprint": st.text(max_size=20) | anything,
    },
)
payloads = anything | st.fixed_dictionaries(
    {"alerts": st.lists(elements, max_size=4) | anything},
    optional={"truncatedAlerts": anything, "status": anything, "version": anything},
)


@given(payloads)
def test_any_json_is_a_delivery_or_a_refusal(payload: object) -> None:
    delivery = outcome(json.dumps(payload).encode())
    if isinstance(delivery, int):
        assert delivery in {400, 422}
        return
    assert isinstance(payload, dict)
    assert len(delivery.observations) + len(delivery.spoiled) == len(payload["alerts"])
    for seen in delivery.observations:
        written = [seen.fingerprint, seen.generator_url, *seen.labels, *seen.labels.values()]
        assert all(text.encode() is not None for text in written)
        assert seen.fingerprint
        assert seen.labels


@given(st.binary(max_size=200))
def test_any_bytes_are_a_delivery_or_a_refusal(body: bytes) -> None:
    assert outcome(body) in (400, 422) or isinstance(outcome(body), Delivery)


@given(st.integers(0, 2000))
def test_a_body_cut_anywhere_is_refused(cut: int) -> None:
    body = json.dumps(FROM_033).encode()
    if cut < len(body):
        assert refused(body[:cut]).status == 400
