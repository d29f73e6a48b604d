from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prunella.service.answers import Refused, parse_json
from tests.prunella.service.front_door import BEARER, client_of, service

JSON = "Content-Type: application/json\r\n"


def refused(body: bytes) -> Refused:
    with pytest.raises(Refused) as caught:
        parse_json(body)
    return caught.value


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"nonsense", b"{'a': 1}", b'{"a": NaN}', b"[Infinity]", b"\xff", b'{"a": 1} x'],
)
def test_what_is_not_json_is_a_bad_request(body: bytes) -> None:
    assert (refused(body).status, refused(body).reason) == (400, "not_json")


def test_endless_nesting_is_a_bad_request() -> None:
    assert str(refused(b"[" * 1_000_000)) == "the body is nested too deeply"


def test_an_endless_number_is_a_bad_request() -> None:
    assert refused(b"1" * 100_000).status == 400


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=5))
def test_every_json_value_is_read(value: object) -> None:
    assert parse_json(json.dumps(value).encode()) == value


@given(st.binary(max_size=50))
def test_no_body_gives_another_error(body: bytes) -> None:
    try:
        parse_json(body)
    except Refused as error:
        assert error.status == 400  # noqa: PT017 - some of these are JSON


@pytest.mark.parametrize(
    "content_type",
    ["", "Content-Type: text/plain\r\n", "Content-Type: application/x-www-form-urlencoded\r\n"],
)
async def test_a_body_of_another_type_is_refused(content_type: str) -> None:
    async with client_of(service()) as client:
        answer = await client.post("/echo", b"{}", BEARER + content_type)
    assert (answer.status, answer.json["reason"]) == (415, "not_json")


async def test_the_charset_after_the_type_does_not_matter() -> None:
    async with client_of(service()) as client:
        header = "Content-Type: application/json; charset=utf-8\r\n"
        assert (await client.post("/echo", b"{}", BEARER + header)).status == 200


async def test_a_large_body_is_read_too() -> None:
    body = json.dumps(["x" * 1000] * 2000).encode()
    async with client_of(service(max_body=4 * 2**20)) as client:
        answer = await client.post("/echo", body, BEARER + JSON)
    assert answer.json["got"] == ["x" * 1000] * 2000
