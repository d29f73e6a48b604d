from __future__ import annotations

import asyncio
import json
import os
import pty
import signal
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from receiver.backups.making import back_up
from receiver.cli.backups_here import table
from receiver.decide.backups import Kind
from tests.receiver.backups.shops import (
    a_ground,
    a_shop,
    allow_backups,
    config_of,
    everything,
    executables,
)
from tests.receiver.cli.test_commands import prunella
from tests.receiver.cli.test_operate import a_token
from tests.receiver.web.serving import serving
from tests.servers.postgres import PASSWORD, PostgresServer, postgres_server

pytestmark = [pytest.mark.server, pytest.mark.timeout(180)]  # many commands, a process each
NOBODY = "http://127.0.0.1:1"


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with postgres_server() as found:
        allow_backups(found)
        yield found


def config(server: PostgresServer, folder: Path, name: str, **keys: Any) -> Mapping[str, Any]:
    """Of one target that is backed up."""
    store = folder / "store"
    store.mkdir(exist_ok=True)
    facet = {
        "directory": str(store),
        "tables": ["orders"],
        "config": [str(folder / "a.yml")],
        **keys,
    }
    (folder / "a.yml").write_text("mode: auto\n")
    return {
        "executables": dict(executables()),
        "targets": {"db": {"postgres": {"url": server.url(name)}, "backup": facet}},
        "playbooks": [],
    }


async def test_by_the_receiver_it_is_made_listed_proven_and_let_go(
    server: PostgresServer, tmp_path: Path
) -> None:
    tree = config(server, tmp_path, a_shop(server, 50))
    async with serving(tmp_path, **tree) as client:

        async def said(*words: str) -> tuple[int, str, str]:
            return await prunella("backup", *words, url=client.url, token_file=a_token(tmp_path))

        code, out, err = await said("full", "db", "--json")
        assert code == 0, err
        assert json.loads(out)["counts"]["backups"] == 3
        code, out, _ = await said("list", "db", "--json")
        (shown,) = json.loads(out)["targets"]
        kinds = {one["kind"]: one["name"] for one in shown["backups"]}
        assert kinds.keys() == {"database", "export", "config"}
        code, out, err = await said("verify", "db", kinds["database"])
        assert (code, "rows in 5 tables are there" in out) == (0, True), err
        assert "proven 20" in (await said("list"))[1]
        code, out, err = await said("cleanup", "db")
        assert (code, "nothing is old enough to go" in out) == (0, True), err
        code, _, err = await said("list", "other")
        assert (code, "no target with `backup:`" in err) == (1, True)


async def test_without_a_receiver_a_lost_database_comes_back_by_one_command(
    server: PostgresServer, tmp_path: Path
) -> None:
    name = a_shop(server, 50)
    file = tmp_path / "receiver.yml"
    file.write_text(yaml.safe_dump({**config(server, tmp_path, name), "mode": "shadow"}))

    async def said(*words: str) -> tuple[int, str, str]:
        code, out, err = await prunella("backup", *words, "--config", str(file), url=NOBODY)
        assert PASSWORD not in out + err
        return code, out, err

    code, out, err = await said("database", "db")
    assert (code, "db-database-" in out) == (0, True), err
    before = everything(server, name)
    code, out, err = await said("restore", "db")
    assert (code, "--replace" in err, everything(server, name) == before) == (1, True, True)
    server.sql(f"DROP DATABASE {name}")
    code, out, err = await said("restore", "db", "--plan")
    assert (code, "is not there" in out) == (0, True), err
    code, out, err = await said("restore", "db")
    assert code == 0, err
    assert "next:" in out
    assert everything(server, name) == before
    code, out, err = await said("drill", "db")
    assert (code, "restored in" in out) == (0, True), err


async def test_what_cannot_be_asked_for_says_what_could(
    server: PostgresServer, tmp_path: Path
) -> None:
    file = tmp_path / "receiver.yml"
    tree = config(server, tmp_path, "nowhere", schedule=None, drill=None)
    file.write_text(yaml.safe_dump({**tree, "mode": "shadow"}))
    local = ("--config", str(file))
    for words, why, expected in (
        (("database", "other", *local), "there is no target with `backup:` 'other'; known: db", 2),
        (("redis", "db", *local), "needs `backup.redis`", 2),
        (("verify", "db", *local), "there is no backup of the database of db", 1),
        (("database", "db", *local), "does not exist", 1),
        (("list", "--config", str(tmp_path / "no.yml")), "no.yml", 2),
    ):
        code, _, err = await prunella("backup", *words, url=NOBODY)
        assert (code, why in err) == (expected, True), (words, err)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_a_restore_that_is_called_off_leaves_nothing_behind(
    server: PostgresServer, tmp_path: Path, number: signal.Signals
) -> None:
    name = a_shop(server, 10)
    slow = tmp_path / "pg_restore"
    slow.write_text("#!/bin/sh\nexec sleep 600\n")
    slow.chmod(0o755)
    file, tree = tmp_path / "receiver.yml", {**config(server, tmp_path, name), "mode": "shadow"}
    file.write_text(yaml.safe_dump(tree))
    code, _, err = await prunella("backup", "database", "db", "--config", str(file), url=NOBODY)
    assert code == 0, err
    file.write_text(yaml.safe_dump({**tree, "executables": {"pg_restore": str(slow)}}))
    argv = ("-m", "receiver.cli", "backup", "restore", "db", "--replace", "--config", str(file))
    pipe = asyncio.subprocess.PIPE
    # begun in the background, a shell has told us to ignore SIGINT
    process = await asyncio.create_subprocess_exec(
        *("env", "--default-signal=INT", sys.executable, *argv),
        stdout=pipe,
        stderr=pipe,
        stdin=asyncio.subprocess.DEVNULL,
    )
    assert process.stderr is not None
    while b"restoring into" not in await process.stderr.readline():
        assert process.returncode is None
    process.send_signal(number)
    _, said = await process.communicate()
    assert (process.returncode, said.count(b"called off"), said.count(b"Traceback")) == (1, 1, 0)
    left = server.sql("SELECT datname FROM pg_database").split()
    assert [one for one in left if one.startswith(name)] == [name]


