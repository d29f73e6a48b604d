"""Writes to the journal in argv[1] as fast as it can, says each thing only after it is kept, and never ends by itself.

Started by test_durability, which kills it. Lines: `kept <fingerprint>`, `began <action id>`, `ended <action id>`.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import sys
from pathlib import Path

from receiver.decide.guards import Limits, Rate
from receiver.journal.sqlite import SqliteJournal, open_journal
from tests.receiver.builders import NOW, a_question, a_seen, an_alert
from tests.receiver.journal.doing import asked, at_the_gate, ended

NO_LIMITS = Limits(Rate(10**9, 1.0), Rate(10**9, 1.0), disruptive_at_once=10**9)


def say(word: str, what: str) -> None:
    os.write(1, f"{word} {what}\n".encode())  # past every buffer: what is said has been said


async def ingest(journal: SqliteJournal, lane: str) -> None:
    ready = a_seen()
    for number in itertools.count():
        names = [f"{lane}.{number}.{one}" for one in range(3)]
        batch = [type(ready)(an_alert(name), ready.draft) for name in names]
        await journal.ingest(batch, NOW)
        for name in names:
            say("kept", name)


async def act(journal: SqliteJournal, lane: str) -> None:
    for number in itertools.count():
        target = f"{lane}.{number}"
        claim = await at_the_gate(journal, f"act.{lane}.{number}", target=target)
        ruling = await asked(journal, claim, a_question(target=target, limits=NO_LIMITS))
        assert ruling.run is not None
        say("began", ruling.run.action_id)
        await asyncio.sleep(0.002)
        await ended(journal, claim, ruling.run)
        say("ended", ruling.run.action_id)


async def main(file: Path, life: str) -> None:
    journal = await open_journal(file, NOW)
    lanes = [ingest(journal, f"{life}.{lane}") for lane in "abcdefgh"]
    await asyncio.gather(act(journal, life), *lanes)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
