from __future__ import annotations

import subprocess
import sys

import pytest

import prunella

FORBIDDEN = [
    *("aiohttp", "pydantic", "yaml", "psutil", "redis", "asyncpg", "sqlalchemy", "psycopg_pool"),
    *(
        "sentry_sdk",
        "httpx",
        "starlette",
        "flask",
        "django",
        "uvloop",
        "msgspec",
        "prunella.service",
    ),
]
TIMED = """
import time
began = time.process_time()
import prunella
print(time.process_time() - began)
"""


@pytest.mark.parametrize("name", prunella.__all__)
def test_every_public_name_exists(name: str) -> None:
    assert getattr(prunella, name) is not None


def test_another_name_is_an_error_as_of_any_module() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Countr'"):
        _ = prunella.Countr


def run(code: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-c", code]
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=30)


def test_the_kit_needs_nothing_but_prometheus_client() -> None:
    code = f"from prunella import *; import sys; sys.exit([m for m in {FORBIDDEN} if m in sys.modules] or 0)"
    done = run(code)
    assert (done.returncode, done.stderr) == (0, "")


def test_importing_the_kit_takes_no_time() -> None:
    assert min(float(run(TIMED).stdout) for _ in range(3)) < 0.06


def test_the_version_is_a_function_whatever_was_imported_before() -> None:
    done = run("import prunella.version, prunella; print(prunella.version())")
    assert done.stdout.strip() == prunella.version()
