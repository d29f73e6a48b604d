from __future__ import annotations

import asyncio
import json
import sqlite3
import sys
from pathlib import Path

import pytest

from tests.receiver.rig import firing
from tests.receiver.web.serving import OPERATE, Client, serving
from tests.servers.process import until

pytestmark = pytest.mark.server  # a process for every command: not for `make check`


async def prunella(*words: str, url: str, token_file: Path | None = None) -> tuple[int, str, str]:
    """Runs the command as an operator would; its exit code, what it printed and what it complained of."""
    token = ["--token-file", str(token_file)] if token_file is not None else []
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "receiver.cli", *words, "--url", url, *token),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    file = tmp_path / "operate_token"
    file.write_text(OPERATE + "\n")
    return file


async def _in_shadow(client: Client) -> None:
    await client.alerts(json.dumps({"alerts": [firing()]}).encode())

    async def settled() -> bool:
        listed = await client.ask("GET", "/api/v1/incidents?state=SHADOW")
        return bool(listed.json["incidents"])

    await until(settled, "an incident in SHADOW")


async def test_status_says_mode_and_counts(tmp_path: Path, token_file: Path) -> None:
    async with serving(tmp_path, mode="shadow") as client:
        await _in_shadow(client)
        code, out, _ = await prunella("status", url=client.url, token_file=token_file)
        assert (code, out.strip()) == (0, "mode shadow, acting, 1 SHADOW")


async def test_incidents_are_a_table_without_colours_when_piped(
    tmp_path: Path, token_file: Path
) -> None:
    async with serving(tmp_path, mode="shadow") as client:
        await _in_shadow(client)
        _, out, _ = await prunella("incidents", url=client.url, token_file=token_file)
        assert out.splitlines()[0].split() == [
            "ID",
            "STATE",
            "SEVERITY",
            "PLAYBOOK",
            "REASON",
            "TITLE",
        ]
        assert "too many errors" in out
        assert "\033" not in out


async def test_one_incident_is_told_as_a_story(tmp_path: Path, token_file: Path) -> None:
    async with serving(tmp_path, mode="shadow") as client:
        await _in_shadow(client)
        _, out, _ = await prunella("incidents", "1", url=client.url, token_file=token_file)
        assert "rung first, targets shop" in out
        assert "refused      shop: shadow" in out


async def test_json_is_what_the_api_says(tmp_path: Path, token_file: Path) -> None:
    async with serving(tmp_path, mode="shadow") as client:
        _, out, _ = await prunella("status", "--json", url=client.url, token_file=token_file)
        assert json.loads(out)["mode"] == "shadow"


async def test_an_incident_is_acknowledged_and_resolved(tmp_path: Path, token_file: Path) -> None:
    async with serving(tmp_path, mode="shadow") as client:
        await _in_shadow(client)
        await prunella("ack", "1", url=client.url, token_file=token_file)
        code, out, _ = await prunella("resolve", "1", url=client.url, token_file=token_file)
        assert (code, out.strip()) == (0, "incident 1 is RESOLVED")


async def test_what_cannot_be_is_exit_1_with_the_reason(tmp_path: Path, token_file: Path) -> None:
    async with serving(tmp_path) as client:
        code, _, err = await prunella("approve", "9", url=client.url, token_file=token_file)
        assert (code, err.strip()) == (
            1,
            "prunella: there is no incident 9; `prunella incidents` lists those there are",
        )


async def test_without_a_token_it_says_where_to_put_one(tmp_path: Path) -> None:
    async with serving(tmp_path) as client:
        code, _, err = await prunella("status", url=client.url)
        assert code == 1
        assert "--token-file or PRUNELLA_TOKEN_FILE" in err


async def test_no_receiver_is_exit_1_with_the_cure() -> None:
    code, _, err = await prunella("status", url="http://127.0.0.1:1")
    assert code == 1
    assert "is the receiver running?" in err


async def test_pause_and_resume(tmp_path: Path, token_file: Path) -> None:
    async with serving(tmp_path) as client:
        asked = ("pause", "--reason", "release")
        _, out, _ = await prunella(*asked, url=client.url, token_file=token_file)
        assert out.strip() == "paused by ann: release"
        unset = ("pause", "--reason", "")
        _, out, _ = await prunella(*unset, url=client.url, token_file=token_file)
        assert out.strip() == "paused by ann: no reason given"
        _, out, _ = await prunella("resume", url=client.url, token_file=token_file)
        assert out.strip() == "resumed by ann"


async def test_the_journal_is_exported_and_its_chain_verified(
    tmp_path: Path, token_file: Path
) -> None:
    async with serving(tmp_path, mode="shadow") as client:
        await _in_shadow(client)
        _, out, _ = await prunella("journal", "export", url=client.url, token_file=token_file)
        assert [json.loads(row)["ev"] for row in out.splitlines()][:2] == ["received", "opened"]
        code, out, _ = await prunella("journal", "verify", url=client.url, token_file=token_file)
        assert code == 0
        assert "the chain holds" in out


async def test_a_changed_journal_is_found_and_the_row_named(
    tmp_path: Path, token_file: Path
) -> None:
    async with serving(tmp_path, mode="shadow") as client:
        await _in_shadow(client)
        with sqlite3.connect(tmp_path / "journal.db") as db:
            db.execute("DROP TRIGGER event_never_changes")
            db.execute("UPDATE event SET data = replace(data, 'critical', 'info') WHERE seq = 2")
        db.close()
        code, out, _ = await prunella("journal", "verify", url=client.url, token_file=token_file)
        assert code == 1
        assert "row 2 (opened) was changed" in out


async def test_a_command_that_is_none_is_exit_2() -> None:
    code, _, err = await prunella("sing", url="http://127.0.0.1:1")
    assert code == 2
    assert "there is no 'sing'; known: " in err


async def test_options_may_stand_before_the_command_too(tmp_path: Path, token_file: Path) -> None:
    asked = ("--token-file", str(token_file), "--json", "status")
    async with serving(tmp_path, mode="shadow") as client:
        code, out, err = await prunella(*asked, url=client.url)
        assert (code, err) == (0, "")
        assert json.loads(out)["mode"] == "shadow"
