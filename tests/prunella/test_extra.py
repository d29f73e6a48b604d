"""The kit alone has the programs' names too: they say what is missing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from prunella.extra import extra

HIDES = """
import runpy, sys
for name in {hidden!r}:
    sys.modules[name] = None
sys.argv[0] = {program!r}
runpy.run_module({module!r}, run_name="__main__", alter_sys=True)
"""
THIRD = (
    "aiohttp",
    "pydantic",
    "yaml",
    "uvloop",
    "psutil",
    "redis",
    "asyncpg",
    "msgspec",
    "cronsim",
)


@pytest.mark.server  # a process each: not for `make check`
@pytest.mark.parametrize(
    ("module", "program", "name"),
    [
        ("receiver", "prunella-receiver", "receiver"),
        ("exporter", "prunella-exporter", "exporter"),
        ("receiver.cli", "prunella", "receiver"),
    ],
)
def test_a_program_of_an_extra_that_is_not_there_says_how_to_get_it(
    module: str, program: str, name: str
) -> None:
    code = HIDES.format(hidden=THIRD, program=program, module=module)
    root = Path(__file__).parents[2]
    argv = [sys.executable, "-c", code, "--version"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, cwd=root)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"{program}: the package ")
    assert line.endswith(f' is not installed: pip install "prunella[{name}]"')


def test_a_module_of_ours_that_is_missing_is_a_mistake_of_ours() -> None:
    missing = ModuleNotFoundError("No module named 'receiver.x'", name="receiver.x")
    with pytest.raises(ModuleNotFoundError), extra("prunella", "receiver"):
        raise missing


def test_any_other_error_is_left_as_it_is() -> None:
    with pytest.raises(ImportError, match="cannot import"), extra("prunella", "receiver"):
        raise ImportError("cannot import name")
