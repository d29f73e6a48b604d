"""The targets' page: what each is, what is done to it, and what keeps it from being acted on."""

from __future__ import annotations

from pathlib import Path

from tests.receiver.console.happening import ONE_RUNG, deliver, until_state
from tests.receiver.console.visiting import visiting
from tests.receiver.rig import firing

ACTS = {"playbooks": [{**ONE_RUNG, "cooldown": "1h"}], "channels": {}}


async def test_a_target_shows_its_facets_and_what_chooses_it(tmp_path: Path) -> None:
    async with visiting(tmp_path, groups={"all": ["shop", "cache"]}) as (browser, _):
        await browser.login()
        text = (await browser.open("/targets")).markup.text
    assert 'shop free Facets http Chosen by service="shop" Last actions none' in text
    assert "all shop, cache" in text


async def test_what_was_done_and_the_cooldown_after_it_are_shown(tmp_path: Path) -> None:
    async with visiting(tmp_path, **ACTS) as (browser, client):
        await deliver(client, firing())
        await until_state(client, "VERIFYING")
        await browser.login()
        text = (await browser.open("/targets")).markup.text
    assert "Cooldown errors, until" in text
    assert "run, incident 1 : ok" in text


async def test_without_targets_it_says_what_that_means(tmp_path: Path) -> None:
    async with visiting(tmp_path, targets={}, playbooks=[]) as (browser, _):
        await browser.login()
        text = (await browser.open("/targets")).markup.text
    assert "every alert is only told of" in text
