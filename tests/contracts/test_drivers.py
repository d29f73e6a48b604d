"""A driver is loaded where a configuration needs it: a new collector or queue system is tested at once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from exporter.queues import SYSTEMS
from tests.contracts.test_collectors import ENTRIES
from tests.servers.ports import free_port

DRIVERS = frozenset({"asyncpg", "bcrypt", "h2", "psutil", "re2", "redis"})
REDIS = f"redis://127.0.0.1:{free_port()}/0"
POSTGRES = f"postgresql://u@127.0.0.1:{free_port()}/d"
QUEUES: dict[str, dict[str, Any]] = {
    **{name: {"system": name, "url": REDIS} for name in SYSTEMS},
    "postgres": {"system": "postgres", "url": POSTGRES, "preset": "pgboss"},
    "bullmq-in-postgres": {"system": "bullmq", "url": POSTGRES},
}
CONFIGS: dict[str, dict[str, Any]] = {
    "nothing": {},
    **{key: {key: entry} for key, entry in ENTRIES.items()},
    **{f"queues-{name}": {"queues": [entry]} for name, entry in QUEUES.items()},
}
NEEDED = {
    "postgres": {"asyncpg"},
    "queues-postgres": {"asyncpg"},
    "queues-bullmq-in-postgres": {"asyncpg"},
}
# A process for each, which has loaded and built so far what all of them do.
PROGRAM = """
import asyncio, os, sys
from pathlib import Path
from exporter.app import Exporter
from exporter.settings import read
from prunella.service.reload import Live

async def begun(file):
    async with Exporter(Live(lambda: read(file, {}))).started():
        print(file.stem, *sys.modules, flush=True)

read(None, {})
for file in map(Path, sys.argv[1:]):
    if not os.fork():
        sys.exit(asyncio.run(begun(file)))
    os.wait()
"""


def written(folder: Path) -> list[Path]:
    files = [folder / f"{name}.yml" for name in CONFIGS]
    for file, config in zip(files, CONFIGS.values(), strict=True):
        file.write_text(yaml.safe_dump(config))
    return files


def test_an_exporter_that_has_begun_has_loaded_what_its_configuration_needs(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PROGRAM, *map(str, written(tmp_path))]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    loaded = {
        name: DRIVERS & set(modules) for name, *modules in map(str.split, done.stdout.splitlines())
    }
    assert loaded == {name: NEEDED.get(name, set()) for name in CONFIGS}, done.stderr
