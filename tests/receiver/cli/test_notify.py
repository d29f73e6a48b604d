from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from tests.receiver.cli.test_commands import prunella
from tests.receiver.cli.test_operate import a_token
from tests.receiver.web.serving import serving

pytestmark = pytest.mark.server  # a process for every command: not for `make check`


async def test_a_channel_is_tried_and_what_failed_is_an_exit_code(tmp_path: Path) -> None:
    channels = {
        "log": {"kind": "log"},
        "hook": {"kind": "webhook", "url": "http://127.0.0.1:1/hook"},
    }
    async with serving(tmp_path, channels=channels) as client:
        said = partial(prunella, url=client.url, token_file=a_token(tmp_path))
        assert (await said("notify", "test", "log"))[:2] == (0, "log (log): sent\n")
        code, out, _ = await said("notify", "test")
        assert code == 1
        assert "hook (webhook): not sent: POST http://127.0.0.1:1: Connection refused" in out


async def test_an_unknown_channel_is_refused_with_what_is_known(tmp_path: Path) -> None:
    async with serving(tmp_path, channels={"log": {"kind": "log"}}) as client:
        token = a_token(tmp_path)
        code, _, err = await prunella("notify", "test", "x", url=client.url, token_file=token)
        assert code == 1
        assert "known: log" in err
