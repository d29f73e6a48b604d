"""A session: got with a token, kept where every receiver finds it, and over when it should be."""

from __future__ import annotations

import asyncio
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from receiver.console.attempts import FROM_ONE
from tests.receiver.console.visiting import Browser, browsing, visiting
from tests.receiver.web.serving import AUTH, OPERATE, READ, WEBHOOK, serving

COOKIE = "prunella-session"


def server(**said: Any) -> dict[str, Any]:
    return {"server": {"listen": "127.0.0.1:0", **said}}


async def reads(browser: Browser) -> bool:
    """Whether it is let in, and not led to the login."""
    return (await browser.open("/runbooks")).path == "/runbooks"


@dataclass(frozen=True)
class Guess:
    """Of which the receiver has the headers, and not yet the body."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    body: bytes


async def half_a_guess(url: str, body: str) -> Guess:
    reader, writer = await asyncio.open_connection(*url.removeprefix("http://").split(":"))
    head = (
        "POST /login HTTP/1.1",
        f"Host: {url.removeprefix('http://')}",
        f"Origin: {url}",
        "Content-Type: application/x-www-form-urlencoded",
        f"Content-Length: {len(body)}",
        # is answered once the headers have been looked at, so nothing has to be waited for
        "Expect: 100-continue",
    )
    writer.write("\r\n".join((*head, "", "")).encode())
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100 ")
    return Guess(reader, writer, body.encode())


async def other_half(guess: Guess) -> int:
    """The status that it gets in the end."""
    guess.writer.write(guess.body)
    status = int((await guess.reader.readline()).split()[1])
    guess.writer.close()
    return status


@pytest.mark.parametrize("token", [OPERATE, READ])
async def test_a_token_lets_a_browser_in(tmp_path: Path, token: str, journal: str) -> None:
    async with visiting(tmp_path, journal=journal) as (browser, _):
        assert not await reads(browser)
        there = await browser.login(token, "/runbooks/RedisDown")
        assert (there.status, there.path) == (200, "/runbooks/RedisDown")
        assert await reads(browser)


@pytest.mark.parametrize("token", ["", "wrong", WEBHOOK, f"{OPERATE} x", "ä\x00"])
async def test_any_other_token_does_not(tmp_path: Path, token: str) -> None:
    async with visiting(tmp_path) as (browser, _):
        refused = await browser.login(token)
        assert (refused.status, browser.cookies) == (401, {})
        assert "opens nothing" in refused.markup.text
        assert not await reads(browser)


async def test_who_comes_without_a_session_is_led_to_the_login_and_back(tmp_path: Path) -> None:
    async with visiting(tmp_path) as (browser, _):
        login = await browser.open("/runbooks/RedisDown?x=1")
        assert login.path.startswith("/login")
        there = await browser.press(login, "/login", token=READ)
    assert there.path == "/runbooks/RedisDown?x=1"


@pytest.mark.parametrize(
    "elsewhere",
    [
        "//evil.example",
        "/\\evil.example",
        "https://evil.example",
        "javascript:1",
        "/a\r\nSet-Cookie: x",
        "/logout",
        "/-/reload",
        "/pause",
        "/incidents/1/deny",
        "/nowhere",
        "/runbooks/../logout",
        "",
    ],
)
async def test_nobody_is_led_elsewhere(tmp_path: Path, elsewhere: str) -> None:
    async with visiting(tmp_path) as (browser, _):
        fields = {"token": READ, "next": elsewhere}
        sent = await browser.send("/login", fields, follow=False)
    assert (sent.status, sent.headers["Location"]) == (303, "/")


@pytest.mark.parametrize(
    "page",
    ["/", "/incidents/1", "/incidents?text=disk%20full&state=RESOLVED", "/runbooks/RedisDown"],
)
async def test_everybody_is_led_to_the_page_they_wanted(tmp_path: Path, page: str) -> None:
    async with visiting(tmp_path) as (browser, _):
        sent = await browser.send("/login", {"token": READ, "next": page}, follow=False)
    assert sent.headers["Location"] == page


async def test_no_script_and_no_other_site_gets_at_the_cookie(tmp_path: Path) -> None:
    async with visiting(tmp_path) as (browser, _):
        sent = await browser.send("/login", {"token": READ}, follow=False)
    attributes = {part.strip().lower() for part in sent.headers["Set-Cookie"].split(";")}
    assert {"httponly", "samesite=strict", "path=/"} <= attributes
    assert "secure" not in attributes  # nobody could log in over http


async def test_behind_https_the_cookie_is_bound_to_the_host(tmp_path: Path) -> None:
    public = server(public_url="https://prunella.example")
    async with visiting(tmp_path, **public) as (browser, _):
        origin = "https://prunella.example"
        sent = await browser.send(
            "/login", {"token": READ}, follow=False, Host="prunella.example", Origin=origin
        )
    cookie = sent.headers["Set-Cookie"]
    assert cookie.startswith("__Host-prunella-session=")
    assert "Secure" in cookie
    assert "Domain" not in cookie


@pytest.mark.parametrize(
    ("host", "origin", "status"),
    [
        ("ops.lan", "https://ops.lan", 303),
        ("prunella.example:443", "https://prunella.example", 303),
        ("PRUNELLA.example", "https://prunella.example", 303),
        ("prunella.example:8443", "https://prunella.example:8443", 303),
        ("ops.lan", "http://ops.lan", 403),
        ("ops.lan", "https://ops.lan:8443", 403),
        ("ops.lan", "https://prunella.example", 403),
        ("ops.lan", "https://ops.lan:99999", 403),
        ("ops.lan:99999", "null", 403),
    ],
)
async def test_a_form_comes_from_where_it_goes_however_that_is_written(
    tmp_path: Path, host: str, origin: str, status: int
) -> None:
    public = server(public_url="https://prunella.example", console={"hosts": ["ops.lan"]})
    async with visiting(tmp_path, **public) as (browser, _):
        sent = await browser.send("/login", {"token": READ}, follow=False, Host=host, Origin=origin)
    assert sent.status == status
    assert ("Secure" in sent.headers.get("Set-Cookie", "")) == (status == 303)


async def test_who_follows_a_link_from_elsewhere_keeps_the_session(tmp_path: Path) -> None:
    async with visiting(tmp_path) as (browser, client):
        page = await browser.open("/login?next=/runbooks", Sec_Fetch_Site="cross-site")
        refresh = [said for tag, said in page.markup.tags if tag == "meta" and "http-equiv" in said]
        assert refresh == [{"http-equiv": "refresh", "content": "0; url=/runbooks"}]
        async with browsing(client) as stranger:
            login = await stranger.open("/runbooks", Sec_Fetch_Site="same-origin")
            assert login.markup.with_id("token") is not None


async def test_the_journal_opens_no_session(tmp_path: Path) -> None:
    async with visiting(tmp_path) as (browser, _):
        await browser.login()
        secret = browser.cookies[COOKIE]
    with sqlite3.connect(tmp_path / "journal.db") as db:
        rows = db.execute("SELECT * FROM session").fetchall()
    db.close()
    assert len(rows) == 1
    assert secret not in str(rows)
    assert OPERATE not in str(rows)


async def test_a_restart_and_another_receiver_know_the_session(
    tmp_path: Path, journal: str
) -> None:
    async with visiting(tmp_path, journal=journal) as (browser, _):
        await browser.login()
        cookies = browser.cookies
    async with visiting(tmp_path, journal=journal) as (later, _):
        later.session.cookie_jar.update_cookies(cookies)
        assert await reads(later)


async def test_logging_out_ends_it_for_every_copy_of_the_cookie(
    tmp_path: Path, journal: str
) -> None:
    async with visiting(tmp_path, journal=journal) as (browser, client), browsing(client) as thief:
        page = await browser.login()
        thief.session.cookie_jar.update_cookies(browser.cookies)
        assert await reads(thief)
        out = await browser.press(page, "/logout")
        assert out.path == "/login"
        assert browser.cookies == {}
        assert not await reads(thief)


async def test_a_token_that_is_taken_away_takes_its_sessions_along(tmp_path: Path) -> None:
    async with visiting(tmp_path) as (browser, client):
        await browser.login(READ)
        client.write(auth={**AUTH, "read": [{"name": "grafana", "token": "n" * 32}]})
        await client.live.reload()
        assert not await reads(browser)


async def test_a_session_ends_in_time_and_for_want_of_visits(tmp_path: Path) -> None:
    changes = server(console={"session": "1h", "idle": "10m"})
    async with visiting(tmp_path, **changes) as (browser, _):
        for column, ago in (("began", 3601), ("seen", 601)):
            await browser.login()
            assert await reads(browser)
            with sqlite3.connect(tmp_path / "journal.db") as db:
                db.execute(f"UPDATE session SET {column} = {column} - {ago}")  # noqa: S608 - a column of the two above
            db.close()
            assert not await reads(browser), column


async def test_guessing_is_slowed_down_also_for_the_right_token(tmp_path: Path) -> None:
    async with visiting(tmp_path) as (browser, _):
        guesses = [(await browser.login(f"guess{n}")).status for n in range(FROM_ONE + 1)]
        late = await browser.login(OPERATE)
    assert guesses == [401] * FROM_ONE + [429]
    assert (late.status, int(late.headers["Retry-After"]) > 0) == (429, True)


async def test_guesses_that_are_all_begun_before_one_has_ended_are_too_many_as_well(
    tmp_path: Path,
) -> None:
    async with serving(tmp_path) as client:
        began = [await half_a_guess(client.url, f"token=guess{n}") for n in range(FROM_ONE + 5)]
        statuses = [await other_half(guess) for guess in began]
    assert sorted(statuses) == [401] * FROM_ONE + [429] * 5


async def test_who_logs_in_is_kept_out_by_nobody_who_logs_in(tmp_path: Path) -> None:
    async with visiting(tmp_path) as (browser, _):
        statuses = {(await browser.login()).status for _ in range(FROM_ONE + 5)}
    assert statuses == {200}


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example", "Sec_Fetch_Site": ""},
        {"Origin": "null", "Sec_Fetch_Site": ""},
        {"Sec_Fetch_Site": "cross-site", "Origin": ""},
        {"Origin": "", "Sec_Fetch_Site": ""},
    ],
)
async def test_another_site_logs_nobody_in(tmp_path: Path, headers: dict[str, Any]) -> None:
    async with visiting(tmp_path) as (browser, _):
        refused = await browser.send("/login", {"token": OPERATE}, **headers)
    assert refused.status == 403
    assert browser.cookies == {}


async def test_a_form_that_is_no_form_is_refused(tmp_path: Path) -> None:
    async with serving(tmp_path) as client:
        url = f"{client.url}/login"
        ours = {"Origin": client.url}
        async with client.session.post(url, json={"token": OPERATE}, headers=ours) as answer:
            assert answer.status == 415
        async with client.session.post(url, data={"token": "x" * 5000}, headers=ours) as answer:
            assert answer.status == 413


async def test_no_token_and_no_secret_is_written_into_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    async with visiting(tmp_path) as (browser, _):
        await browser.login("guess" * 8)
        await browser.login()
        secret = browser.cookies[COOKIE]
    said = "\n".join(str(record.__dict__) for record in caplog.records)
    assert "a session begins" in said
    assert not [word for word in (secret, OPERATE, "guess" * 8) if word in said]
