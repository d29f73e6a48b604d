"""Lives through a launch watch on the journal in argv[1], from the moment argv[2] on, and says how far it came.

Started by test_three_days, which kills it. Lines: `told <dedup key> <title>` while a message goes out, so before anything
of that is written, `at <moment>` after everything of that moment was done, `over` at the end.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

from receiver.journal.sqlite import open_journal
from tests.receiver.builders import NOW
from tests.receiver.journal.three_days import END, STEP, Receiver
from tests.receiver.rig import HandClock, ToldHttp


def say(*words: object) -> None:
    os.write(1, (" ".join(map(str, words)) + "\n").encode())  # past every buffer


class Sends(list[tuple[str, str, bytes]]):
    """What a channel's service is asked, said at once."""

    def append(self, asked: tuple[str, str, bytes]) -> None:
        letter = json.loads(asked[2])
        say("told", letter["dedup_key"], letter["title"])
        super().append(asked)


async def main(file: Path, begin: float) -> None:
    clock = HandClock(begin)
    http = ToldHttp(asked=Sends())
    receiver = Receiver(await open_journal(file, begin), clock, http=http)
    while clock.at <= NOW + END:
        await receiver.looks()
        await receiver.tells()
        say("at", clock.at)
        clock.at += STEP
    say("over")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), float(sys.argv[2])))
