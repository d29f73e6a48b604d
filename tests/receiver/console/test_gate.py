"""Every page of the console, asked for by everybody who may not have it; and forms that nobody of ours has sent."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from prunella.logs import fields
from prunella.service.auth import Auth, Scope
from prunella.service.route import Route
from receiver.console.routes import Console
from tests.receiver.console.happening import asking, incident
from tests.receiver.console.visiting import browsing, visiting
from tests.receiver.rig import rig
from tests.receiver.web.serving import OPERATE, READ, WEBHOOK

OPEN = {"GET /login", "POST /login", "GET /static/{name}"}
OTHER_PROOFS = {"GET /answer/{token}", "POST /answer/{token}"}
READS = {"POST /logout"}
FILLED = {"id": "1", "word": "deny", "alert": "RedisDown", "name": "prunella.css"}
ELSEWHERE = (
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Sec_Fetch_Site": "cross-site"},
    {"Sec_Fetch_Site": "same-site"},
    {"Origin": "", "Sec_Fetch_Site": ""},
)


HOSTS = {
    **dict.fromkeys(("localhost:1", "127.0.0.1", "[::1]:9651", "192.0.2.7:80"), True),
    **dict.fromkeys(("prunella.example", "OPS.lan", "shop.localhost"), True),
    **dict.fromkeys(
        ("evil.example", "127.0.0.1.evil.example", "localhost.evil.example:9651", "[::1"), False
    ),
}


async def table() -> list[Route]:
    """All routes of the console but those of everybody and those with a proof of their own."""
    async with rig() as inside:
        routes = Console(inside.context, lambda: None, Auth({})).routes()
    return [one for one in routes if name_of(one) not in OPEN | OTHER_PROOFS]


def name_of(route: Route) -> str:
    return f"{route.method} {route.path}"


def path_of(route: Route) -> str:
    """With something in each place."""

    def fill(match: re.Match[str]) -> str:
        name = match.group(1)
        first = match.group(2) or ""
        words = first[1:].split("|")[0]
        return FILLED.get(name) or words or "shop"

    return re.sub(r"{(\w+)(:(?:[^{}]|{[^{}]*})*)?}", fill, route.path)


async def test_no_route_is_open_that_is_not_on_the_list() -> None:
    async with rig() as found:
        routes = Console(found.context, lambda: None, Auth({})).routes()
    assert {name_of(one) for one in routes if one.scope is not Scope.SIGNED} == OPEN
    assert all(one.proof is not None for one in routes if one.scope is Scope.SIGNED)


async def test_without_a_token_nothing_is_shown_and_nothing_is_done(tmp_path: Path) -> None:
    async with asking(tmp_path) as (_, client):
        for route in await table():
            bare = await client.ask(route.method, path_of(route), token=None)
            assert (bare.status, bare.json["reason"]) == (401, "token_missing"), name_of(route)
        async with browsing(client) as stranger:
            for route in await table():
                if route.method == "GET":
                    seen = await stranger.open(path_of(route))
                else:
                    seen = await stranger.send(path_of(route), {})
                assert seen.path.startswith("/login"), name_of(route)
        assert (await incident(client))["state"] == "AWAITING_APPROVAL"


async def test_with_the_wrong_scope_too(tmp_path: Path) -> None:
    async with asking(tmp_path) as (_, client):
        for route in await table():
            path = path_of(route)
            hook = await client.ask(route.method, path, token=WEBHOOK)
            assert (hook.status, hook.json["reason"]) == (403, "scope_missing"), name_of(route)
            unknown = await client.ask(route.method, path, token="x" * 32)
            assert unknown.status == 401, name_of(route)
            if route.method == "POST" and name_of(route) not in READS:
                reader = await client.ask("POST", path, token=READ)
                assert (reader.status, reader.json["reason"]) == (403, "scope_missing"), path
        assert (await incident(client))["state"] == "AWAITING_APPROVAL"


async def test_no_other_site_sends_a_form(tmp_path: Path) -> None:
    async with asking(tmp_path) as (browser, client):
        page = await browser.open("/incidents/1")
        mine = page.form("/incidents/1/deny")
        for route in [one for one in await table() if one.method == "POST"]:
            for elsewhere in ELSEWHERE:
                said: dict[str, Any] = dict(elsewhere)
                refused = await browser.send(path_of(route), mine, **said)
                assert refused.status == 403, (name_of(route), elsewhere)
            for csrf in ("", "0" * 64, mine["csrf"][:-1]):
                refused = await browser.send(path_of(route), {**mine, "csrf": csrf})
                assert refused.status == 403, (name_of(route), csrf)
        assert (await incident(client))["state"] == "AWAITING_APPROVAL"
        assert (await browser.open("/")).status == 200  # still logged in


async def test_a_form_of_another_session_counts_for_nothing(tmp_path: Path) -> None:
    async with asking(tmp_path) as (browser, client), browsing(client) as other:
        theirs = await other.login(OPERATE, "/incidents/1")
        refused = await browser.send("/incidents/1/deny", theirs.form("/incidents/1/deny"))
        assert refused.status == 403
        assert (await incident(client))["state"] == "AWAITING_APPROVAL"


async def test_a_session_opens_no_route_of_the_api(tmp_path: Path) -> None:
    async with asking(tmp_path) as (browser, client):
        seen = await browser.open("/api/v1/incidents")
        assert seen.status == 401
        url = f"{client.url}/api/v1/incidents/1/deny"
        ours = {"Origin": client.url, "Sec-Fetch-Site": "same-origin"}
        async with browser.session.post(url, json={}, headers=ours) as answer:
            assert answer.status == 401
        assert (await incident(client))["state"] == "AWAITING_APPROVAL"


async def test_a_program_needs_no_form_token(tmp_path: Path) -> None:
    async with asking(tmp_path) as (browser, client):
        bound = (await browser.open("/incidents/1")).form("/incidents/1/deny")["bound"]
        form = "application/x-www-form-urlencoded"
        said = await client.ask(
            *("POST", "/incidents/1/deny"),
            data=f"bound={bound}".encode(),
            content_type=form,
            allow_redirects=False,
        )
        assert said.status == 303
        assert (await incident(client))["state"] == "ESCALATED"


async def test_the_console_answers_to_its_own_names_only(tmp_path: Path) -> None:
    server = {"listen": "127.0.0.1:0", "public_url": "https://prunella.example"}
    changes = {"server": {**server, "console": {"hosts": ["ops.lan"]}}}
    async with visiting(tmp_path, **changes) as (browser, _):
        for host, known in HOSTS.items():
            for path in ("/", "/runbooks"):
                seen = await browser.open(path, follow=False, Host=host)
                assert (seen.status, host) == (303 if known else 421, host)
            sent = await browser.send("/login", {"token": READ}, follow=False, Host=host, Origin="")
            assert (sent.status, host) == (303 if known else 421, host)
            browser.session.cookie_jar.clear()


async def test_a_name_of_a_strangers_gets_nothing_with_a_cookie_either(tmp_path: Path) -> None:
    async with asking(tmp_path) as (browser, client):
        page = await browser.open("/incidents/1")
        rebound: dict[str, Any] = {"Host": "evil.example", "Origin": "http://evil.example"}
        assert (await browser.open("/", Host="evil.example")).status == 421
        sent = await browser.send("/incidents/1/deny", page.form("/incidents/1/deny"), **rebound)
        assert sent.status == 421
        assert (await incident(client))["state"] == "AWAITING_APPROVAL"


async def test_who_is_turned_away_reads_a_page(tmp_path: Path) -> None:
    async with asking(tmp_path) as (browser, client), browsing(client) as reader:
        void = await browser.open(f"/answer/1.{'0' * 16}.{'a' * 20}")
        assert (void.status, "not, or no longer, one of ours" in void.markup.text) == (401, True)
        old = await browser.send("/pause", {"reason": "storm", "csrf": "0" * 64})
        assert (old.status, "reload the page" in old.markup.text) == (403, True)
        form = (await reader.login(READ)).form("/logout")
        may_not = await reader.send("/pause", form)
        assert (may_not.status, "may only read" in may_not.markup.text) == (403, True)
        assert "Incidents" in may_not.markup.text  # and knows the way on


async def test_everybody_who_was_there_is_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "prunella.receiver.access")
    async with asking(tmp_path) as (browser, client):
        await browser.press(await browser.open("/incidents/1"), "/incidents/1/deny")
        await browser.send("/pause", {})
        await client.ask("GET", "/targets", token=None)
        await client.ask("GET", "/answer/1.key-of-a-question", token=None)
    said = [fields(record) for record in caplog.records if record.name.endswith("access")]
    seen = {(one.get("path"), one.get("status"), one.get("by")) for one in said}
    assert ("/incidents/1/deny", 303, "ann") in seen
    assert {("/pause", 403, "ann"), ("/targets", 401, "")} <= seen
    assert ("/answer/…", 401, "") in seen
    assert "key-of-a-question" not in caplog.text
