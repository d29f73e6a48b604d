"""The drill `backup`: a database is lost and comes back by the operator's own commands, every row compared.

It is a copy that is lost, so that the shop goes on selling meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from demo.drill.run import NoHealError
from demo.drill.story import Stage
from demo.stack import database
from demo.stack.places import Places
from demo.stack.render import CONFIG
from prunella.service.clock import SystemClock

NAME, TARGET, COPY = "backup", "db-backup", "shop_drill"
_COPIES = """
    SELECT datname FROM pg_database WHERE datname = $1 OR starts_with(datname, $1 || '_before_')
"""
TABLES = ("orders", "order_lines", "sessions")


@dataclass(frozen=True, slots=True)
class Said:
    """How a command ended."""

    code: int
    answer: Mapping[str, object]
    complaint: str


@dataclass(frozen=True, slots=True)
class Drill:
    """With the stack of `places` up."""

    places: Places

    async def stages(self) -> AsyncIterator[Stage]:
        """Each step as it is done. Raises NoHealError."""
        made = await self._must("database", TARGET)
        name = str(made["text"]).partition(":")[0]
        yield _now("action", f"backup database {TARGET}: {made['text']}")
        yield _now("proven", str((await self._must("verify", TARGET, name))["text"]))
        copy = self._copy_file()
        await self._drop()
        restore = ("restore", TARGET, name, "--to-file", copy, "--yes")
        await self._must(*restore)
        before = await self._everything()
        await self._lose()
        yield _now("broken", f"all rows of {COPY} are deleted ({_counted(before)} before)")
        refused = await self._said(*restore)
        if refused.code == 0:
            raise NoHealError(f"{COPY} was overwritten without --replace")
        yield _now("refused", "restore without --replace: the database is not empty")
        found = await self._must(*restore, "--replace")
        yield _now("action", f"restore --replace: {found['text']}")
        if await self._everything() != before:
            raise NoHealError(f"{COPY} is not what it was")
        yield _now("verified", "every row of every table is what it was before")
        await self._drop()
        yield _now("resolved", "the copy is dropped; the backup stays")

    async def _must(self, *words: str) -> Mapping[str, object]:
        said = await self._said(*words)
        if said.code != 0:
            raise NoHealError(f"prunella backup {words[0]}: {said.complaint or said.answer}")
        return said.answer

    async def _said(self, *words: str) -> Said:
        """`prunella backup …` as an operator would; what is done here is done with the stack's config."""
        own = ["--url", self.places.url("receiver"), "--json"]
        own += ["--token-file", str(self.places.secrets / "operate_token")]
        if words[0] == "restore":
            own += ["--config", str(CONFIG / "receiver.yml")]
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "receiver.cli", "backup", *words, *own),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, **self.places.environment()},
        )
        out, err = await process.communicate()
        answer: Mapping[str, object] = {}
        with contextlib.suppress(ValueError):
            answer = json.loads(out)
        return Said(process.returncode or 0, answer, err.decode().strip())

    def _copy_file(self) -> str:
        file = self.places.secrets / "drill_database_url"
        file.touch(mode=0o600)
        file.write_text(self._url(COPY))
        return str(file)

    def _url(self, name: str) -> str:
        url = database.url_file(self.places, "keeper").read_text().strip()
        return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))

    async def _everything(self) -> dict[str, str]:
        """A digest of each table."""
        db = await asyncpg.connect(self._url(COPY))
        try:
            return {
                table: await db.fetchval(
                    f"SELECT count(*) || ' ' || coalesce(md5(string_agg(t::text, ',' ORDER BY id)), '') FROM {table} AS t"  # noqa: S608 - our own names
                )
                for table in TABLES
            }
        finally:
            await db.close()

    async def _lose(self) -> None:
        db = await asyncpg.connect(self._url(COPY))
        await db.execute(f"TRUNCATE {', '.join(TABLES)}")
        await db.close()

    async def _drop(self) -> None:
        """The copy, and what a restore has kept of it."""
        db = await asyncpg.connect(self._url("postgres"))
        try:
            for row in await db.fetch(_COPIES, COPY):
                await db.execute(f'DROP DATABASE "{row["datname"]}" WITH (FORCE)')
        finally:
            await db.close()


def _now(name: str, detail: str) -> Stage:
    return Stage(SystemClock().now(), name, detail)


def _counted(digests: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {digest.partition(' ')[0]}" for name, digest in digests.items())
