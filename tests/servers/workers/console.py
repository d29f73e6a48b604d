"""Evaluates expressions in one of the job modules beside it: JSON lines in, JSON lines out. Runs in the queues' own venv."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import json
import sys
from typing import Any

names = vars(importlib.import_module(sys.argv[1]))
with asyncio.Runner() as runner:

    async def waited(answer: Any) -> Any:
        return await answer

    def say(**line: object) -> None:
        sys.stdout.write(json.dumps(line, default=str) + "\n")
        sys.stdout.flush()

    say(id=0, result="ready")
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            answer = eval(asked["code"], names)  # noqa: S307 - the code is the test's own
            if inspect.isawaitable(answer):
                answer = runner.run(waited(answer))
            say(id=asked["id"], result=answer)
        except Exception as error:  # noqa: BLE001 - the test is told, whatever it is
            say(id=asked["id"], error=repr(error))
