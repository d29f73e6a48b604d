from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from receiver.cli.playbooks import story, table
from tests.receiver.cli.test_commands import prunella
from tests.receiver.cli.test_operate import a_token
from tests.receiver.web.serving import serving
from tests.receiver.web.test_playbooks import YOUNG

RUNG: dict[str, Any] = {
    "name": "restart",
    "action": "restart",
    "mode": "auto",
    "configured": None,
    "grant": None,
    "runs": 9,
    "helped": 6,
    "returned": 1,
    "in_vain": 1,
    "failed": 0,
    "unseen": 1,
    "success": 0.75,
    "seconds_spared": 7500.0,
    "trusted": True,
    "refusals": {"cooldown": 3},
}
GRANT = {"rung": None, "mode": "auto", "by": "ann", "why": "good", "at": "2026-11-22T03:00:00.000Z"}
BOOK: dict[str, Any] = {
    "name": "memory",
    "mode": "auto",
    "configured": "shadow",
    "ceiling": "auto",
    "changed": False,
    "grant": GRANT,
    "human_seconds": 1260.0,
    "human_own": False,
    "refusals": {},
    "rungs": [RUNG],
    "last_runs": [
        {
            "incident": 7,
            "rung": "restart",
            "action": "restart",
            "target": "api",
            "began_at": "T",
            "result": "ok",
            "verdict": "recovered",
            "returned_at": "T2",
        }
    ],
    "would_have_acted": [
        {
            "incident": 3,
            "rung": "restart",
            "action": "restart",
            "target": "api",
            "at": "T",
            "lasted": 90.0,
        }
    ],
}


def test_a_rung_is_one_line() -> None:
    head, line = table([BOOK]).splitlines()
    assert head.split()[:4] == ["PLAYBOOK", "RUNG", "MODE", "RUNS"]
    assert line.split() == [
        "memory",
        "restart",
        "auto",
        *["9", "6", "1", "1", "0", "2h", "5m", "cooldown", "3"],
    ]


def test_what_is_slower_than_humans_is_below_zero_and_what_nobody_knows_is_a_dash() -> None:
    slow = {**BOOK, "rungs": [{**RUNG, "seconds_spared": -90.0}, {**RUNG, "seconds_spared": None}]}
    assert "-1m 30s" in table([slow])
    assert " -  cooldown" in table([slow])


def test_the_story_shows_who_trusted_it_and_what_it_did() -> None:
    told = story(BOOK)
    assert "all of it: auto by ann at 2026-11-22T03:00:00.000Z: good" in told
    assert "humans take 21m (median of all playbooks)" in told
    assert "restart on api (rung restart, incident 7): recovered, and it came back" in told
    assert "broken for 1m 30s" in told


def test_one_that_was_changed_says_why_it_is_not_trusted() -> None:
    assert "it was changed since it was promoted" in story({**BOOK, "changed": True})


@pytest.mark.server  # a process for every command
async def test_it_is_shown_promoted_and_demoted(tmp_path: Path) -> None:
    async with serving(tmp_path, **YOUNG) as client:
        said = partial(prunella, url=client.url, token_file=a_token(tmp_path))
        code, out, err = await said("playbooks")
        assert (code, "errors" in out, "shadow" in out) == (0, True, True), err
        assert (await said("playbooks", "promote", "errors", "--yes"))[
            1
        ] == "errors is approve now\n"
        done = await said("playbooks", "promote", "errors", "--yes", "--reason", "it helps")
        assert done[:2] == (0, "errors is auto now\n")
        _, out, _ = await said(
            "playbooks", "demote", "errors", "--rung", "second", "--to", "shadow", "--yes"
        )
        assert out == "rung second of errors is shadow now\n"
        _, out, _ = await said("playbooks", "--json")
    (book,) = json.loads(out)["playbooks"]
    assert [rung["mode"] for rung in book["rungs"]] == ["auto", "shadow"]


@pytest.mark.server
async def test_a_promotion_says_which_rungs_are_kept_back(tmp_path: Path) -> None:
    first, second = YOUNG["playbooks"][0]["ladder"]
    books = [{**YOUNG["playbooks"][0], "ladder": [first, {**second, "mode": "shadow"}]}]
    async with serving(tmp_path, playbooks=books) as client:
        said = partial(prunella, url=client.url, token_file=a_token(tmp_path))
        _, out, err = await said("playbooks", "promote", "errors", "--yes")
        kept = "by the config, or by what was taken before, rung second is shadow"
        assert out == f"errors is approve now; but {kept}\n", err
        _, out, err = await said("playbooks", "demote", "errors", "--rung", "first", "--yes")
        assert out == "rung first of errors is shadow now\n", err


@pytest.mark.server
async def test_without_a_yes_nothing_is_promoted_and_the_evidence_is_shown(tmp_path: Path) -> None:
    async with serving(tmp_path, **YOUNG) as client:
        said = partial(prunella, url=client.url, token_file=a_token(tmp_path))
        code, out, err = await said("playbooks", "promote", "errors")
        assert (code, "say --yes" in err, "playbook errors: shadow" in out) == (1, True, True)
        code, _, err = await said("playbooks", "promote", "errors", "--rung", "nope", "--yes")
        assert (code, "known: first, second" in err) == (2, True)
        assert (await client.ask("GET", "/api/v1/playbooks/errors")).json["mode"] == "shadow"