@pytest.mark.parametrize(("said", "code"), [("", 1), ("y", 0)])
async def test_without_a_yes_nothing_is_done_and_the_exit_code_says_so(
    server: PostgresServer, tmp_path: Path, said: str, code: int
) -> None:
    name = a_shop(server, 1)
    file, ground = tmp_path / "receiver.yml", a_ground(server, name, tmp_path)
    file.write_text(yaml.safe_dump(config_of(server, name, tmp_path)))
    await back_up(ground, Kind.DATABASE)
    server.sql("DELETE FROM orders", name)
    ours, terminal = pty.openpty()
    argv = ("-m", "receiver.cli", "backup", "restore", "db", "--replace", "--config", str(file))
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, *argv), stdin=terminal, stdout=pipe, stderr=pipe
    )
    os.write(ours, f"{said}\n".encode())
    out, err = await process.communicate()
    os.close(ours)
    os.close(terminal)
    assert (process.returncode, b"go on? [y/N]" in out) == (code, True), err
    assert (b"nothing was done: nobody agreed to the plan" in err) is bool(code)
    assert server.sql("SELECT count(*) FROM orders", name) == str(1 - code)


async def test_what_is_said_as_json_is_for_machines_and_what_goes_on_meanwhile_for_people(
    server: PostgresServer, tmp_path: Path
) -> None:
    name = a_shop(server, 20)
    file, other = tmp_path / "receiver.yml", tmp_path / "to"
    file.write_text(yaml.safe_dump({**config(server, tmp_path, name), "mode": "shadow"}))
    other.write_text(server.url(f"{name}_beside") + "\n")

    async def said(*words: str) -> tuple[int, dict[str, Any], str]:
        argv = ("backup", *words, "--json", "--config", str(file))
        code, out, err = await prunella(*argv, url=NOBODY)
        assert PASSWORD not in out + err
        return code, json.loads(out or "{}"), err

    code, made, _ = await said("full", "db")
    assert (code, made["result"]) == (0, "ok")
    assert (made["counts"]["backups"], made["counts"]["rows"]) == (3, 164)
    code, proven, _ = await said("verify", "db")
    assert (code, proven["counts"]) == (0, {"backups": 3, "rows": 164})
    code, listed, _ = await said("list")
    (shown,) = listed["targets"]
    assert (code, [bool(one["verified_at"]) for one in shown["backups"]]) == (0, [True] * 3)
    code, planned, err = await said("restore", "db", "--to-file", str(other), "--plan")
    assert (code, sorted(planned), err) == (0, ["file", "plan", "to"], "")
    code, done, err = await said("restore", "db", "--to-file", str(other))
    assert (code, done["result"], done["to"]) == (0, "ok", planned["to"])
    assert "counting every table" in err
    assert everything(server, f"{name}_beside") == everything(server, name)


async def test_a_drill_that_fails_says_what_was_proven_all_the_same_and_exits_with_one(
    server: PostgresServer, tmp_path: Path
) -> None:
    file = tmp_path / "receiver.yml"
    tree = config(server, tmp_path, a_shop(server, 5))
    file.write_text(yaml.safe_dump({**tree, "mode": "shadow"}))
    local = ("--config", str(file))
    code, _, err = await prunella("backup", "full", "db", *local, url=NOBODY)
    assert code == 0, err
    (dump,) = (tmp_path / "store").glob("*.dump")
    dump.write_bytes(dump.read_bytes()[:-1])
    code, out, err = await prunella("backup", "drill", "db", *local, url=NOBODY)
    assert (code, out) == (1, "")
    assert f"database: {dump.name} is not what was written" in err
    assert "rows in 1 tables were read" in err
    _, out, _ = await prunella("backup", "list", *local, url=NOBODY)
    assert out.count("NOT PROVEN") == 1
    assert out.count("  proven 20") == 2
    for words, why in (
        (("restore", "db", "--to-file", str(tmp_path / "none")), "none cannot be read: No such"),
        (("list", "--watch"), "--watch asks a receiver: leave --config away"),
    ):
        code, _, err = await prunella("backup", *words, *local, url=NOBODY)
        assert (code, why in err) == (2, True), err


def test_a_place_that_cannot_be_seen_is_not_called_empty() -> None:
    runs = {"database": {"success": None, "attempt": None, "ok": False}}
    target = {
        "target": "db",
        "stores": ["/b"],
        "problem": "/b: no disk",
        "backups": [],
        "runs": runs,
    }
    assert table({"targets": [target]}) == "db  in /b\n  cannot be seen: /b: no disk"


def test_a_table_says_what_failed_and_what_was_never_made() -> None:
    failed = {"success": None, "attempt": "2026-11-22T02:00:00Z", "ok": False, "reason": "no room"}
    proof = {"verify_attempt": None, "verify_ok": False, "verify_reason": ""}
    never = {"success": None, "attempt": None, "ok": False}
    target = {
        "target": "db", "stores": ["/b"], "problem": "", "backups": [],
        "runs": {"database": {**failed, **proof}, "export": {**never, **proof}},
    }  # fmt: skip
    said = table({"targets": [target]})
    assert "FAILED at 2026-11-22T02:00:00Z: no room" in said
    assert "export: never made" in said
    assert table({"targets": []}) == "no target has a `backup:`"
