"""Visitors without a session of ours: a proxy's word for who they are, believed from the proxy alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from prunella.service.settings import ConfigError, load
from receiver.settings import ReceiverSettings
from tests.receiver.console.happening import asking, incident
from tests.receiver.console.visiting import browsing, visiting
from tests.receiver.web.serving import READ

PROXY = {"trusted_proxy": ["127.0.0.0/8"], "header": "X-Remote-User"}


def behind(**console: Any) -> dict[str, Any]:
    return {"server": {"listen": "127.0.0.1:0", "console": console}}


async def test_whom_the_proxy_names_may_read_and_no_more_unless_the_config_says_so(
    tmp_path: Path,
) -> None:
    async with asking(tmp_path, **behind(**PROXY)) as (_, client), browsing(client) as browser:
        page = await browser.open("/incidents/1", X_Remote_User="bob")
        assert page.path == "/incidents/1"
        assert page.markup.forms == []  # no session to end either
        refused = await browser.send("/incidents/1/deny", {}, X_Remote_User="bob")
        assert refused.status == 403


async def test_whom_the_config_trusts_with_more_is_heard_by_name(tmp_path: Path) -> None:
    changes = behind(**PROXY, scope="operate")
    async with asking(tmp_path, **changes) as (_, client), browsing(client) as browser:
        page = await browser.open("/incidents/1", X_Remote_User="bob")
        form = page.form("/incidents/1/deny")
        other = await browser.send("/incidents/1/deny", form, X_Remote_User="eve")
        forged = await browser.send(
            "/incidents/1/deny", form, X_Remote_User="bob", Origin="https://evil.example"
        )
        assert (other.status, forged.status) == (403, 403)
        done = await browser.send("/incidents/1/deny", form, X_Remote_User="bob", follow=False)
        assert done.status == 303
        rows = (await incident(client))["timeline"]
        assert [row["by"] for row in rows if row["ev"] == "denied"] == ["bob (proxy)"]


@pytest.mark.parametrize(
    "console", [{}, {"trusted_proxy": ["192.0.2.0/24"], "header": "X-Remote-User"}]
)
async def test_nobody_else_is_believed(tmp_path: Path, console: dict[str, Any]) -> None:
    async with visiting(tmp_path, **behind(**console)) as (browser, _):
        for header in ("X_Remote_User", "X_Forwarded_User"):
            said: dict[str, Any] = {header: "bob"}
            assert (await browser.open("/", **said)).path.startswith("/login")


async def test_a_proxy_that_names_nobody_or_two_vouches_for_nobody(tmp_path: Path) -> None:
    async with visiting(tmp_path, **behind(**PROXY)) as (browser, client):
        assert (await browser.open("/")).path.startswith("/login")
        assert (await browser.open("/", X_Remote_User=" ")).path.startswith("/login")
        twice = [("X-Remote-User", "bob"), ("X-Remote-User", "ann"), ("Accept", "*/*")]
        async with client.session.get(f"{client.url}/", headers=twice) as answer:
            assert answer.status == 401


async def test_a_token_of_the_proxys_own_is_no_token_of_ours(tmp_path: Path) -> None:
    async with visiting(tmp_path, **behind(**PROXY)) as (browser, _):
        page = await browser.open("/", X_Remote_User="bob", Authorization="Basic Ym9iOng=")
    assert page.path == "/"


async def test_where_no_token_is_needed_a_strangers_form_still_counts_for_nothing(
    tmp_path: Path,
) -> None:
    changes: dict[str, Any] = {"auth": {}, "mode": "shadow"}
    async with visiting(tmp_path, **changes) as (browser, _):
        page = await browser.open("/")
        assert page.path == "/"
        assert (await browser.open("/login")).path == "/"  # nothing to log in for
        evil: dict[str, Any] = {"Origin": "https://evil.example"}
        assert (await browser.send("/pause", page.form("/pause"), **evil)).status == 403
        assert (await browser.send("/pause", {"reason": "x"})).status == 403
        assert (await browser.open("/", Host="evil.example")).status == 421
        paused = await browser.press(page, "/pause", reason="x")
        assert paused.path.startswith("/?said=pause.")


async def test_who_guesses_behind_the_proxy_is_told_apart(tmp_path: Path) -> None:
    async with visiting(tmp_path, **behind(**PROXY)) as (browser, _):
        for _ in range(12):
            last = await browser.send(
                "/login", {"token": "no"}, X_Forwarded_For="9.9.9.9, 10.0.0.1"
            )
        assert last.status == 429
        other = await browser.send("/login", {"token": READ}, X_Forwarded_For="9.9.9.9, 10.0.0.2")
        assert other.status == 200


@pytest.mark.parametrize(
    ("console", "said"),
    [
        ({"header": "X-User"}, "need `trusted_proxy`"),
        ({"scope": "operate"}, "need `trusted_proxy`"),
        ({"trusted_proxy": ["0.0.0.0/0"]}, "would believe everybody"),
        ({"trusted_proxy": ["::/0"]}, "would believe everybody"),
        ({"trusted_proxy": ["proxy.lan"]}, "must be an address or a network"),
        ({"trusted_proxy": ["10.0.0.1"], "header": "Cookie"}, "a meaning of its own"),
        ({"hosts": ["https://x"]}, "hosts"),
        ({"idle": "1s"}, "at least 1m"),
    ],
)
def test_a_config_that_believes_too_much_does_not_start(
    tmp_path: Path, console: dict[str, Any], said: str
) -> None:
    file = tmp_path / "receiver.yml"
    file.write_text(f"server: {{console: {console!r}}}".replace("'", '"'))
    with pytest.raises(ConfigError, match=said):
        load(ReceiverSettings, file, {})


async def test_the_api_that_needs_no_token_is_no_strangers_either(tmp_path: Path) -> None:
    strange: dict[str, Any] = {"Host": "evil.example:9651", "Authorization": "Bearer guessed"}
    async with visiting(tmp_path, auth={}, mode="shadow") as (browser, client):
        for path in ("/api/v1/incidents", "/api/v1/journal", "/api/monitoring/dashboard"):
            refused = await browser.open(path, **strange)
            assert (refused.status, "unknown_host" in refused.text) == (421, True)
        sent = await client.session.post(f"{client.url}/api/v1/pause", json={}, headers=strange)
        assert sent.status == 421
        assert (await browser.open("/api/v1/incidents")).status == 200
        status = await browser.open("/api/v1/status", Host="localhost:9651")
        assert (status.status, '"paused": false' in status.text) == (200, True)


async def test_the_api_that_needs_a_token_has_no_name(tmp_path: Path) -> None:
    named: dict[str, Any] = {"Host": "receiver.internal:9651", "Authorization": f"Bearer {READ}"}
    async with visiting(tmp_path) as (browser, _):
        assert (await browser.open("/api/v1/incidents", **named)).status == 200
