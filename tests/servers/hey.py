"""hey, which asks a real server so many times and counts the answers by status: what our own counts are held against."""

from __future__ import annotations

import asyncio
import re
import shutil
from asyncio.subprocess import PIPE

_STATUS = re.compile(r"^\s+\[(\d{3})\]\s+(\d+) responses$", re.MULTILINE)


async def hey(url: str, number: int, at_once: int = 16, *options: str) -> dict[str, int]:
    """Answers by status; fails where one of them did not come."""
    program = shutil.which("hey")
    assert program is not None, "there is no hey: apt-get install hey"
    argv = ["-n", str(number), "-c", str(at_once), *options, url]
    process = await asyncio.create_subprocess_exec(program, *argv, stdout=PIPE)
    async with asyncio.timeout(60):
        said, _ = await process.communicate()
    text = said.decode()
    answers = {status: int(count) for status, count in _STATUS.findall(text)}
    assert sum(answers.values()) == number // at_once * at_once, text
    return answers
