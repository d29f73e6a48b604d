"""docs/disaster.md is read in the worst hour: every command on it is executed here, as it stands there, by a shell."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from receiver.backups.making import back_up
from receiver.decide.backups import Kind
from tests.receiver.backups.shops import a_ground, a_shop, config_of, everything
from tests.servers.postgres import ENCODED, PASSWORD, USER, PostgresServer, binary

PAGE = Path(__file__).parents[3] / "docs" / "disaster.md"
pytestmark = [pytest.mark.server, pytest.mark.timeout(600)]


def commands(section: str) -> list[str]:
    """Those of the section's block, without what is said beside them."""
    text = PAGE.read_text().split(f"\n## {section}", 1)[1].split("\n## ")[0]
    (block,) = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    return [line.partition("  #")[0].strip() for line in block.splitlines() if line.strip()]


class Machine:
    """Where the operator sits: the page's placeholders, a PATH, and PostgreSQL's own variables."""

    def __init__(self, server: PostgresServer, folder: Path, **names: str) -> None:
        self.folder, self.names = folder, names
        (folder / "bin").mkdir()
        (folder / "bin" / "prunella").symlink_to(Path(sys.executable).with_name("prunella"))
        path = f"{folder / 'bin'}:{binary('pg_dump').parent}:{os.environ['PATH']}"
        login = {"PGHOST": "127.0.0.1", "PGPORT": str(server.port), "PGUSER": USER}
        config = {"PRUNELLA_CONFIG": str(folder / "receiver.yml"), "PGPASSWORD": PASSWORD}
        self.environment = {**os.environ, **login, **config, "PATH": path}

    def runs(self, command: str, code: int = 0) -> str:
        """It ends with that code; what it said."""
        for name, value in self.names.items():
            command = re.sub(rf"\b{re.escape(name)}\b", value, command)
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", command],
            cwd=self.folder / "store", env=self.environment, capture_output=True, text=True,
            stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip
        assert done.returncode == code, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout


@pytest.fixture
async def lost(server: PostgresServer, tmp_path: Path) -> Machine:
    """A machine with a database, its backup and its export, and a config to bring them back."""
    name, store = a_shop(server, 20), tmp_path / "store"
    store.mkdir()
    ground = a_ground(server, name, store, tables=["orders"])
    made, export = await back_up(ground, Kind.DATABASE), await back_up(ground, Kind.EXPORT)
    config = config_of(server, name, store, tables=["orders"])
    (tmp_path / "receiver.yml").write_text(yaml.safe_dump(config))
    found = Machine(server, tmp_path, NAME=name, TARGET="db", FILE=made.name, EXPORT=export.name)
    where = f"127.0.0.1:{server.port}"
    found.names |= {
        "USER": f"{USER}:{ENCODED}",
        "HOST": where,
        "OTHER": f"{name}_other",
        "NEW": f"{name}_new",
    }
    return found


async def test_what_is_listed_planned_refused_and_brought_back(
    server: PostgresServer, lost: Machine
) -> None:
    name = lost.names["NAME"]
    before = everything(server, name)
    listed = commands("2.")[-1].replace("/etc/prunella/receiver.yml", "$PRUNELLA_CONFIG")
    assert lost.names["FILE"] in lost.runs(listed)
    planned, plain, replaced, elsewhere = commands("3.")
    lost.runs(plain, code=1)
    server.sql("DELETE FROM orders", name)
    lost.runs(replaced)
    assert everything(server, name) == before
    server.sql(f"DROP DATABASE {name}")
    assert "is not there" in lost.runs(planned)
    lost.runs(plain)
    assert everything(server, name) == before
    lost.runs(elsewhere)
    assert everything(server, lost.names["OTHER"]) == before


async def test_without_prunella_and_only_one_table(server: PostgresServer, lost: Machine) -> None:
    for tool in ("zstd", "jq"):
        assert shutil.which(tool), f"there is no {tool}: apt-get install {tool}"
    before = everything(server, lost.names["NAME"])
    for command in commands("4."):
        lost.runs(command)
    assert everything(server, lost.names["NEW"]) == before
    server.sql("DROP TABLE orders CASCADE", lost.names["NAME"])
    lost.names["OTHER"] = lost.names["NEW"]
    table, rows = commands("5.")
    lost.runs(table)
    assert server.sql("SELECT count(*) FROM orders", lost.names["NAME"]) == "20"
    assert lost.runs(rows).count("\n") == 20
