"""What a runbook tells somebody to type at night is typed here first: queries, commands of ours, SQL and redis-cli."""

from __future__ import annotations

import asyncio
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from receiver.cli import __main__ as command_line
from tests.prometheus.bundle import ROOT, records
from tests.prometheus.promql import series_of
from tests.prometheus.test_lint import OTHERS, catalogue
from tests.servers.postgres import postgres_server
from tests.servers.redis import redis_server

PAGES = sorted((ROOT / "docs" / "runbooks").glob("[A-Z]*.md"))
PLACEHOLDERS = {
    "ID": "1",
    "TARGET": "shop",
    "SERVICE": "shop",
    "VERSION": "1.2.0",
    "CHANNEL": "ops",
}
WITHOUT_THEIR_ARGUMENTS = {"prunella simulate"}  # named in passing
PROGRAMS = {
    *("curl", "redis-cli", "pm2", "journalctl", "docker", "systemctl", "supervisorctl", "openssl"),
    *("df", "du", "ls", "dmesg", "lsof", "ps", "top", "pg_restore", "pg_isready", "promtool"),
}
ON_REPLICAS = "wal_replay"  # a primary refuses it
ENDLESS = ("--latency", "--bigkeys")  # they look at a server for as long as somebody watches


def snippets() -> Iterator[tuple[str, str]]:
    """The page and each thing in backticks."""
    for page in PAGES:
        for text in re.findall(r"`([^`\n]+)`", page.read_text()):
            yield page.stem, text


def queries() -> list[tuple[str, str]]:
    known = catalogue() | {rule["record"] for rule in records()}

    def asks(text: str) -> bool:
        names = series_of(text)
        theirs = any(re.fullmatch(pattern, name) for pattern in OTHERS.values() for name in names)
        return bool(names & known) or (theirs and "{" in text)

    return [(page, text) for page, text in snippets() if asks(text) and "*" not in text]


def commands(program: str) -> list[tuple[str, str]]:
    return [(page, text) for page, text in snippets() if text.startswith(f"{program} ")]


@pytest.mark.server
def test_prometheus_reads_every_query(tmp_path: Path) -> None:
    found = queries()
    assert len(found) > 100
    rules = [
        {"record": f"runbook:{page}:{number}".lower(), "expr": text}
        for number, (page, text) in enumerate(found)
    ]
    (tmp_path / "r.yml").write_text(yaml.safe_dump({"groups": [{"name": "g", "rules": rules}]}))
    argv = ["promtool", "check", "rules", str(tmp_path / "r.yml")]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_our_own_commands_are_there() -> None:
    found = commands("prunella")
    assert len(found) > 30
    for page, text in found:
        words = [PLACEHOLDERS.get(word, word) for word in shlex.split(text)[1:]]
        try:
            command_line.grammar().parse_args(words)
        except SystemExit:  # argparse has said why
            assert text in WITHOUT_THEIR_ARGUMENTS, f"{page}: {text}"


@pytest.mark.server
def test_sql_is_run_by_a_real_postgresql() -> None:
    found = [*commands("SELECT"), *commands("GRANT"), *commands("CREATE")]
    whole = [text for _, text in found if "…" not in text and ON_REPLICAS not in text]
    assert len(whole) >= 8
    with postgres_server() as server:
        for text in whole:
            server.sql("DROP ROLE IF EXISTS exporter; CREATE ROLE exporter")
            server.sql(text.replace("PID", "0").replace("CREATE ROLE exporter", "CREATE ROLE made"))


@pytest.mark.server
async def test_redis_understands_what_it_is_told() -> None:
    found = [text for _, text in commands("redis-cli") if not any(one in text for one in ENDLESS)]
    assert len(found) >= 8
    async with redis_server() as server:
        for text in found:
            line = text.replace("-u URL", "").replace("redis-cli", f"redis-cli -p {server.port}", 1)
            process = await asyncio.create_subprocess_shell(
                line, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
            )
            answer, _ = await process.communicate()
            assert process.returncode == 0, line
            assert b"ERR" not in answer, f"{line}: {answer.decode()}"


def test_every_line_for_a_shell_is_one() -> None:
    found = [text for _, text in snippets() if text.split()[0] in PROGRAMS]
    assert len(found) > 30
    for text in found:
        plain = re.sub(r"<[a-z' ]+>", "PLACE", text.replace("…", "x"))
        subprocess.run(["bash", "-n", "-c", plain], check=True, capture_output=True)
