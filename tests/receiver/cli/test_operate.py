from __future__ import annotations

import json
from functools import partial
from pathlib import Path

from tests.receiver.cli.test_commands import prunella
from tests.receiver.web.serving import OPERATE, serving


def a_token(folder: Path) -> Path:
    file = folder / "token"
    file.write_text(OPERATE)
    return file


async def test_maintenance_is_started_listed_and_ended(tmp_path: Path) -> None:
    async with serving(tmp_path) as client:
        said = partial(prunella, url=client.url, token_file=a_token(tmp_path))
        asked = ("--matcher", 'service="shop"', "--duration", "1h", "--reason", "upgrade")
        code, out, err = await said("maintenance", "start", *asked)
        assert (code, out.split()[:3]) == (0, ["maintenance", "1", "until"]), err
        _, out, _ = await said("maintenance", "list")
        assert 'service="shop"  upgrade (ann)' in out
        _, out, _ = await said("maintenance", "end", "1")
        assert out.strip() == "maintenance 1 ended by ann"
        _, out, _ = await said("maintenance", "list", "--json")
        assert json.loads(out) == {"maintenance": []}


async def test_a_window_that_is_none_is_refused_with_the_cure(tmp_path: Path) -> None:
    async with serving(tmp_path) as client:
        asked = ("--matcher", 'a=~".*"', "--duration", "1h", "--reason", "x")
        code, _, err = await prunella(
            "maintenance", "start", *asked, url=client.url, token_file=a_token(tmp_path)
        )
        assert code == 1
        assert "would match everything" in err
