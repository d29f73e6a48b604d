"""The kit beside the real sentry-sdk, which is one to a process: each case is a program of its own."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import Any

import pytest

from tests.servers.sentry import SentryStandIn, sentry_stand_in

FAIL = """
def read(text): return int(text)
def fail(text):
    try: read(text)
    except ValueError as error: return error
from prunella.correlation import correlated
from prunella.errors import *
from prunella.errors import report_errors_to, ignore_errors, add_breadcrumb, set_user, capture_message
import sys, json
"""
FLUSH = "\nimport sentry_sdk; sentry_sdk.flush(5)\n"


async def heard(code: str, **environ: str) -> SentryStandIn:
    """What Sentry has been sent by a program of this code, which finds it in SENTRY_DSN or as DSN."""
    async with sentry_stand_in() as sentry:
        env = {"PATH": os.environ["PATH"], "DSN": sentry.dsn, **environ}
        if environ.get("SENTRY_DSN") == "its":
            env["SENTRY_DSN"] = sentry.dsn
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", FAIL + code + FLUSH, env=env, stderr=asyncio.subprocess.PIPE
        )
        async with asyncio.timeout(30):
            _, said = await process.communicate()
        assert process.returncode == 0, said.decode()
        return sentry


def only(sentry: SentryStandIn) -> dict[str, Any]:
    (event,) = sentry.events.values()
    return event


async def test_an_error_is_at_sentry_with_fingerprint_release_and_correlation_id() -> None:
    code = """
with correlated("req-1"):
    set_user(7, email="CANARY@example.com")
    add_breadcrumb("cart opened", "ui")
    track_error(fail("CANARY@example.com"), "critical", {"order": 7, "card": "CANARY"})
"""
    sentry = await heard(code, SENTRY_DSN="its", SENTRY_RELEASE="1.2.0", SENTRY_ENVIRONMENT="live")
    event = only(sentry)
    assert (event["level"], event["release"], event["environment"]) == ("fatal", "1.2.0", "live")
    assert event["fingerprint"] == [event["tags"]["fingerprint"]]
    assert (event["tags"]["correlation_id"], event["extra"]["order"]) == ("req-1", 7)
    assert event["user"]["id"] == "7"
    assert event["breadcrumbs"]["values"][-1]["message"] == "cart opened"
    assert event["exception"]["values"][-1]["type"] == "ValueError"
    assert "CANARY" not in json.dumps(event)


async def test_a_message_is_at_sentry() -> None:
    event = only(await heard("capture_message('user 7 exported', 'warning')", SENTRY_DSN="its"))
    assert (event["level"], event["message"]) == ("warning", "user 7 exported")


async def test_the_dsn_can_be_given_by_the_app() -> None:
    code = "import os; report_errors_to(os.environ['DSN'], release='2.0'); track_error(fail('x'))"
    assert only(await heard(code))["release"] == "2.0"


async def test_without_a_dsn_the_sdk_is_not_even_loaded() -> None:
    code = "track_error(fail('x')); assert 'sentry_sdk' not in sys.modules"
    assert not (await heard(code)).events


async def test_a_storm_is_ten_events() -> None:
    sentry = await heard("for i in range(300): track_error(fail(f'x{i}'))", SENTRY_DSN="its")
    assert (len(sentry.events), len(sentry.issues)) == (10, 1)


async def test_noise_is_not_sent() -> None:
    code = "ignore_errors(ValueError); track_error(fail('x')); track_error(BrokenPipeError())"
    assert not (await heard(code, SENTRY_DSN="its")).events


async def test_an_app_that_uses_the_sdk_itself_keeps_it_and_gains_the_id() -> None:
    code = """
import os, sentry_sdk
sentry_sdk.init(os.environ["DSN"], release="its-own")
report_errors_to(os.environ["DSN"], release="ours")
with correlated("req-1"):
    track_error(fail("x"))
    sentry_sdk.capture_message("by hand")
"""
    events = (await heard(code)).events.values()
    assert {event["release"] for event in events} == {"its-own"}
    assert [event["tags"]["correlation_id"] for event in events] == ["req-1", "req-1"]


@pytest.mark.parametrize("dsn", ["http://127.0.0.1:9", "not a dsn"])
async def test_a_dsn_that_will_not_do_costs_the_app_nothing(dsn: str) -> None:
    assert not (await heard("track_error(fail('x'))", SENTRY_DSN=dsn)).events
