from __future__ import annotations

import gc
from pathlib import Path

import pytest

from prunella.metrics import REGISTRY
from prunella.runtime import _on_collection, memory_limit, watch_runtime
from tests.prunella.service.stand_ins import Counted

NOWHERE = Path("/nowhere")


def test_pauses_of_the_collector_are_measured_once() -> None:
    watch_runtime()
    watch_runtime()
    pauses = Counted("app_gc_pause_seconds_count", {"generation": "2"})
    gc.collect()
    gc.callbacks.remove(_on_collection)
    gc.collect()
    assert pauses.grown == 1


def test_a_limit_is_shown_where_there_is_one() -> None:
    watch_runtime()
    gc.callbacks.remove(_on_collection)
    assert (REGISTRY.get_sample_value("app_memory_limit_bytes") or 0) == (memory_limit() or 0)


@pytest.mark.parametrize(
    ("own", "files", "limit"),
    [
        ("0::/app\n", {"app/memory.max": "1000"}, 1000),
        ("0::/slice/app\n", {"slice/app/memory.max": "max", "slice/memory.max": "2000"}, 2000),
        ("0::/\n", {"memory.max": "3000"}, 3000),
        ("5:memory:/app\n", {"memory/app/memory.limit_in_bytes": "4000"}, 4000),
        ("5:memory:/app\n", {"memory/memory.limit_in_bytes": "9223372036854771712"}, None),
        ("5:cpu,cpuacct:/app\n", {"memory/app/memory.limit_in_bytes": "4000"}, None),
        ("", {"memory.max": "max"}, None),
    ],
)
def test_the_limit_is_the_lowest_of_the_control_groups(
    own: str, files: dict[str, str], limit: int | None, tmp_path: Path
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"{text}\n")
    (tmp_path / "own").write_text(own)
    assert memory_limit(tmp_path, tmp_path / "own") == limit


def test_without_control_groups_there_is_no_limit() -> None:
    assert memory_limit(NOWHERE, NOWHERE) is None
