"""A heal in a process of its own, which can be killed in the middle: `python -m … URL`; says every batch on stdout."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace

from prunella.service.settings import Secret
from receiver.stores.postgres_rows import Heal, heal_sessions
from receiver.stores.postgres_store import PostgresFacet, SessionsTable
from tests.receiver.stores.postgres_world import real_tools


async def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


async def main() -> None:
    facet = PostgresFacet(
        url=Secret(sys.argv[1]), sessions=SessionsTable(table="sessions", expires="expires_at")
    )
    await heal_sessions(facet, Heal(batch=100), replace(real_tools(), progress=say))


if __name__ == "__main__":
    asyncio.run(main())
