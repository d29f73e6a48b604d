"""The page of one incident: what it shows, and words that count only as long as they answer what is asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from receiver.channels.buttons import episode_mark
from receiver.console.incident import WORDS, moment_of
from tests.receiver.console.happening import asking, deliver, incident, until_state
from tests.receiver.console.visiting import browsing
from tests.receiver.rig import firing, resolved
from tests.receiver.web.serving import OPERATE, READ

PAGE = "/incidents/1"


async def test_it_says_what_is_wrong_what_is_asked_and_why(tmp_path: Path) -> None:
    async with asking(tmp_path) as (browser, _):
        page = await browser.open(PAGE)
    text = page.markup.text
    assert "too many errors" in text
    assert "AWAITING APPROVAL" in text
    assert 'run on shop with argv=["/bin/true", "first"]' in text
    assert "refused shop: approval required" in text
    assert ("a", {"href": "/runbooks/HighErrorRate"}) in page.markup.tags


@pytest.mark.parametrize(
    ("word", "state", "said"),
    [
        ("approve", None, "Approved."),
        ("deny", "ESCALATED", "Denied."),
        ("acknowledge", "AWAITING_APPROVAL", "ann has incident 1."),
        ("resolve", "RESOLVED", "Resolved."),
    ],
)
async def test_each_word_does_what_it_says_and_is_in_the_journal(
    tmp_path: Path, word: str, state: str | None, said: str
) -> None:
    async with asking(tmp_path) as (browser, client):
        after = await browser.press(await browser.open(PAGE), f"{PAGE}/{word}")
        now = await incident(client)
    assert after.status == 200
    assert after.path.startswith(f"{PAGE}?said={word}.")
    assert said in after.markup.text
    assert state in {None, now["state"]}
    assert any(row.get("by") == "ann" for row in now["timeline"])


async def test_a_word_is_heard_once(tmp_path: Path) -> None:
    async with asking(tmp_path) as (browser, client):
        page = await browser.open(PAGE)
        await browser.press(page, f"{PAGE}/deny")
        again = await browser.press(page, f"{PAGE}/approve")
        assert (again.status, "Nothing was done" in again.markup.text) == (409, True)
        assert (await incident(client))["state"] == "ESCALATED"


async def test_an_approval_of_another_plan_is_none(tmp_path: Path) -> None:
    async with asking(tmp_path) as (browser, client):
        page = await browser.open(PAGE)
        for bound in ("", "0" * 16 + ".abcdefgh", page.form(f"{PAGE}/resolve")["bound"]):
            refused = await browser.press(page, f"{PAGE}/approve", bound=bound)
            assert refused.status == 409
        assert (await incident(client))["state"] == "AWAITING_APPROVAL"


async def test_a_resolve_of_an_earlier_episode_is_none(tmp_path: Path) -> None:
    async with asking(tmp_path) as (browser, client):
        page = await browser.open(PAGE)
        refused = await browser.press(page, f"{PAGE}/resolve", bound=episode_mark("f1@1"))
        assert (refused.status, "has come back since" in refused.markup.text) == (409, True)
        assert (await incident(client))["state"] == "AWAITING_APPROVAL"


async def test_who_may_only_read_sees_no_buttons_and_is_not_heard(tmp_path: Path) -> None:
    async with asking(tmp_path) as (browser, client), browsing(client) as reader:
        theirs = await reader.login(READ, PAGE)
        mine = await browser.open(PAGE)
        assert [to for to, _ in theirs.markup.forms] == ["/logout"]
        for word in WORDS:
            fields = {**mine.form(f"{PAGE}/{word}"), "csrf": theirs.form("/logout")["csrf"]}
            assert (await reader.send(f"{PAGE}/{word}", fields)).status == 403
        assert (await incident(client))["state"] == "AWAITING_APPROVAL"


async def test_what_is_over_is_shown_without_buttons_and_stands_still(tmp_path: Path) -> None:
    async with asking(tmp_path) as (browser, client):
        await deliver(client, resolved())
        await until_state(client, "RESOLVED")
        page = await browser.open(PAGE)
    assert [to for to, _ in page.markup.forms] == ["/logout"]
    assert "live.js" not in page.text


async def test_there_is_no_page_of_what_is_not_there(tmp_path: Path) -> None:
    async with asking(tmp_path) as (browser, client):
        assert (await browser.open("/incidents/99")).status == 404
        assert (await browser.open("/incidents/99999999999999999999")).status == 404
        form = (await browser.open(PAGE)).form(f"{PAGE}/resolve")
        assert (await browser.send("/incidents/99/resolve", form)).status == 404
        bare = await client.ask("GET", "/incidents/99", token=OPERATE)
        assert (bare.status, bare.json["reason"]) == (404, "not_found")


HOSTILE = {
    "alertname": "HighErrorRate",
    "note": "<script>alert(1)</script>",
    "pod": '"><img src=x onerror=alert(1)>',
    "link": "javascript:alert(1)",
}
NOTES = {
    "summary": "</title><script>alert(1)</script>'\"><svg onload=alert(1)>",
    "description": "{{ 7 * 7 }} {% raw %}",
    "runbook_url": "javascript:alert(1)",
    "dashboard_url": "data:text/html,<script>alert(1)</script>",
    "wiki": "https://wiki.example/a?b=<c>&d='\"",
    "trick": "https://wiki.example/\u202egpj.exe",
    "relative": "//evil.example/x",
}


@pytest.mark.parametrize("path", [PAGE, "/"])
async def test_a_hostile_alert_is_inert(tmp_path: Path, path: str) -> None:
    alert = firing(labels=HOSTILE, annotations=NOTES, generatorURL="javascript:alert(1)")
    async with asking(tmp_path, alert=alert) as (browser, _):
        markup = (await browser.open(path)).markup
    scripts = [said for tag, said in markup.tags if tag == "script"]
    ours = ["/static/events.js", "/static/live.js"]
    assert [said["src"].partition("?")[0] for said in scripts] == ours
    assert not {tag for tag, _ in markup.tags} & {"img", "iframe", "object", "embed", "style"}
    attributes = {name for _, said in markup.tags for name in said}
    assert not [name for name in attributes if name.startswith("on") or name == "style"]
    places = [
        said[name] for _, said in markup.tags for name in ("href", "src", "action") if name in said
    ]
    assert not [
        url for url in places if not url.startswith(("/", "#", "https://wiki", "http://127"))
    ]
    assert not [url for url in places if url.startswith("//")]
    assert "49" not in markup.text.partition("raw")[0][-20:]


def test_samples_of_a_verification_are_shown_one_by_one() -> None:
    seen = ["pass: HTTP 200", "fail: HTTP 500"]
    shown = moment_of(
        {"t": 1.0, "ev": "verdict", "verdict": "still_broken", "step": "first", "seen": seen}
    )
    assert shown.seen == tuple(seen)
    assert shown.text == "after rung first: still broken"


@pytest.mark.parametrize("text", ["x", "'", "\u202e", "\U0001f525", "https://wiki.example/&"])
async def test_the_page_has_an_end_whatever_is_in_the_labels(tmp_path: Path, text: str) -> None:
    value = (text * 900)[:900]
    labels = {f"l{n}": value for n in range(40)}
    notes = {"runbook_url": "https://wiki.example/" + "x" * 60_000, **labels}
    many = [
        firing("shop", labels={**labels, "n": str(n)}, annotations=notes, fingerprint=f"big{n}")
        for n in range(13)
    ]
    async with asking(tmp_path, alert=many[0]) as (browser, client):
        await deliver(client, *many[1:])
        page = await browser.open(PAGE)
    assert "too many errors" in page.markup.text or "HighErrorRate" in page.markup.text
    assert "more: Alertmanager has them all." in page.markup.text
    assert len(page.text.encode()) <= 100_000
