"""The releases' pages: the ledger, and each signal of a launch watch against its limit."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from receiver.console.releases import _pictures
from receiver.decide.regression import Finding, Judged
from receiver.decide.watching import Checkpoint, Launch
from tests.receiver.console.visiting import visiting
from tests.receiver.decide.releases import a_release
from tests.receiver.rig import CONFIG

RELEASE = {
    "strategy": "command",
    "version": {"command": ["/bin/true"]},
    "preflight": ["/bin/true", "{version}"],
    "activate": ["/bin/true", "{version}"],
    "restore": ["/bin/true", "{version}"],
}
SHOP = {**CONFIG["targets"], "shop": {**CONFIG["targets"]["shop"], "release": RELEASE}}


def a_look(at: float, finding: Finding, value: float | None, limit: float | None) -> Checkpoint:
    signal = Judged("errors", finding, "", value, None, limit)
    return Checkpoint(due=at, at=at, phase=1, finding=finding, signals=(signal,), traffic=1.0)


def a_launch(*looks: Checkpoint) -> Launch:
    return Launch(replace(a_release(), deployed_at=1000.0), 1000.0, None, looks)


def test_a_signal_is_drawn_against_its_limit_and_from_where_it_is_worse() -> None:
    looks = (a_look(1900, Finding.PASS, 0.01, 0.02), a_look(2800, Finding.DEGRADED, 0.09, 0.02))
    ((caption, picture),) = _pictures(a_launch(*looks))
    assert caption
    assert len(picture.lines) == 1
    assert [mark.caption.text for mark in picture.marks] == ["deployed", "worse"]


def test_what_was_not_measured_or_has_no_limit_is_not_drawn() -> None:
    looks = (a_look(1900, Finding.INCONCLUSIVE, None, None), a_look(2800, Finding.PASS, 1.0, None))
    assert list(_pictures(a_launch(*looks))) == []


async def test_a_deploy_is_in_the_ledger_and_has_a_page(tmp_path: Path) -> None:
    async with visiting(tmp_path, targets=SHOP) as (browser, client):
        said = {"target": "shop", "version": "v1<i>", "state": "finished"}
        told = await client.ask("POST", "/api/v1/releases", data=json.dumps(said).encode())
        assert told.status == 200, told.text
        await browser.login()
        ledger = await browser.open("/releases")
        one = await browser.open(f"/releases/{told.json['id']}")
    assert "v1<i>" in ledger.markup.text
    assert "<i>" not in ledger.text
    assert (one.status, "Report of the launch watch" in one.markup.text) == (200, True)


async def test_without_releases_it_says_how_one_is_told_of(tmp_path: Path) -> None:
    async with visiting(tmp_path) as (browser, _):
        await browser.login()
        empty, missing = await browser.open("/releases"), await browser.open("/releases/7")
    assert "prunella release started" in empty.markup.text
    assert missing.status == 404
