"""The quick way of reading a webhook gives what the careful one gives, or nothing."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from receiver.decide.episode import AHEAD, OVERDUE, contradiction
from receiver.delivery import Delivery
from receiver.webhook import BadDelivery, decode, decode_large, read_carefully
from receiver.webhook_fast import PIECE, STRAY_BRACKETS, in_pieces, read
from tests.receiver.builders import an_element
from tests.receiver.test_webhook import FROM_025, FROM_033, FROM_GRAFANA, THE_ALERT

NOW = datetime(2026, 11, 21, 8, 5, tzinfo=UTC).timestamp()  # five minutes after THE_ALERT began


def carefully(body: bytes, now: float | None) -> Delivery | None:
    try:
        return read_carefully(body, "am", now)
    except BadDelivery:
        return None


def pieced(body: bytes, now: float | None) -> Delivery | None:
    reading = in_pieces(body, "am", now)
    try:
        while True:
            next(reading)
    except StopIteration as end:
        found: Delivery | None = end.value
        return found


def is_quick(body: bytes, now: float | None = None) -> bool:
    """Whether the quick way reads it. If so it is right, down to the types and the order of the labels."""
    quick, parted, careful = read(body, "am", now), pieced(body, now), carefully(body, now)
    assert parted is None or repr(parted) == repr(careful)
    if quick is None:
        return False
    assert repr(parted) == repr(quick)
    assert (quick, repr(quick)) == (careful, repr(careful))
    assert decode(body, "am", now) == quick
    return True


def holding(**more: object) -> bytes:
    return json.dumps({**FROM_025, "alerts": [{**THE_ALERT, **more}]}).encode()


def raw(alert: str = "", root: str = "") -> bytes:
    """A whole body with something written into its alert, or beside it."""
    element = json.dumps(THE_ALERT)[:-1] + alert + "}"
    return ('{"alerts": [' + element + "]" + root + "}").encode("utf-8", "surrogatepass")


@pytest.mark.parametrize("payload", [FROM_025, FROM_033, FROM_GRAFANA], ids=["0.25", "0.33", "1"])
def test_what_alertmanager_and_grafana_send_is_read_quickly(payload: dict[str, object]) -> None:
    assert is_quick(json.dumps(payload).encode())
    assert is_quick(json.dumps(payload, ensure_ascii=False, indent=2).encode())


def test_a_large_delivery_is_read_quickly() -> None:
    alerts = [{**THE_ALERT, "fingerprint": f"{number:016x}"} for number in range(2000)]
    assert is_quick(json.dumps({**FROM_025, "alerts": alerts}).encode())


def test_an_empty_delivery_is_read_quickly() -> None:
    assert is_quick(b'{"alerts": []}')


@pytest.mark.parametrize(
    "ordinary",
    [
        {"status": "resolved", "endsAt": "2026-11-21T08:05:00.5Z"},
        {"startsAt": "2026-11-21T08:00:00.000000999Z"},
        {"startsAt": "2026-11-21T08:00:00.9999999Z"},
        {"startsAt": "2026-11-21T10:00:00.1+02:00"},
        {"startsAt": "2026-11-21T02:30:00-05:30"},
        {"startsAt": "2024-02-29T23:59:59-00:00"},
        {"endsAt": None, "annotations": None, "generatorURL": None},
        {"endsAt": "0001-01-01T00:00:00Z", "annotations": {}, "generatorURL": ""},
        {"labels": {"ä": "🔥\0\n", "b": "x" * 65536}, "annotations": {"x" * 1024: ""}},
        {"labels": {str(number): "" for number in range(128)}},
        {"labels": {"🔥" * 1024: "🔥" * 65536}},
        {"fingerprint": "~" * 200},
    ],
    ids=lambda more: repr(more)[:40],
)
def test_what_is_ordinary_in_an_alert_is_read_quickly(ordinary: dict[str, object]) -> None:
    assert is_quick(holding(**ordinary))


@pytest.mark.parametrize(
    "unusual",
    [
        {"startsAt": "2026-11-21t08:00:00z"},
        {"startsAt": "2026-11-21 08:00:00Z"},
        {"startsAt": "2026-11-21T24:00:00Z"},
        {"startsAt": "2026-11-21T08:00:60Z"},
        {"startsAt": "2026-02-29T08:00:00Z"},
        {"startsAt": "2026-11-21T08:00:00"},
        {"startsAt": "2026-11-21T08:00:00Z\n"},
        {"startsAt": "0001-01-01T00:00:00Z"},
        {"startsAt": 1700000000},
        {"endsAt": "0001-01-01T02:00:00+02:00"},
        {"fingerprint": "a\n"},
        {"fingerprint": "two words"},
        {"fingerprint": "f" * 201},
        {"fingerprint": ""},
        {"labels": {}},
        {"labels": None},
        {"labels": {"": "a"}},
        {"labels": {"a": 1}},
        {"labels": {"a": "x" * 65537}},
        {"labels": {"x" * 1025: "a"}},
        {"labels": {str(number): "" for number in range(129)}},
        {"annotations": {"a": "\ud800"}},
        {"annotations": {"\udfff": ""}},
        {"annotations": {"a": float("nan")}},
        {"generatorURL": 1},
        {"status": "FIRING"},
    ],
    ids=lambda more: repr(more)[:40],
)
def test_what_is_unusual_in_an_alert_is_left_to_the_careful_way(unusual: dict[str, object]) -> None:
    assert not is_quick(holding(**unusual))


@pytest.mark.parametrize("value", ["7", "0", "-0", "-5", "999999999999999999999"])
def test_truncated_alerts_are_a_whole_number(value: str) -> None:
    assert is_quick(raw(root=f', "truncatedAlerts": {value}'))


@pytest.mark.parametrize("value", ["1.0", "1e2", "true", "null", '"1"', "[]", "1" * 5000])
def test_any_other_count_is_left_to_the_careful_way(value: str) -> None:
    assert not is_quick(raw(root=f', "truncatedAlerts": {value}'))


@pytest.mark.parametrize(
    "hidden",
    [
        "9" * 5000,
        "-" + "9" * 640,
        "[" + "1" * 700 + "e1]",
        '"\ud800"',
        r'"\ud800"',
        '"a\nb"',
        '"\0"',
        "NaN",
        "-Infinity",
        "01",
        "1.",
        "[1,]",
        "[" * STRAY_BRACKETS + "]" * STRAY_BRACKETS,
        '{"a":' * 950 + "1" + "}" * 950,
        "[" * 100_000 + "]" * 100_000,
    ],
    ids=lambda hidden: repr(hidden[:24]),
)
def test_nothing_hides_in_a_key_that_nobody_knows(hidden: str) -> None:
    assert not is_quick(raw(alert=f', "invented": {hidden}'))
    assert not is_quick(raw(root=f', "invented": {hidden}'))


@pytest.mark.parametrize("shift", range(64))
def test_a_long_number_is_seen_wherever_it_begins(shift: int) -> None:
    assert not is_quick(raw(root=f', "{"x" * shift}": {"7" * 640}'))


def test_bytes_that_are_no_utf_8_are_seen_in_a_key_that_nobody_knows() -> None:
    whole = raw(root=', "invented": "?"')
    assert is_quick(whole)
    assert not is_quick(whole.replace(b'"?"', b'"\xff"'))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32-be"])
def test_other_encodings_are_left_to_the_careful_way(encoding: str) -> None:
    body = json.dumps(FROM_025).encode(encoding)
    assert not is_quick(body)
    assert len(decode(body, "am").observations) == 1


@pytest.mark.parametrize(
    "twice",
    [
        ', "status": "resolved"',
        ', "startsAt": "2020-01-01T00:00:00Z"',
        ', "labels": {"a": "1", "b": "2", "a": "3"}',
        r', "st\u0061tus": "resolved"',
        r', "labels": {"\u0061": "1", "a": "\ud83d\ude00"}',
    ],
)
def test_of_a_key_given_twice_the_last_counts(twice: str) -> None:
    assert is_quick(raw(alert=twice))


def test_of_alerts_given_twice_the_last_count() -> None:
    body = raw(alert=', "status": null', root=', "alerts": []')
    assert not is_quick(body)
    assert decode(body, "am") == Delivery((), (), 0)


def test_without_an_alert_to_read_the_careful_way_says_what_is_wrong() -> None:
    delivery = decode(json.dumps({"alerts": [THE_ALERT, an_element(status="?")]}).encode(), "am")
    assert len(delivery.observations) == 1
    assert delivery.spoiled[0].why.startswith("alerts[1].status: ")


# Bodies are put together as text, so that they can hold what no encoder writes.
SCALARS = [
    "null", "true", "0", "-0", "1.0", "1e2", "1E400", "01", "1.", "NaN", "Infinity", "9" * 30, "8" * 4301, '""', '"a"', '"a b"', '"a\n"',
    '"\0"', r'"\u0000"', r'"a\n"', r'"\ud800"', r'"\ud83d\ude00"', r'"\udc00\ud800"', r'"\ud800\u0041"', '"\ud800"', '"ä🔥"', r'"\q"', r'"\u12"',
    "[]", "{}", "[1,]", '{"a":"b"}', '{"a":"b","a":"c"}', '{"a":1}', '{"":"a"}', r'{"\u0061":"b","a":"\/"}', '{"\ud800":"b"}', r'{"\ud800":"b"}',
    "[" * 300 + "]" * 300, "[" * 990 + "]" * 990, '"firing"', '"resolved"', r'"firin\u0067"', '"' + "x" * 1025 + '"', '"' + "x" * 201 + '"',
]  # fmt: skip
digits = st.integers(0, 99).map("{:02d}".format)
times = st.builds(
    '"{}-{}-{}{}{}:{}:{}{}{}"'.format,
    st.sampled_from(
        ["2026"] * 9 + ["2000", "2999", "1999", "0001", "0000", "9999", "٢٠٢٦", "+2026"]
    ),
    st.sampled_from(["01", "02", "02", "11", "12", "13", "00"]),
    st.sampled_from(["01", "10", "28", "29", "31", "32"]),
    st.sampled_from("TTTTTTTTt _"),
    st.sampled_from(["00", "08", "17", "23", "24"]),
    st.sampled_from(["00", "08", "30", "59", "60"]),
    st.sampled_from(["00", "08", "30", "59", "60"]),
    st.sampled_from(["", "", "."]) | st.from_regex(r"\A\.[0-9]{1,11}\Z"),
    st.sampled_from(
        ["Z", "Z", "Z", "Z", "z", "", "+00:00", "-00:00", "+0200", "+02", "+2:00", "Z "]
    )
    | st.builds("{}{}:{}".format, st.sampled_from("+-"), digits, digits),
)
strings = st.text(st.characters(), max_size=8).map(json.dumps)
maps = st.dictionaries(st.text(max_size=4), st.text(max_size=4), max_size=4).map(
    lambda them: json.dumps(them, ensure_ascii=False)
)
values = st.sampled_from(SCALARS) | times | strings | maps
ALERT_KEYS = [
    *THE_ALERT, "startsAt", "endsAt", "invented", "", "ä", r"st\u0061tus", r"\ud800", "Status", "starts_at",
]  # fmt: skip
ROOT_KEYS = [
    *("truncatedAlerts", "receiver", "externalURL", "status", "version", "alerts", "x"),
    *("\ud800", "\xff"),
]


def pairs(keys: list[str]) -> st.SearchStrategy[str]:
    pair = st.builds(', "{}": {}'.format, st.sampled_from(keys), values)
    return st.lists(pair, max_size=3).map("".join)


def put(body: bytes, at: int, cut: int, new: bytes) -> bytes:
    at %= len(body) + 1
    return body[:at] + new + body[at + cut :]


bodies = st.builds(raw, pairs(ALERT_KEYS), pairs(ROOT_KEYS))
spliced = st.builds(
    put,
    bodies | st.just(raw()),
    st.integers(0, 5000),
    st.integers(0, 3),
    st.sampled_from(b'{}[]",:\\\0\n\t 019-.eutNZz+\xff\xc3\xa4\xed').map(lambda one: bytes([one]))
    | st.binary(max_size=3),
)


@given(bodies)
@settings(max_examples=400)
def test_any_value_in_any_place_is_read_alike_or_left(body: bytes) -> None:
    is_quick(body)


@given(spliced)
@settings(max_examples=400)
def test_any_damage_to_a_body_is_read_alike_or_left(body: bytes) -> None:
    is_quick(body)


@given(times, times)
@settings(max_examples=400)
def test_any_time_is_read_alike_or_left(starts: str, ends: str) -> None:
    is_quick(raw(alert=f', "startsAt": {starts}'))
    is_quick(raw(alert=f', "endsAt": {ends}'))


@given(st.datetimes(), st.integers(0, 999_999_999), st.sampled_from(["Z", "+05:30", "-11:45"]))
def test_any_fraction_of_a_second_is_cut_off_alike(when: object, nanos: int, zone: str) -> None:
    is_quick(holding(startsAt=f"{str(when)[:19].replace(' ', 'T')}.{nanos:09d}{zone}"))


def written(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%S.%fZ}"


moments = st.sampled_from([0.0, 1.0, OVERDUE, AHEAD, 3650 * 86_400.0]).flatmap(
    lambda far: st.builds(lambda off, way: NOW + way * far + off, st.floats(-2, 2), st.sampled_from([-1, 1]))
)  # fmt: skip
elements = st.builds(
    lambda status, starts, ends: {**THE_ALERT, "status": status, "startsAt": starts, "endsAt": ends},
    st.sampled_from(["firing", "resolved"]),
    moments.map(written),
    st.sampled_from([None, "0001-01-01T00:00:00Z"]) | moments.map(written),
)  # fmt: skip


@given(st.lists(elements, min_size=1, max_size=4))
@settings(max_examples=400)
def test_both_ways_believe_the_same_and_set_the_same_aside(alerts: list[object]) -> None:
    body = json.dumps({"alerts": alerts}).encode()
    everything, believed = decode(body, "am").observations, decode(body, "am", NOW)
    lies = [one for one in everything if contradiction(one, NOW)]
    assert is_quick(body, NOW) is not bool(lies)
    assert believed == carefully(body, NOW)
    assert believed.observations == tuple(one for one in everything if one not in lies)
    assert len(believed.spoiled) == len(lies)


@given(times, times, st.sampled_from(["firing", "resolved"]))
@settings(max_examples=400)
def test_any_time_is_believed_alike_or_left(starts: str, ends: str, status: str) -> None:
    body = raw(alert=f', "startsAt": {starts}, "endsAt": {ends}, "status": "{status}"')
    if not is_quick(body, NOW):
        assert read(body, "am") is None or not decode(body, "am", NOW).observations


@given(maps, maps, strings)
def test_any_text_is_read_alike_or_left(labels: str, annotations: str, text: str) -> None:
    is_quick(raw(f', "labels": {labels}, "annotations": {annotations}, "generatorURL": {text}'))
    is_quick(raw(f', "fingerprint": {text}', f', "receiver": {text}'))


@given(st.binary(max_size=200))
def test_any_bytes_are_read_alike_or_left(body: bytes) -> None:
    is_quick(body)


MANY = [{**THE_ALERT, "fingerprint": f"{number:016x}"} for number in range(5 * PIECE)]


async def test_a_large_delivery_lets_others_in_between() -> None:
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    beside = asyncio.create_task(others())
    body = json.dumps({**FROM_025, "alerts": MANY}).encode()
    assert await decode_large(body, "am", NOW) == decode(body, "am")
    beside.cancel()
    assert turns >= 5


@pytest.mark.parametrize("bad", [{"status": "firing"}, an_element(startsAt="2099-01-01T00:00:00Z")])
async def test_a_large_delivery_with_one_bad_alert_is_read_carefully(bad: object) -> None:
    body = json.dumps({**FROM_025, "alerts": [*MANY, bad]}).encode()
    delivery = await decode_large(body, "am", NOW)
    assert (len(delivery.observations), len(delivery.spoiled)) == (len(MANY), 1)


@pytest.mark.parametrize("body", [b"[]", b'{"alerts": [' + b"{}," * 200, b"\xff" * 100])
async def test_a_large_body_that_is_none_is_refused(body: bytes) -> None:
    with pytest.raises(BadDelivery):
        await decode_large(body, "am", NOW)
