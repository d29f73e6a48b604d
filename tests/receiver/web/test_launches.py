"""What a launch watch has seen, over the API and from the command line."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.receiver.cli.test_commands import prunella
from tests.receiver.cli.test_operate import a_token
from tests.receiver.web.serving import READ, Client, serving
from tests.servers.process import until

QUICK = {"phases": [{"until": "2s", "every": "1s"}], "window": "1s", "baseline": "1s"}
PATH = "/api/v1/releases"


async def a_watch_that_ended(client: Client) -> dict[str, Any]:
    """Of a receiver without a Prometheus: nobody saw anything. Its row in the list."""
    said = {"target": "shop", "version": "v1", "state": "finished"}
    await client.ask("POST", PATH, json=said)
    rows: list[dict[str, Any]] = []

    async def ended() -> bool:
        rows[:] = (await client.ask("GET", PATH, token=READ)).json
        return rows[0]["outcome"] is not None

    await until(ended, "the watch of two seconds is over")
    return rows[0]


async def test_the_list_says_what_was_found_last_and_how_the_watch_ended(tmp_path: Path) -> None:
    async with serving(tmp_path, launch_watch=QUICK) as client:
        row = await a_watch_that_ended(client)
        assert (row["verdict"], row["outcome"], row["state"]) == (
            *("inconclusive", "unproven", "watching"),
        )
        assert row["checked_at"] is not None
        assert row["phase"] is None


async def test_the_whole_watch_is_shown_with_its_report(tmp_path: Path) -> None:
    async with serving(tmp_path, launch_watch=QUICK) as client:
        row = await a_watch_that_ended(client)
        answer = await client.ask("GET", f"{PATH}/{row['id']}/watch", token=READ)
        assert answer.status == 200
        watch = answer.json
        assert (watch["id"], watch["target"], watch["version"]) == (row["id"], "shop", "v1")
        assert watch["phases"] == [{"until": 2.0, "every": 1.0}]
        last = watch["checkpoints"][-1]
        assert (last["phase"], last["finding"]) == (1, "inconclusive")
        assert last["signals"][0]["why"] == "no Prometheus is configured"
        assert "was not proven good" in watch["report"][0]


async def test_a_release_that_is_not_there_has_no_watch(tmp_path: Path) -> None:
    async with serving(tmp_path) as client:
        for path in ("watch", "picture"):
            answer = await client.ask("GET", f"{PATH}/99/{path}", token=READ)
            assert (answer.status, answer.json["reason"]) == (404, "not_found")
            nobody = await client.ask("GET", f"{PATH}/99/{path}", token=None)
            assert nobody.status == 401


@pytest.mark.server
async def test_its_report_is_printed_and_drawn_into_a_file(tmp_path: Path) -> None:
    async with serving(tmp_path, launch_watch=QUICK) as client:
        await a_watch_that_ended(client)
        said = partial(prunella, url=client.url, token_file=a_token(tmp_path))
        png = tmp_path / "watch.png"
        code, out, err = await said("release", "report", "shop", "--png", str(png))
        assert (code, err) == (0, "")
        assert out.startswith("shop v1: its launch watch is over")
        assert png.read_bytes().startswith(b"\x89PNG")
        code, out, _ = await said("release", "report", "shop", "v1", "--json")
        assert json.loads(out)["outcome"] == "unproven"
        code, _, err = await said("release", "report", "shop", "--png", str(tmp_path / "no" / "x"))
        assert (code, "--png" in err) == (2, True)


@pytest.mark.server
async def test_what_serves_is_reported_and_what_was_never_live_is_not(tmp_path: Path) -> None:
    async with serving(tmp_path) as client:
        said = partial(prunella, url=client.url, token_file=a_token(tmp_path))
        code, out, _ = await said("releases", "--reports")
        assert (code, out.strip()) == (0, "nothing serves")
        code, _, err = await said("release", "report", "shop")
        assert (code, "no release is known to serve on shop" in err) == (1, True)
        await said("release", "finished", "shop", "v1")
        code, out, _ = await said("releases", "shop", "--reports")
        assert (code, out.splitlines()[0]) == (0, "shop v1: no checkpoint yet")
        code, _, err = await said("release", "report", "shop", "v2")
        assert (code, "v2 was never live on shop" in err) == (1, True)
