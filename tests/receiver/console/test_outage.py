"""A journal that has gone, or answers nobody: a person is told so by a page, and soon."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

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
