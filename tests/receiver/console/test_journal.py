"""The journal's page: the audit backwards, and how far its chain was followed."""

from __future__ import annotations

import json
from pathlib import Path

from receiver.journal.sqlite import open_journal
from receiver.stages.chain import KEY
from tests.receiver.console.happening import deliver
from tests.receiver.console.visiting import visiting
from tests.receiver.rig import firing
from tests.servers.process import until

QUIET = {"mode": "shadow", "channels": {}}


async def test_rows_are_sentences_that_lead_to_their_incident(tmp_path: Path) -> None:
    async with visiting(tmp_path, **QUIET) as (browser, client):
        await deliver(client, firing(labels={"alertname": "HighErrorRate", "service": "shop"}))
        await browser.login()
        page = await browser.open("/journal")
    assert "HighErrorRate, critical: errors on shop" in page.markup.text
    assert 'href="/incidents/1"' in page.text


async def test_a_page_back_begins_before_the_row_that_is_said(tmp_path: Path) -> None:
    async with visiting(tmp_path, **QUIET) as (browser, client):
        await deliver(client, firing())
        await browser.login()
        page = await browser.open("/journal?before=2")
        wrong = await browser.open("/journal?before=x")
    assert ('data-caption="row">1</td>' in page.text, wrong.status) == (True, 400)
    assert 'data-caption="row">2</td>' not in page.text


async def test_the_chain_is_followed_by_itself_and_said_to_hold(tmp_path: Path) -> None:
    async with visiting(tmp_path, **QUIET) as (browser, client):
        await deliver(client, firing())
        await browser.login()

        async def holds() -> bool:
            return "The chain holds" in (await browser.open("/journal")).markup.text

        await until(holds, "the chain was followed")


async def test_a_broken_chain_is_said_loudly(tmp_path: Path) -> None:
    journal = await open_journal(tmp_path / "journal.db", 0.0)
    found = {"begun": 4e9, "seq": 3, "at": 4e9, "bad": 4, "why": "row 4 was changed <b>"}
    await journal.remember(KEY, json.dumps(found))
    await journal.close()
    async with visiting(tmp_path, **QUIET) as (browser, _):
        await browser.login()
        page = await browser.open("/journal")
    assert "The chain is broken: row 4 was changed <b>" in page.markup.text
