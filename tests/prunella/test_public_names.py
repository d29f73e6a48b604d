from __future__ import annotations

import subprocess
import sys

import pytest

import prunella

FORBIDDEN = ["aiohttp", "pydantic", "yaml", "psutil", "redis", "prunella.service"]


@pytest.mark.parametrize("name", prunella.__all__)
def test_every_public_name_exists(name: str) -> None:
    assert getattr(prunella, name) is not None


def test_the_kit_needs_nothing_but_prometheus_client() -> None:
    code = f"import prunella, sys; sys.exit([m for m in {FORBIDDEN} if m in sys.modules] or 0)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=30
    )
    assert (done.returncode, done.stderr) == (0, "")
