"""Lives through a launch watch on the journal in argv[1], from the moment argv[2] on, and says how far it came.

Started by test_three_days, which kills it. Lines: `told <dedup key> <title>` after a message went out, `at <moment>`
after everything of that moment was done, `over` at the end.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from receiver.journal.sqlite import open_journal
from tests.receiver.builders import NOW
from tests.receiver.journal.three_days import END, STEP, Receiver
from tests.receiver.rig import HandClock


def say(*words: object) -> None:
    os.write(1, (" ".join(map(str, words)) + "\n").encode())  # past every buffer


async def main(file: Path, begin: float) -> None:
    clock = HandClock(begin)
    receiver = Receiver(await open_journal(file, begin), clock)
    while clock.at <= NOW + END:
        await receiver.looks()
        for letter in await receiver.tells():
            say("told", letter["dedup_key"], letter["title"])
        say("at", clock.at)
        clock.at += STEP
    say("over")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), float(sys.argv[2])))
