from __future__ import annotations

import contextlib

import pytest
from google.protobuf.message import DecodeError
from grpc_health.v1 import health_pb2
from h2.config import H2Configuration
from h2.connection import H2Connection
from hypothesis import given
from hypothesis import strategies as st

from exporter.probing.grpc_call import HealthCall
from exporter.probing.grpc_message import SERVING, request, serving
from exporter.probing.outcome import Failed

STATES = health_pb2.HealthCheckResponse.ServingStatus.items()


def framed(message: bytes) -> bytes:
    return b"\0" + len(message).to_bytes(4, "big") + message


def preface() -> bytes:
    """What a server says first."""
    line = H2Connection(H2Configuration(client_side=False))
    line.initiate_connection()
    return line.data_to_send()


@given(st.text(st.characters(codec="utf-8"), max_size=300))
def test_a_question_is_the_one_that_protobuf_writes(service: str) -> None:
    asked = health_pb2.HealthCheckRequest(service=service)
    assert request(service) == framed(asked.SerializeToString())


@pytest.mark.parametrize(("word", "number"), STATES)
def test_a_word_is_the_one_that_protobuf_reads(word: str, number: int) -> None:
    answer = health_pb2.HealthCheckResponse(status=number)
    assert serving(framed(answer.SerializeToString())) == SERVING[number] == word


@given(st.binary(max_size=40))
def test_what_protobuf_reads_we_read_alike(message: bytes) -> None:
    answer = health_pb2.HealthCheckResponse()
    with contextlib.suppress(DecodeError):
        answer.ParseFromString(message)
        ours = serving(framed(message))
        assert answer.status not in range(4) or ours in {SERVING[answer.status], None}


@pytest.mark.parametrize(
    "body", [b"", b"\0\0\0", b"\0\0\0\0\3\x08\1", b"\0\0\0\0\1\x08", b"\0\0\0\0\1\x0f", b"\0\0\0\0\2\x12\x09",
             b"\0\0\0\0\x0c\x08" + b"\xff" * 11],
)  # fmt: skip
def test_what_is_no_answer_is_none(body: bytes) -> None:
    assert serving(body) is None


def test_fields_of_a_later_version_are_passed_over() -> None:
    later = b"\x12\x02ab" + b"\x1d1234" + b"\x21" + b"12345678" + b"\x28\x07" + b"\x08\x01"
    assert serving(framed(later)) == "SERVING"


@given(st.binary(max_size=300), st.booleans())
def test_whatever_comes_is_an_answer_or_a_failed_probe(data: bytes, greeted: bool) -> None:
    call = HealthCall("shop", "localhost:1", "http", 1.0)
    with contextlib.suppress(Failed):
        call.take((preface() if greeted else b"") + data)
    assert not call.serving
