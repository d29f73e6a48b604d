"""The playbooks' pages: what each rung has shown, and the form that lets it go further."""

from __future__ import annotations

from pathlib import Path

from receiver.console.playbooks import spared
from tests.receiver.console.happening import asking, deliver
from tests.receiver.console.visiting import Browser, Seen, visiting
from tests.receiver.rig import firing
from tests.receiver.web.serving import READ
from tests.receiver.web.test_playbooks import YOUNG
from tests.servers.process import until


async def test_every_rung_is_listed_with_its_mode(tmp_path: Path) -> None:
    async with visiting(tmp_path, **YOUNG) as (browser, _):
        await browser.login()
        page = await browser.open("/playbooks")
    assert page.status == 200
    assert "errors first shadow 0 0 0 unknown second shadow" in page.markup.text


async def test_a_playbook_is_promoted_by_its_form_and_the_page_says_by_whom(tmp_path: Path) -> None:
    async with visiting(tmp_path, **YOUNG) as (browser, _):
        await browser.login()
        page = await browser.open("/playbooks/errors")
        after = await browser.press(page, "/playbooks/errors/promote", reason="<b>good</b>")
    assert (after.status, after.path.partition("?")[0]) == (200, "/playbooks/errors")
    assert "Promoted. first asks first, second asks first." in after.markup.text
    assert "Now approve by ann" in after.markup.text
    assert "<b>good</b>" in after.markup.text  # as text
    assert "<b>good" not in after.text
    assert after.form("/playbooks/errors/promote")["to"] == "auto"


async def test_a_second_click_on_an_old_page_changes_nothing(tmp_path: Path) -> None:
    async with visiting(tmp_path, **YOUNG) as (browser, client):
        await browser.login()
        page = await browser.open("/playbooks/errors")
        await browser.press(page, "/playbooks/errors/promote")
        again = await browser.press(page, "/playbooks/errors/promote")
        book = (await client.ask("GET", "/api/v1/playbooks/errors")).json
    assert (again.status, book["mode"]) == (409, "approve")
    assert "Nothing was changed" in again.markup.text


async def test_it_is_demoted_by_its_form(tmp_path: Path) -> None:
    async with visiting(tmp_path) as (browser, client):
        await browser.login()
        page = await browser.open("/playbooks/errors")
        await browser.press(page, "/playbooks/errors/demote")
        book = (await client.ask("GET", "/api/v1/playbooks/errors")).json
    assert (book["mode"], book["grant"]["by"]) == ("approve", "ann")


async def test_a_demoted_rung_has_a_form_of_its_own(tmp_path: Path) -> None:
    async with visiting(tmp_path) as (browser, client):
        body = b'{"rung": "second", "to": "approve"}'
        await client.ask("POST", "/api/v1/playbooks/errors/demote", data=body)
        await browser.login()
        page = await browser.open("/playbooks/errors")
        form = page.form("/playbooks/errors/promote")
        after = await browser.press(page, "/playbooks/errors/promote")
        book = (await client.ask("GET", "/api/v1/playbooks/errors")).json
    assert (form["rung"], form["to"], after.status) == ("second", "auto", 200)
    assert [rung["mode"] for rung in book["rungs"]] == ["auto", "auto"]


async def test_who_may_only_read_sees_no_form_and_cannot_promote(tmp_path: Path) -> None:
    async with visiting(tmp_path, **YOUNG) as (browser, client):
        await browser.login(READ)
        page = await browser.open("/playbooks/errors")
        sent = await browser.send("/playbooks/errors/promote", {"to": "approve"})
        book = (await client.ask("GET", "/api/v1/playbooks/errors")).json
    assert [to for to, _ in page.markup.forms if "playbooks" in to] == []
    assert (sent.status, book["mode"]) == (403, "shadow")


async def test_a_form_from_another_place_promotes_nothing(tmp_path: Path) -> None:
    async with visiting(tmp_path, **YOUNG) as (browser, client):
        await browser.login()
        fields = (await browser.open("/playbooks/errors")).form("/playbooks/errors/promote")
        path = "/playbooks/errors/promote"
        strange = await browser.send(path, fields, Origin="https://evil.example")
        without = await browser.send(path, {**fields, "csrf": "x"})
        book = (await client.ask("GET", "/api/v1/playbooks/errors")).json
    assert (strange.status, without.status, book["mode"]) == (403, 403, "shadow")


async def test_what_shadow_would_have_done_is_shown_with_its_incident(tmp_path: Path) -> None:
    async with visiting(tmp_path, **YOUNG) as (browser, client):
        await deliver(client, firing())
        await browser.login()

        async def held() -> bool:
            return "still broken" in (await _page(browser)).markup.text

        await until(held, "something held back")
        page = await _page(browser)
    assert "run on shop (rung first), incident 1 : still broken" in page.markup.text
    assert "1 \N{MULTIPLICATION SIGN} shadow" in page.markup.text


async def _page(browser: Browser) -> Seen:
    return await browser.open("/playbooks/errors")


async def test_a_playbook_that_is_not_there_is_said_to_be_unknown(tmp_path: Path) -> None:
    async with asking(tmp_path) as (browser, _):
        page = await browser.open("/playbooks/nope")
    assert (page.status, "known: errors" in page.markup.text) == (404, True)


def test_time_that_humans_would_not_have_taken_is_called_lost() -> None:
    assert spared(None) == "unknown"
    assert spared(3700.0) == "1h 1m"
    assert spared(-90.0) == "1m 30s lost (humans are quicker)"
