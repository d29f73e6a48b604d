"""The whole receiver in this process, on a real socket."""

from __future__ import annotations

import io
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from prunella.service.reload import Live
from prunella.service.settings import load
from receiver.app import receiver
from receiver.settings import ReceiverSettings
from tests.receiver.rig import CONFIG

WEBHOOK, OPERATE, READ = "w" * 32, "o" * 32, "r" * 32
AUTH = {
    "webhook": [{"name": "alertmanager", "token": WEBHOOK}],
    "operate": [{"name": "ann", "token": OPERATE}],
    "read": [{"name": "grafana", "token": READ}],
}


@dataclass(frozen=True)
class Answer:
    status: int
    json: Any
    headers: dict[str, str]
    text: str


@dataclass(frozen=True)
class Client:
    session: aiohttp.ClientSession
    url: str
    live: Live[ReceiverSettings]
    file: Path

    async def ask(
        self,
        method: str,
        path: str,
        *,
        token: str | None = OPERATE,
        data: bytes | None = None,
        content_type: str = "application/json",
        **options: Any,
    ) -> Answer:
        """One request; JSON where there is some."""
        headers = {"Content-Type": content_type} if data is not None else {}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        async with self.session.request(
            method,
            self.url + path,
            headers=headers,
            data=None if data is None else io.BytesIO(data),
            **options,
        ) as answer:
            text = await answer.text()
            parsed = (
                await answer.json()
                if "json" in answer.content_type and "nd" not in answer.content_type
                else None
            )
            return Answer(answer.status, parsed, dict(answer.headers), text)

    async def alerts(self, body: bytes, **options: Any) -> Answer:
        """One webhook."""
        return await self.ask("POST", "/alerts", token=WEBHOOK, data=body, **options)

    def write(self, **changes: Any) -> None:
        """Another config, not yet read."""
        written(self.file.parent, **changes)


BASE = {"server": {"listen": "127.0.0.1:0"}, "journal": "sqlite:journal.db"}


def written(folder: Path, **changes: Any) -> Path:
    """The rig's config with three tokens, in a file."""
    file = folder / "receiver.yml"
    file.write_text(yaml.safe_dump({**CONFIG, **BASE, "auth": AUTH, **changes}))
    return file


@asynccontextmanager
async def serving(folder: Path, **changes: Any) -> AsyncIterator[Client]:
    """A receiver with the rig's config, three tokens and a journal in `folder`."""
    file = written(folder, **changes)
    live = Live(lambda: load(ReceiverSettings, file, {}))
    async with (
        receiver(live, folder) as service,
        service.serving() as address,
        aiohttp.ClientSession() as session,
    ):
        yield Client(session, f"http://{address}", live, file)


@contextmanager
def locked(journal: Path) -> Iterator[None]:
    """Another program holds the journal's write lock, for longer than anybody waits for it."""
    holder = sqlite3.connect(journal, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        holder.execute("ROLLBACK")
        holder.close()
