from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.intake.envelope import ITEMS, MalformedError, envelope_of, read_envelope
from exporter.intake.events import told_by


def test_items_are_as_long_as_they_say_or_one_line() -> None:
    body = b'{"event_id":"a"}\n{"type":"attachment","length":3}\na\nb\n{"type":"event"}\n{"level":"info"}\n'
    envelope = read_envelope(body)
    assert [(item.kind, item.payload) for item in envelope.items] == [
        ("attachment", b"a\nb"),
        ("event", b'{"level":"info"}'),
    ]


def test_events_are_errors_and_messages_only() -> None:
    body = b'{}\n{"type":"session"}\n{}\n{"type":"event"}\n{"type":"transaction"}\n{"type":"event"}\n{"a":1}'
    assert read_envelope(body).events() == [{"a": 1}]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"[]",
        b"not json",
        b'{}\n{"type":"event","length":100}\n{}',
        b'{}\n{"type":"event","length":-1}\n{}',
        b'{}\n{"type":"event","length":true}\n{}',
        b'{}\n{"type":"event","length":1}\n{}',
        b'{}\n"event"\n{}',
        b"{}\n" + b"[" * 100_000,
        b"{}\n" + b'{"type":"a"}\n{}\n' * (ITEMS + 1),
        b'{"a":' + b"9" * 10_000 + b"}",
    ],
)
def test_what_is_no_envelope_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedError):
        read_envelope(body)


@given(st.binary())
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    for read in (read_envelope, envelope_of):
        try:
            envelope = read(body)
        except MalformedError:
            continue
        assert isinstance(envelope.items, tuple)


def test_an_event_of_the_older_kind_becomes_an_envelope() -> None:
    envelope = envelope_of(b'{"event_id": "ab", "message": "a\\nb"}')
    again = read_envelope(envelope.addressed_to("http://k@h/1"))
    assert (again.header, again.events()) == (
        {"event_id": "ab", "dsn": "http://k@h/1"},
        [{"event_id": "ab", "message": "a\nb"}],
    )


def test_an_envelope_for_another_project_has_all_that_it_had() -> None:
    body = (
        b'{"event_id":"a","dsn":"http://x@y/1","sent_at":"t"}\n{"type":"event"}\n{"level":"info"}\n'
    )
    again = read_envelope(read_envelope(body).addressed_to("http://k@h/2"))
    assert again.header == {"event_id": "a", "dsn": "http://k@h/2", "sent_at": "t"}
    assert again.rest == read_envelope(body).rest


def thrown(
    line: int = 7, value: str = "x", function: str = "load", **frame: object
) -> dict[str, object]:
    frames = [
        {"module": "shop.orders", "function": function, "lineno": line, "in_app": True, **frame},
        {"module": "django.core", "function": "get", "lineno": 1, "in_app": False},
    ]
    error = {"type": "KeyError", "value": value, "stacktrace": {"frames": frames}}
    return {"event_id": "a" * 32, "level": "error", "exception": {"values": [error]}}


@given(st.integers(1, 10_000), st.text())
def test_lines_and_messages_do_not_matter_to_a_fingerprint(line: int, value: str) -> None:
    assert told_by(thrown(line, value)).fingerprint == told_by(thrown()).fingerprint


def test_another_function_of_the_app_is_another_error() -> None:
    assert told_by(thrown(function="save")).fingerprint != told_by(thrown()).fingerprint


@pytest.mark.parametrize(
    "file", ["/srv/1.0/dist/main.3f2a9c1b77.js", "C:\\srv\\main.0011223344.js"]
)
def test_a_bundles_hash_and_folder_do_not_matter(file: str) -> None:
    one = thrown(module="", filename=file)
    assert (
        told_by(one).fingerprint
        == told_by(thrown(module="", filename="main.aabbccdde1.js")).fingerprint
    )


def test_a_message_is_known_by_its_template() -> None:
    def of(formatted: str) -> str:
        entry = {"message": "order %s lost", "formatted": formatted}
        return told_by({"logentry": entry}).fingerprint

    assert of("order a lost") == of("order b lost")
    assert told_by({"message": "order 7 lost"}) == told_by({"message": "order 8 lost"})


def test_a_client_that_names_a_fingerprint_is_followed() -> None:
    given_one = told_by({**thrown(), "fingerprint": ["checkout", "{{ default }}"]}).fingerprint
    assert given_one != told_by(thrown()).fingerprint
    assert (
        told_by({**thrown(), "fingerprint": ["{{ default }}"]}).fingerprint
        == told_by(thrown()).fingerprint
    )
    assert told_by({**thrown(), "fingerprint": ["0123456789ab"]}).fingerprint == "0123456789ab"


@pytest.mark.parametrize(
    ("level", "severity"),
    [("fatal", "critical"), ("debug", "info"), ("odd", "error"), (None, "error")],
)
def test_levels_are_our_severities(level: object, severity: str) -> None:
    assert told_by({"level": level}).severity == severity


def test_a_release_is_a_label_that_harms_nobody() -> None:
    assert told_by({"release": "a\nb" + "x" * 1000}).release.isprintable()
    assert len(told_by({"release": "x" * 1000}).release) == 64
    assert told_by({"release": {"a": 1}}).release == ""


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
KEYS = [
    "event_id",
    "fingerprint",
    "level",
    "release",
    "exception",
    "logentry",
    "message",
    "values",
    "stacktrace",
    "frames",
    "module",
]


@given(st.dictionaries(st.sampled_from(KEYS), st.dictionaries(st.sampled_from(KEYS), JSON) | JSON))
def test_whatever_a_client_sends_is_some_event(event: dict[str, object]) -> None:
    told = told_by(json.loads(json.dumps(event)))
    assert len(told.fingerprint) == 12
