"""Schemathesis reads /openapi.json of a receiver that runs, and asks everything that may be asked of it, and much that may not.

No answer is a 500, none has a status or a shape that the document does not name, and nothing but what is open answers
without a token. `make test` asks what follows from the document; with PRUNELLA_CHAOS two minutes of chance come on top.
A picture takes longer than any of it, and has tests of its own.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.receiver.rig import firing
from tests.receiver.web.serving import OPERATE, WEBHOOK, Client, serving

pytestmark = [pytest.mark.server, pytest.mark.timeout(240)]
LONG = "PRUNELLA_CHAOS" in os.environ
PHASES = "examples,coverage,fuzzing" if LONG else "examples,coverage"
SECONDS = 120 if LONG else 12
# what is asked for cannot be known from a document: which targets there are, and what became of an id
NOT_OF_A_DOCUMENT = "positive_data_acceptance,use_after_free,ensure_resource_availability,object_level_authorization"
BY_PEOPLE = "^/(slack|telegram|answer)"  # proven by signatures, and by tests of their own
BY_ALERTMANAGER = "^/(alerts|watchdog)"
LONG_ONES = "^/-/reload|/picture$|^/events$"
CONFIG: dict[str, Any] = {
    "rotations": {"people": {"members": ["ops"], "start": "2026-01-05"}},
    "channels": {"ops": {"kind": "log"}},
}


async def seeded(client: Client) -> None:
    """Something to be shown: an incident, a release, a window, somebody who stands in."""
    await client.alerts(json.dumps({"alerts": [firing(labels={"severity": "warning"})]}).encode())
    for path, body in (
        ("releases", {"target": "shop", "version": "1.0", "state": "finished"}),
        ("maintenance", {"matchers": ['service="x"'], "duration": "1h"}),
        ("oncall/people", {"member": "ops", "duration": "1h"}),
    ):
        answer = await client.ask("POST", f"/api/v1/{path}", data=json.dumps(body).encode())
        assert answer.status == 200, answer.text


async def asks(client: Client, folder: Path, token: str, which: Sequence[str]) -> tuple[int, str]:
    """Its exit code and what it says."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "schemathesis.cli", "run", f"{client.url}/openapi.json"),
        *(f"--header=Authorization: Bearer {token}", "--checks=all", "--no-color", "--seed=1"),
        *(f"--exclude-checks={NOT_OF_A_DOCUMENT}", *which),
        *(f"--phases={PHASES}", f"--max-time={SECONDS}"),
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        said, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode or 0, said.decode()


@pytest.mark.parametrize(
    ("token", "which"),
    [
        (
            OPERATE,
            [
                "--include-tag=api",
                f"--exclude-path-regex={BY_PEOPLE}|{BY_ALERTMANAGER}|{LONG_ONES}",
            ],
        ),
        (WEBHOOK, [f"--include-path-regex={BY_ALERTMANAGER}"]),
    ],
    ids=["operators", "alertmanager"],
)
async def test_what_the_receiver_answers_is_what_its_document_says(
    tmp_path: Path, token: str, which: list[str]
) -> None:
    async with serving(tmp_path, mode="shadow", **CONFIG) as client:
        await seeded(client)
        code, said = await asks(client, tmp_path, token, which)
        assert code == 0, said
