"""A journal that has gone, or answers nobody: a person is told so by a page, and soon."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

from receiver.journal.postgres.writer import LOCK
from tests.receiver.console.happening import asking
from tests.receiver.console.visiting import Seen, visiting
from tests.receiver.web.serving import OPERATE
from tests.servers.postgres import PostgresServer

pytestmark = pytest.mark.server


@contextlib.contextmanager
def hung(server: PostgresServer) -> Iterator[None]:
    server.hang()
    try:
        yield
    finally:
        server.wake()


@contextlib.asynccontextmanager
async def unwritable(url: str) -> AsyncIterator[None]:
    """It can be read, and nobody gets to write: another receiver does not come to an end."""
    holder = await asyncpg.connect(url)
    await holder.execute("SELECT pg_advisory_lock($1)", LOCK)
    try:
        yield
    finally:
        await holder.close()


def told(seen: Seen) -> bool:
    """By a page that says how repairs are stopped without it."""
    return seen.status == 503 and "stop_file" in seen.markup.text


async def test_a_page_and_a_form_do_not_wait_for_a_journal_that_hangs(
    tmp_path: Path, cluster: PostgresServer
) -> None:
    async with visiting(tmp_path, journal=cluster.url(cluster.database())) as (browser, _):
        await browser.login(then="/")
        form = (await browser.open("/")).form("/pause")
        with hung(cluster):
            seen = await asyncio.gather(
                browser.open("/"),
                browser.send("/pause", {**form, "reason": "storm"}),
                browser.open(f"/answer/1.{'0' * 16}.{'a' * 20}"),
                browser.send("/login", {"token": OPERATE}),
            )
        assert [told(one) for one in seen] == [True] * 4


async def test_of_a_word_that_is_not_written_in_time_nobody_says_what_has_become_of_it(
    tmp_path: Path, cluster: PostgresServer
) -> None:
    url = cluster.url(cluster.database())
    async with asking(tmp_path, journal=url) as (browser, _):
        page = await browser.open("/incidents/1")
        async with unwritable(url):
            seen = await browser.press(page, "/incidents/1/acknowledge")
            assert (await browser.open("/incidents/1")).status == 200
        assert (seen.status, "not known whether this was done" in seen.markup.text) == (503, True)
        assert '<a href="/incidents/1">Look at it</a>' in seen.text
