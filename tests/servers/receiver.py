"""A real receiver in a process of its own, which can be killed and started again on the same journal."""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from tests.servers.ports import free_port
from tests.servers.process import ServerProcess, answers, start, until

WEBHOOK_TOKEN = "w" * 32
OPERATE_TOKEN = "o" * 32


@dataclass
class ReceiverServer:
    url: str
    folder: Path
    config: Path
    module: str = "receiver"  # what is run: another one has other leases
    _process: ServerProcess | None = field(default=None, repr=False)

    @property
    def process(self) -> ServerProcess:
        """The one that runs now."""
        assert self._process is not None
        return self._process

    @property
    def journal(self) -> Path:
        return self.folder / "journal.db"

    @property
    def token_file(self) -> Path:
        """The webhook's token, as Alertmanager's `credentials_file` wants it."""
        return self.folder / "webhook_token"

    async def post(self, path: str, body: object, token: str = OPERATE_TOKEN) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {token}"}
        async with (
            aiohttp.ClientSession() as session,
            session.post(self.url + path, json=body, headers=headers) as answer,
        ):
            return answer.status, await answer.json()

    async def deliver(self, *alerts: Mapping[str, Any]) -> tuple[int, Any]:
        """One webhook."""
        body = {"version": "4", "receiver": "hook", "alerts": list(alerts)}
        return await self.post("/alerts", body, WEBHOOK_TOKEN)

    async def get(self, path: str) -> Any:
        headers = {"Authorization": f"Bearer {OPERATE_TOKEN}"}
        async with (
            aiohttp.ClientSession() as session,
            session.get(self.url + path, headers=headers) as answer,
        ):
            return await answer.json()

    async def metrics(self) -> str:
        """The text of /metrics."""
        async with aiohttp.ClientSession() as session, session.get(f"{self.url}/metrics") as answer:
            return await answer.text()

    async def incidents(self) -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = (await self.get("/api/v1/incidents"))["incidents"]
        return listed

    def events(self, ev: str | None = None) -> list[dict[str, Any]]:
        """The journal's rows, read from the file, so that a dead receiver can be asked too."""
        if not self.journal.exists():
            return []
        with sqlite3.connect(f"file:{self.journal}?mode=ro", uri=True) as db:
            rows = db.execute("SELECT ev, data FROM event ORDER BY seq").fetchall()
        db.close()
        return [{"ev": name, **json.loads(data)} for name, data in rows if ev in (None, name)]

    async def until_state(self, state: str, deadline: float = 30.0) -> None:
        """Waits until the newest incident is in that state."""

        async def reached() -> bool:
            found = await self.incidents()
            return bool(found) and found[0]["state"] == state

        await until(reached, f"incident {state}", deadline=deadline, process=self.process)

    def kill(self) -> None:
        """SIGKILL, to it alone: what it has started lives on."""
        self.process.popen.kill()
        self.process.popen.wait()

    async def begin(self) -> None:
        """Starts it (again) and waits until it is ready."""
        argv = [sys.executable, "-m", self.module, "--config", str(self.config)]
        self._process = start("receiver", argv, self.folder)
        await until(
            lambda: answers(f"{self.url}/-/ready"),
            "receiver ready",
            deadline=60,
            process=self.process,
        )


@asynccontextmanager
async def receiver(
    folder: Path, config: Mapping[str, Any], module: str = "receiver"
) -> AsyncIterator[ReceiverServer]:
    """Runs with `config` (server, auth and journal are filled in) until the block ends."""
    port = free_port()
    prepared = _prepare(folder, port, config)
    server = ReceiverServer(f"http://127.0.0.1:{port}", folder, prepared, module)
    try:
        await server.begin()
        yield server
    finally:
        await server.process.stop()


def _prepare(folder: Path, port: int, config: Mapping[str, Any]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "webhook_token").write_text(WEBHOOK_TOKEN)
    own = {
        "server": {"listen": f"127.0.0.1:{port}"},
        "auth": {
            "webhook": [{"name": "alertmanager", "token_file": "webhook_token"}],
            "operate": [{"name": "ann", "token": OPERATE_TOKEN}],
        },
        "journal": "sqlite:journal.db",
    }
    file = folder / "receiver.yml"
    file.write_text(yaml.safe_dump({**own, **config}))
    return file
