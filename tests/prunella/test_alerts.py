from __future__ import annotations

import asyncio
import http.server
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from prunella.alerts import (
    Alertmanagers,
    AlertNotSentError,
    Severity,
    create_alert,
    resolve_alert,
    send_alert,
)
from prunella.correlation import correlated
from tests.servers.alertmanager import AlertmanagerServer, alertmanager, webhook_config

NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
async def real(tmp_path: Path) -> AsyncIterator[AlertmanagerServer]:
    async with alertmanager(tmp_path, webhook_config(f"{NOWHERE}/alerts")) as server:
        yield server


@contextmanager
def refusing(status: int, seen: list[str], location: str = "") -> Iterator[str]:
    """A server that answers every POST with this status."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            seen.append(self.headers.get("Authorization", ""))
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            if location:
                self.send_header("Location", location)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

        do_GET = do_POST  # noqa: N815 - the name that http.server asks for

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


async def raised(server: AlertmanagerServer, **changes: Any) -> dict[str, Any]:
    """The one alert that Alertmanager has after such a call."""
    usual = {"name": "StripeWebhookStale", "summary": "no webhook for 20 minutes"}
    to = Alertmanagers([server.url])
    await asyncio.to_thread(create_alert, **{**usual, "to": to, **changes})
    (alert,) = await server.alerts()
    return alert


@pytest.mark.server
async def test_an_alert_is_at_alertmanager_with_the_labels_of_all_of_ours(
    real: AlertmanagerServer,
) -> None:
    alert = await raised(real, severity="critical", labels={"service": "shop"})
    assert alert["labels"] == {
        "alertname": "StripeWebhookStale",
        "severity": "critical",
        "service": "shop",
        "symptom": "errors",
        "action": "none",
    }
    assert alert["annotations"] == {"summary": "no webhook for 20 minutes"}


@pytest.mark.server
async def test_an_alert_lasts_as_long_as_was_said(real: AlertmanagerServer) -> None:
    alert = await raised(real, lasts=3600.0)
    left = datetime.fromisoformat(alert["endsAt"]) - datetime.now(UTC)
    assert 3500 < left.total_seconds() <= 3600


@pytest.mark.server
async def test_the_same_alert_again_is_still_one(real: AlertmanagerServer) -> None:
    await raised(real)
    await raised(real, summary="no webhook for 21 minutes")


@pytest.mark.server
async def test_a_resolved_alert_is_gone(real: AlertmanagerServer) -> None:
    await raised(real)
    to = Alertmanagers([real.url])
    await asyncio.to_thread(resolve_alert, "StripeWebhookStale", to=to)
    assert await real.alerts() == []


@pytest.mark.server
async def test_an_alert_can_be_awaited_and_names_the_request_it_came_from(
    real: AlertmanagerServer,
) -> None:
    with correlated("req-1"):
        await send_alert("Odd", "odd", to=Alertmanagers([NOWHERE, real.url]))
    (alert,) = await real.alerts()
    assert alert["annotations"]["correlation_id"] == "req-1"


def test_what_alertmanager_says_against_an_alert_is_told() -> None:
    with refusing(400, []) as url, pytest.raises(AlertNotSentError, match="400"):
        create_alert("Odd", "odd", to=Alertmanagers([url]))


def test_an_alertmanager_that_is_not_there_is_named() -> None:
    with pytest.raises(AlertNotSentError, match=r"127\.0\.0\.1:9"):
        create_alert("Odd", "odd", to=Alertmanagers([NOWHERE]))


@pytest.mark.parametrize(
    ("name", "severity", "labels"),
    [
        ("a b", "warning", {}),
        ("", "warning", {}),
        ("A\nB", "warning", {}),
        ("Odd", "urgent", {}),
        ("Odd", "warning", {"a-b": "c"}),
        ("Odd", "warning", {"": "c"}),
    ],
)
def test_labels_that_alertmanager_would_refuse_are_refused_here(
    name: str, severity: Severity, labels: dict[str, str]
) -> None:
    with pytest.raises(ValueError, match=r"severity|named"):
        create_alert(name, "odd", severity, labels=labels, to=Alertmanagers([NOWHERE]))


BROKEN = [b"garbage\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 200 + b"\r\n"]


@contextmanager
def answering(raw: bytes, seen: list[bytes]) -> Iterator[str]:
    """One connection to something that is no Alertmanager, or a broken one."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            with server.accept()[0] as client:
                seen.append(client.recv(65536))
                client.sendall(raw)

        thread = threading.Thread(target=answer)
        thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        thread.join(10.0)


