from __future__ import annotations

import subprocess

import pytest

from tests.servers.postgres import PostgresServer, postgres_server


def segment(server: PostgresServer) -> str:
    """The shared memory that says that it lives."""
    return (server.folder / "data" / "postmaster.pid").read_text().splitlines()[6].split()[1]


def lives(number: str) -> bool:
    said = subprocess.run(["ipcs", "-m"], capture_output=True, text=True, check=True).stdout
    return number in {line.split()[1] for line in said.splitlines() if len(line.split()) > 4}


@pytest.mark.server
@pytest.mark.parametrize("killed", [False, True])
def test_it_leaves_no_memory_to_the_machine(*, killed: bool) -> None:
    with postgres_server() as server:
        assert server.sql("SHOW dynamic_shared_memory_type") == "mmap"
        number = segment(server)
        assert lives(number)
        if killed:
            server.kill()
    assert not lives(number)
