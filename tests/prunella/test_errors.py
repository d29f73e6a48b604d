from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from prunella import errors, logs
from prunella.cardinality import Bounded
from prunella.correlation import carried, correlated
from prunella.errors import (
    add_breadcrumb,
    capture_message,
    fingerprint,
    ignore_errors,
    recent_errors,
    set_user,
    track_error,
    unhandled,
)
from prunella.metrics import REGISTRY
from prunella.recent import TOLD_A_MINUTE, Recent
from tests.prunella.service.stand_ins import Counted


@pytest.fixture(autouse=True)
def nothing_recent() -> Iterator[None]:
    """Errors that other tests have tracked are not told again within their minute."""
    errors._recent.forget()
    before = (errors._noise._types, errors._noise._patterns, errors._noise._asked)
    known, errors._fingerprints = errors._fingerprints, Bounded("app_errors_total", limit=500)
    yield
    errors._fingerprints = known
    errors._noise._types, errors._noise._patterns, errors._noise._asked = before


def read_number(text: str) -> int:
    return int(text)


def read_other_number(text: str) -> int:
    return int(text)


def error_of(text: str) -> ValueError:
    with pytest.raises(ValueError, match="invalid") as caught:
        read_number(text)
    return caught.value


def counted_of(error: BaseException, severity: str = "error") -> Counted:
    labels = {"severity": severity, "fingerprint": fingerprint(error)}
    return Counted("app_errors_total", labels)


def recent() -> dict[str, Any]:
    """The newest entry."""
    return dict(recent_errors()[0])


def series() -> int:
    (family,) = (m for m in REGISTRY.collect() if m.name == "app_errors")
    return sum(sample.name == "app_errors_total" for sample in family.samples)


def test_the_same_kind_of_error_has_the_same_fingerprint_whatever_it_says() -> None:
    assert fingerprint(error_of("a")) == fingerprint(error_of("b"))


def test_an_error_from_elsewhere_has_another_fingerprint() -> None:
    with pytest.raises(ValueError, match="invalid") as caught:
        read_other_number("a")
    assert fingerprint(caught.value) != fingerprint(error_of("a"))


def test_an_error_of_another_type_has_another_fingerprint() -> None:
    assert fingerprint(KeyError("a")) != fingerprint(IndexError("a"))


def test_an_error_is_counted_under_severity_and_fingerprint() -> None:
    counted = counted_of(error_of("a"), "critical")
    assert track_error(exc=error_of("b"), severity="critical") == fingerprint(error_of("a"))
    assert counted.grown == 1


@pytest.mark.parametrize(
    ("said", "counted"), [("high", "error"), ("fatal", "critical"), ("no such word", "error")]
)
def test_other_words_for_severity_are_one_of_ours(said: Any, counted: str) -> None:
    grown = counted_of(error_of("a"), counted)
    track_error(error_of("a"), severity=said)
    assert grown.grown == 1


def test_an_error_is_logged_with_its_context(caplog: pytest.LogCaptureFixture) -> None:
    mark = track_error(error_of("a"), context={"order": 7, "message": "m", "error": "e"})
    extra = vars(caplog.records[-1])["fields"]
    assert extra.items() >= {"order": 7, "message": "m", "fingerprint": mark}.items()
    assert "Traceback" in caplog.text


@pytest.mark.parametrize(
    ("severity", "level"), [("info", "INFO"), ("warning", "WARNING"), ("critical", "ERROR")]
)
def test_a_message_is_logged_at_its_severity(
    caplog: pytest.LogCaptureFixture, severity: Any, level: str
) -> None:
    caplog.set_level(logging.INFO)
    capture_message("user 7 exported their data", severity)
    assert (caplog.records[-1].levelname, caplog.records[-1].message) == (level, "user 7 exported their data")  # fmt: skip


def test_messages_that_differ_in_numbers_are_one() -> None:
    mark = capture_message("user 7 exported their data")
    assert capture_message("user 8 exported their data") == mark
    assert recent()["count"] == 2


def test_a_storm_is_counted_to_the_last_and_told_ten_times(
    caplog: pytest.LogCaptureFixture,
) -> None:
    counted = counted_of(error_of("a"))
    for number in range(500):
        track_error(error_of(f"a{number}"))
    assert counted.grown == recent()["count"] == 500
    assert len(caplog.records) == TOLD_A_MINUTE


def test_many_threads_lose_no_error() -> None:
    counted, error = counted_of(error_of("a")), error_of("a")
    with ThreadPoolExecutor(8) as threads:
        for _ in range(2000):
            threads.submit(track_error, error)
    assert counted.grown == recent()["count"] == 2000


async def test_many_tasks_lose_no_error() -> None:
    counted = counted_of(error_of("a"))

    async def fail(number: int) -> None:
        with correlated():
            await asyncio.sleep(0)
            track_error(error_of(f"a{number}"))

    await asyncio.gather(*(fail(number) for number in range(500)))
    assert counted.grown == 500


def test_ten_thousand_kinds_of_messages_stay_bounded() -> None:
    names = [
        f"{a}{b}{c}{d}"
        for a in "ghijklmnop"
        for b in "ghijklmnop"
        for c in "qrstuvwxyz"
        for d in "qrstuvwxyz"
    ]
    dropped = Counted("prunella_series_dropped_total", {"metric": "app_errors_total"})
    before = series()
    for name in names:
        capture_message(f"{name}\n\x00{name}")
    assert len(names) == 10_000
    assert series() - before <= 501
    assert dropped.grown >= 9_000
    assert len(recent_errors()) <= 200