@pytest.mark.parametrize("raw", BROKEN)
def test_a_broken_one_does_not_keep_the_alert_from_the_others(raw: bytes) -> None:
    seen: list[str] = []
    with answering(raw, []) as broken, refusing(200, seen) as fine:
        create_alert("Odd", "odd", to=Alertmanagers([f"http://{broken}", fine], token="s3cret"))
    assert seen == ["Bearer s3cret"]


@pytest.mark.parametrize("raw", BROKEN)
def test_what_is_broken_about_it_is_told(raw: bytes) -> None:
    with answering(raw, []) as broken, pytest.raises(AlertNotSentError, match=r"garbage|headers"):
        create_alert("Odd", "odd", to=Alertmanagers([f"http://{broken}"]))


def test_a_user_in_the_address_logs_in_and_is_not_told() -> None:
    seen: list[bytes] = []
    with answering(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", seen) as host:
        create_alert("Odd", "odd", to=Alertmanagers([f"http://ann:p%40ss@{host}"]))
    assert b"Authorization: Basic YW5uOnBAc3M=" in seen[0]
    with pytest.raises(AlertNotSentError) as told:
        create_alert("Odd", "odd", to=Alertmanagers(["http://ann:CANARY@nowhere.invalid"]))
    assert "CANARY" not in str(told.value)


@pytest.mark.parametrize("lasts", [0.0, -5.0, float("inf"), float("nan")])
def test_an_alert_that_would_never_be_there_is_refused(lasts: float) -> None:
    with pytest.raises(ValueError, match="lasts"):
        create_alert("Odd", "odd", lasts=lasts, to=Alertmanagers([NOWHERE]))


@pytest.mark.parametrize(
    "url",
    ["", "file:///etc/passwd", "127.0.0.1:9093", "ftp://a", "http://[::1", "http://", "http://a:b"],
)
def test_an_address_that_is_none_of_the_web_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="ALERTMANAGER_URL"):
        create_alert("Odd", "odd", to=Alertmanagers([url]))


@pytest.mark.server
async def test_the_words_of_other_tools_are_understood(real: AlertmanagerServer) -> None:
    assert (await raised(real, severity="high"))["labels"]["severity"] == "critical"


@pytest.mark.server
async def test_secrets_and_names_stay_here(real: AlertmanagerServer) -> None:
    labels = {"email": "CANARY", "host": "a\nb" + "x" * 1000}
    alert = await raised(real, summary="redis://u:CANARY@h, ann@example.com", labels=labels)
    assert "CANARY" not in str(alert)
    assert "ann@" not in str(alert)
    assert len(alert["labels"]["host"]) < 250


def test_the_token_goes_with_it_and_no_redirect_takes_it_elsewhere() -> None:
    seen: list[str] = []
    elsewhere: list[str] = []
    with (
        refusing(200, elsewhere) as other,
        refusing(302, seen, location=f"{other}/api/v2/alerts") as url,
        pytest.raises(AlertNotSentError, match="302"),
    ):
        create_alert("Odd", "odd", to=Alertmanagers([url], token="s3cret"))
    assert (seen, elsewhere) == (["Bearer s3cret"], [])


def test_the_token_is_not_in_what_is_shown_of_it() -> None:
    assert "s3cret" not in repr(Alertmanagers(token="s3cret"))
