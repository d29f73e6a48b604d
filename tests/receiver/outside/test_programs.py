from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import psutil
import pytest

from receiver.outside.programs import SystemPrograms
from receiver.outside.survivors import ProcessTable
from receiver.tools import Finished, OutsideError
from tests.servers.process import until

PROGRAMS = SystemPrograms(grace=0.3)


async def python(
    code: str, *, timeout: float = 20, env: Mapping[str, str] | None = None, max_output: int = 65536
) -> Finished:
    argv = [sys.executable, "-c", code]
    return await PROGRAMS.run(argv, timeout=timeout, env=env, max_output=max_output)


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def test_a_program_gives_its_exit_code_and_both_its_outputs() -> None:
    ended = await python(
        "import sys; print('out', flush=True); sys.stderr.write('err'); sys.exit(3)"
    )
    assert ended == Finished(3, "out\nerr")


async def test_arguments_are_not_a_shells() -> None:
    ended = await PROGRAMS.run(["echo", "$HOME; id", "*", "--x"], timeout=5)
    assert ended.output == "$HOME; id * --x\n"


async def test_the_environment_is_clean() -> None:
    ended = await python("import os, json; print(json.dumps(dict(os.environ)))", env={"A": "b"})
    seen = json.loads(ended.output)
    assert {"PATH", "LANG", "HOME", "A"} <= set(seen) <= {"PATH", "LANG", "HOME", "A", "LC_CTYPE"}
    assert seen["PATH"] == os.environ["PATH"]


async def test_it_stands_alone_in_the_root_folder_with_nothing_to_read() -> None:
    code = "import os, sys; print(os.getcwd(), os.getpid() == os.getsid(0), repr(sys.stdin.read()))"
    assert (await python(code)).output == "/ True ''\n"


async def test_no_descriptor_of_ours_is_handed_on() -> None:
    code = "import os; print(sorted(int(n) for n in os.listdir('/proc/self/fd'))[:4])"
    assert (await python(code)).output == "[0, 1, 2, 3]\n"  # 3 is the listing itself


async def test_only_the_last_output_is_kept_and_the_rest_still_read() -> None:
    ended = await python("print('x' * 5_000_000); print('the end')", max_output=1000)
    assert ended.exit_code == 0
    assert len(ended.output) == 1000
    assert ended.output.endswith("x\nthe end\n")


async def test_output_that_is_no_text_is_still_shown() -> None:
    assert (await python("import os; os.write(1, b'\\xff\\x00ok')")).output == "�\x00ok"


async def test_a_program_that_is_not_there_never_started() -> None:
    with pytest.raises(OutsideError, match="cannot start /no/such: No such file") as caught:
        await PROGRAMS.run(["/no/such"], timeout=5)
    assert not caught.value.sent


async def test_a_null_byte_never_started() -> None:
    with pytest.raises(OutsideError) as caught:
        await PROGRAMS.run(["echo", "a\0b"], timeout=5)
    assert not caught.value.sent


async def test_a_file_that_may_not_run_never_started(tmp_path: Path) -> None:
    file = tmp_path / "script"
    file.write_text("#!/bin/sh\n")
    with pytest.raises(OutsideError, match="Permission denied"):
        await PROGRAMS.run([str(file)], timeout=5)


async def test_at_the_timeout_it_may_end_by_itself() -> None:
    code = (
        "import signal, sys, time\n"
        "def end(*_): print('cleaned up', flush=True); sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, end)\n"
        "print('ready', flush=True); time.sleep(60)"
    )
    ended = await python(code, timeout=1)
    assert ended == Finished(None, "ready\ncleaned up\n")


FAMILY = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if (child := os.fork()) == 0:
    time.sleep(60)
print(child, flush=True)
time.sleep(60)
"""


async def test_who_ignores_term_is_killed_with_all_its_children() -> None:
    started = time.monotonic()
    ended = await python(FAMILY, timeout=0.5)
    assert ended.exit_code is None
    await until(lambda: not alive(int(ended.output)), "the child is gone")
    assert time.monotonic() - started < 5


async def test_a_child_that_ignores_term_goes_after_its_parent() -> None:
    code = FAMILY.replace("print(", "signal.signal(signal.SIGTERM, signal.SIG_DFL); print(")
    ended = await python(code, timeout=0.5)
    await until(lambda: not alive(int(ended.output)), "the child is gone")


async def test_a_cancelled_task_takes_the_whole_group_with_it(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    code = FAMILY.replace(
        "print(child, flush=True)", f"open({str(note)!r}, 'w').write(f'{{child}}.')"
    )
    task = asyncio.create_task(python(code))
    await until(lambda: note.exists() and note.read_text().endswith("."), "the child runs")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    child = int(note.read_text()[:-1])
    await until(lambda: not alive(child), "the child is gone")


async def test_who_ignores_term_does_not_hold_up_a_stop(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    code = f"import os, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); open({str(note)!r}, 'w').write(f'{{os.getpid()}}.'); time.sleep(60)"
    task = asyncio.create_task(
        SystemPrograms(grace=60).run([sys.executable, "-c", code], timeout=60)
    )
    await until(lambda: note.exists() and note.read_text().endswith("."), "it runs")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 10)
    assert not alive(int(note.read_text()[:-1]))


async def test_a_second_cancel_kills_at_once(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    code = FAMILY.replace(
        "print(child, flush=True)", f"open({str(note)!r}, 'w').write(f'{{child}}.')"
    )
    task = asyncio.create_task(
        SystemPrograms(grace=60).run([sys.executable, "-c", code], timeout=60)
    )
    await until(lambda: note.exists() and note.read_text().endswith("."), "the child runs")
    task.cancel()
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 10)
    await until(lambda: not alive(int(note.read_text()[:-1])), "the child is gone")


async def test_a_grandchild_that_keeps_the_pipe_does_not_hold_us() -> None:
    code = "import os, time\nif os.fork() == 0: time.sleep(30)\nprint('left', os.getpid())"
    started = time.monotonic()
    ended = await python(code, env={"PRUNELLA_ACTION_ID": "grandchild"})
    assert ended.exit_code == 0
    assert ended.output.startswith("left")
    assert time.monotonic() - started < 10
    (left,) = await ProcessTable().find("grandchild")
    psutil.Process(left).kill()


async def test_a_grandchild_that_floods_the_pipe_does_not_hold_us() -> None:
    code = "import os\nif os.fork() == 0:\n  while True: os.write(1, b'x' * 65536)\nprint('left')"
    ended = await asyncio.wait_for(python(code), 10)
    assert ended.exit_code == 0  # the grandchild ends on its broken pipe


async def test_nothing_stays_open_behind_a_run() -> None:
    await python("print(1)")
    before = psutil.Process().num_fds()
    for _ in range(5):
        await python("print(1)")
    with pytest.raises(OutsideError):
        await PROGRAMS.run(["/no/such"], timeout=5)
    assert psutil.Process().num_fds() == before