def test_the_list_tells_the_newest_first_with_all_that_helps() -> None:
    track_error(KeyError("first"))
    with correlated("req-1"):
        set_user(7)
        add_breadcrumb("cart opened", "ui", data={"items": 3})
        track_error(error_of("a"), "warning", {"order": 12})
    shown = recent()
    assert (shown["type"], shown["severity"], shown["count"]) == ("ValueError", "warning", 1)
    assert (shown["correlation_id"], shown["user"]) == ("req-1", {"id": "7"})
    assert shown["context"] == {"order": 12}
    assert shown["breadcrumbs"] == [
        {"message": "cart opened", "category": "ui", "level": "info", "data": {"items": 3}}
    ]
    assert any("read_number" in line for line in shown["traceback"])
    assert shown["first_seen"] == shown["last_seen"]


def test_secrets_and_names_are_in_nothing_that_is_told(caplog: pytest.LogCaptureFixture) -> None:
    with correlated("req-1"):
        set_user(7, email="CANARY@example.com", plan="pro")
        add_breadcrumb(
            "login of CANARY@example.com", data={"password": "CANARY", "q": "token=CANARY"}
        )
        context = {"email": "CANARY", "card": "4111 1111 1111 1111", "url": "redis://u:CANARY@h"}
        track_error(ValueError("call +49 170 1234567, Bearer CANARYCANARY"), context=context)
    told = str(recent_errors()) + str(logs.fields(caplog.records[-1]))
    assert "CANARY" not in told
    assert "4111" not in told
    assert "1234567" not in str(recent_errors())
    assert recent()["user"] == {"id": "7", "email": "***", "plan": "pro"}


def test_breadcrumbs_and_user_end_with_their_request() -> None:
    with correlated("one"):
        set_user(7)
        add_breadcrumb("a")
    with correlated("two"):
        track_error(error_of("a"))
    assert (recent()["user"], recent()["breadcrumbs"]) == ({}, [])


def test_of_breadcrumbs_the_last_fifty_are_kept() -> None:
    with correlated():
        for number in range(1000):
            add_breadcrumb(f"step {number}")
        track_error(error_of("a"))
    assert [c["message"] for c in recent()["breadcrumbs"]] == [
        f"step {n}" for n in range(950, 1000)
    ]


def test_breadcrumbs_of_threads_that_carry_the_request_are_its_own() -> None:
    with ThreadPoolExecutor(4) as threads, correlated():
        for number in range(20):
            threads.submit(carried(add_breadcrumb), f"part {number}").result()
        track_error(error_of("a"))
    assert len(recent()["breadcrumbs"]) == 20


def test_outside_of_requests_a_thread_has_a_user_of_its_own() -> None:
    def work() -> None:
        set_user(8)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    track_error(error_of("a"))
    assert recent()["user"] == {}


class HTTPException(Exception):  # as Starlette's
    def __init__(self, status_code: int) -> None:
        self.status_code = status_code


@pytest.mark.parametrize(
    "error",
    [asyncio.CancelledError(), BrokenPipeError(), ConnectionResetError(), HTTPException(404)],
)
def test_what_is_nobodys_mistake_is_not_an_error(error: BaseException) -> None:
    counted, ignored = counted_of(error), Counted("app_errors_ignored_total")
    track_error(error)
    assert (counted.grown, ignored.grown) == (0, 1)


def test_an_answer_of_500_is_a_mistake() -> None:
    counted = counted_of(HTTPException(503))
    track_error(HTTPException(503))
    assert counted.grown == 1


class BotError(Exception):
    """Noise of the app's own."""


@pytest.mark.parametrize(
    "noise", [[BotError], ["BotError: .*crawl"], [lambda e: "crawler" in str(e)]]
)
def test_an_app_says_what_is_noise(noise: Sequence[Any]) -> None:
    ignore_errors(*noise)
    counted = counted_of(BotError("a crawler"))
    track_error(BotError("a crawler"))
    assert counted.grown == 0


def test_a_message_can_be_noise() -> None:
    ignore_errors("^ResizeObserver")
    capture_message("ResizeObserver loop limit exceeded")
    assert recent_errors() == []


def test_what_the_app_has_tracked_the_middleware_does_not_count_again() -> None:
    error = error_of("a")
    counted = counted_of(error)
    with correlated():
        track_error(error)
        unhandled(error, {})
    with correlated():
        unhandled(error, {})  # the same object, in another request
    assert counted.grown == 2


class Odd(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no")

    __repr__ = __str__


def test_an_error_that_cannot_be_shown_is_tracked_all_the_same() -> None:
    track_error(Odd(), context={"what": Odd(), "deep": [[[[[[[[1]]]]]]]], "many": range(10**9)})
    assert recent()["count"] == 1


def test_a_forged_line_is_shown_as_what_it_is() -> None:
    capture_message('a\nb\x1b[31m{"level": "error"}')
    assert recent()["message"].isprintable()


def test_of_many_kinds_those_that_came_last_are_kept() -> None:
    kept = Recent(kinds=2)
    for kind in ("a", "b", "a", "c"):
        kept.count(kind)
    assert list(kept._entries) == ["a", "c"]
