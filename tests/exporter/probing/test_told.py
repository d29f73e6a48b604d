from __future__ import annotations

import pytest

from exporter.probing.outcome import Answer, Outcome, Reason, Serving
from exporter.probing.told import address_hash, families, shown
from tests.exporter.reading import names, samples, value


def test_an_outcome_without_http_has_no_names_of_http() -> None:
    found = families((), [((), Outcome(lookup=0.1, address="127.0.0.1"))])
    assert names(found) == {
        "probe_success", "probe_duration_seconds", "probe_failed_due_to_regex",
        "probe_dns_lookup_time_seconds", "probe_ip_protocol", "probe_ip_addr_hash",
    }  # fmt: skip


def test_every_phase_is_there_from_the_start() -> None:
    found = families(("endpoint",), [(("shop",), Outcome(answer=Answer()))])
    phases = [s.labels["phase"] for s in samples(found, "probe_http_duration_seconds")]
    assert phases == ["resolve", "connect", "tls", "processing", "transfer"]
    assert value(found, "probe_http_status_code", endpoint="shop") == 0


@pytest.mark.parametrize(
    ("serving", "words"),
    [
        (Serving(), {}),
        (Serving(0.1, 14), {"UNKNOWN": 0, "SERVING": 0, "NOT_SERVING": 0, "SERVICE_UNKNOWN": 0}),
        (Serving(0.1, 0, "SERVING"), {"UNKNOWN": 0, "SERVING": 1, "NOT_SERVING": 0, "SERVICE_UNKNOWN": 0}),
        (Serving(0.1, 0, "9"), {"UNKNOWN": 0, "SERVING": 0, "NOT_SERVING": 0, "SERVICE_UNKNOWN": 0, "9": 1}),
    ],
)  # fmt: skip
def test_a_grpc_servers_word_is_one_of_all(serving: Serving, words: dict[str, float]) -> None:
    found = shown(Outcome(serving=serving))
    response = samples(found, "probe_grpc_healthcheck_response")
    assert {one.labels["serving_status"]: one.value for one in response} == words
    assert value(found, "probe_grpc_status_code") == serving.status
    assert "probe_failed_due_to_regex" not in names(found)


def test_a_failure_is_no_success() -> None:
    outcome = Outcome()
    outcome.fail(Reason.DNS, "no such name")
    outcome.fail(Reason.BODY, "something later")
    assert (outcome.reason, outcome.said) == (Reason.DNS, "no such name")
    assert value(families((), [((), outcome)]), "probe_success") == 0


def test_the_note_ends_every_help() -> None:
    assert all(f.documentation.endswith(" Here.") for f in families((), [], " Here."))


def test_an_address_has_the_number_that_blackbox_exporter_gives_it() -> None:
    assert address_hash("127.0.0.1") == 3668918509
    assert address_hash("") == 0
