"""The world of real receiver processes: a PM2 that writes down what is done to it, and somebody who is told.

`pm2` is a shell script, because a storm starts thousands of them: `jlist` shows every app with the pid of its last
restart, `restart` and `repair` take a moment and leave a line when they begin and one when they have ended.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web

from tests.proof.evidence import Effect, Message
from tests.proof.world import message_of
from tests.servers.ports import free_port

SCRIPT = """#!/bin/sh
cd '{folder}' || exit 1
say() {{
    echo "$1 $PRUNELLA_ACTION_ID $PRUNELLA_TARGET $PRUNELLA_KIND $PRUNELLA_FENCE $PRUNELLA_EPISODE $(date +%s.%N)" >> effects
}}
case "$1" in
jlist)
    separator='['
    for app in *.app; do
        read -r pid < "$app"
        name="${{app%.app}}"
        printf '%s{{"name":"%s","pid":%s,"pm2_env":{{"status":"online","pm_uptime":%s000}}}}' "$separator" "$name" "$pid" "$pid"
        separator=','
    done
    echo ']'
    ;;
restart|repair)
    say begun
    sleep '{seconds}'
    if [ "$1" = restart ]; then echo $$ > "$2.new.$$"; mv "$2.new.$$" "$2.app"; fi
    say over
    ;;
esac
"""


@dataclass
class Outside:
    """Where to find it, and what it has seen."""

    folder: Path
    url: str
    messages: list[Message] = field(default_factory=list)

    @property
    def pm2(self) -> Path:
        return self.folder / "pm2"

    def effects(self) -> tuple[Effect, ...]:
        """All runs so far, of which some may still go on."""
        seen: dict[tuple[str, str], Effect] = {}
        lines = (self.folder / "effects").read_text().splitlines()
        for number, line in enumerate(lines):
            word, aid, target, kind, fence, _, at = line.split(" ")
            if word == "begun":
                # one that is done twice must be seen twice
                name = (aid, "" if (aid, "") not in seen else str(number))
                seen[name] = Effect(aid, target, kind, int(fence), float(at))
            else:
                before = seen[aid, ""]
                seen[aid, ""] = Effect(aid, target, kind, int(fence), before.began, float(at))
        return tuple(seen.values())

    def done(self) -> dict[str, int]:
        """How many runs have ended, by the fingerprint of the alert that they were for."""
        counts: dict[str, int] = {}
        for line in (self.folder / "effects").read_text().splitlines():
            word, *_, episode, _ = line.split(" ")
            if word == "over":
                fingerprint = episode.rpartition("@")[0]
                counts[fingerprint] = counts.get(fingerprint, 0) + 1
        return counts

    async def hear(self, request: web.Request) -> web.Response:
        """The sink of every channel."""
        name = request.path.rpartition("/")[2]
        self.messages.append(message_of(await request.json(), name))
        return web.Response()


@asynccontextmanager
async def outside(targets: Sequence[str], seconds: float) -> AsyncIterator[Outside]:
    """PM2's home with its apps, whose effects take so long, and the sink at `url`/<channel>."""
    folder = Path(tempfile.mkdtemp(prefix="pm2-"))  # the path of a unix socket has to be short
    made = Outside(folder, f"http://127.0.0.1:{free_port()}")
    made.pm2.write_text(SCRIPT.format(folder=folder, seconds=seconds))
    made.pm2.chmod(0o755)
    (folder / "effects").touch()
    for number, target in enumerate(targets):
        (folder / f"{target}.app").write_text(f"{number + 1}\n")
    app = web.Application()
    app.router.add_post("/{channel}", made.hear)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", int(made.url.rpartition(":")[2])).start()
    daemon = await asyncio.start_unix_server(_hang_up, folder / "rpc.sock")
    try:
        yield made
    finally:
        daemon.close()
        await runner.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


async def _hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()
