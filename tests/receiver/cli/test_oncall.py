from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from tests.receiver.cli.test_commands import prunella
from tests.receiver.cli.test_operate import a_token
from tests.receiver.web.serving import serving
from tests.receiver.web.test_oncall import CONFIG

pytestmark = pytest.mark.server  # a process for every command: not for `make check`


async def test_somebody_stands_in_is_listed_and_ended(tmp_path: Path) -> None:
    async with serving(tmp_path, **CONFIG) as client:
        said = partial(prunella, url=client.url, token_file=a_token(tmp_path))
        code, out, err = await said("oncall", "override", "both", "ben", "--for", "8h")
        assert code == 0, err
        assert out.startswith("both: ben until ")
        assert out.endswith(" (ann), then anna\n")
        assert "primary: anna\n" in (await said("oncall", "list"))[1]
        assert (await said("oncall", "end", "both"))[1] == "both: anna\n"
