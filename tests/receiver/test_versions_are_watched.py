"""The whole receiver looks by itself which version runs, and its API and metrics show it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from receiver.decide.ledger import Deploy, finished
from receiver.journal.sqlite import open_journal
from tests.receiver.rig import CONFIG
from tests.receiver.web.serving import READ, Client, serving
from tests.servers.ports import free_port
from tests.servers.process import until

pytestmark = pytest.mark.server


async def version(request: web.Request) -> web.Response:
    return web.json_response({"build": {"version": "v1"}})


async def an_app(port: int) -> web.AppRunner:
    app = web.Application()
    app.router.add_get("/version", version)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    return runner


def targets(folder: Path, port: int) -> dict[str, Any]:
    (folder / "releases" / "v1").mkdir(parents=True)
    (folder / "current").symlink_to("releases/v1")
    proof = {"url": f"http://127.0.0.1:{port}/version", "json": "build.version"}
    release = {"strategy": "symlink", "path": str(folder), "version": proof}
    return {**CONFIG["targets"], "shop": {"matchers": ['service="shop"'], "release": release}}


async def newest(client: Client) -> dict[str, Any]:
    rows = (await client.ask("GET", "/api/v1/releases?target=shop", token=READ)).json
    return dict(rows[0])


async def test_a_release_that_ci_told_of_is_proven_by_its_own_endpoint(tmp_path: Path) -> None:
    port = free_port()
    journal = await open_journal(tmp_path / "journal.db", 0.0)
    await journal.enter("shop", finished(Deploy("shop", "v1", "ci", 1.0)), 1.0)
    await journal.close()
    app = await an_app(port)
    try:
        async with serving(tmp_path, targets=targets(tmp_path / "shop", port)) as client:

            async def is_proven() -> bool:
                return (await newest(client))["proven_at"] is not None

            await until(is_proven, "it is proven")
            shown = (await client.ask("GET", "/metrics", token=READ)).text
    finally:
        await app.cleanup()
    of_it = '{service="shop",target="shop"}'
    assert f"prunella_release_version_readable{of_it} 1.0" in shown
    assert f"prunella_release_disputed{of_it} 0.0" in shown
