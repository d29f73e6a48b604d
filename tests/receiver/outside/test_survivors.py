from __future__ import annotations

import os
import subprocess
import sys

from receiver.outside.survivors import ProcessTable
from tests.servers.process import until


def start(code: str, action_id: str, **more: str) -> subprocess.Popen[bytes]:
    env = {**os.environ, "PRUNELLA_ACTION_ID": action_id, **more}
    return subprocess.Popen([sys.executable, "-c", code], env=env)


async def test_a_process_is_found_by_the_action_that_it_carries() -> None:
    with start("import time; time.sleep(60)", "a-1") as process:
        try:
            assert await ProcessTable().find("a-1") == (process.pid,)
            assert await ProcessTable().find("a-") == ()
        finally:
            process.kill()


async def test_a_process_that_has_ended_is_not_found() -> None:
    with start("", "a-2") as process:

        async def gone() -> bool:
            return await ProcessTable().find("a-2") == ()

        await until(gone, "it has ended: a zombie until it is waited for")
        assert process.returncode is None


async def test_what_is_left_of_an_action_is_ended_even_if_it_will_not_listen() -> None:
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
    with start(deaf, "a-3"):
        table = ProcessTable(grace=0.2)
        await table.end("a-3")
        assert await table.find("a-3") == ()


async def test_a_service_that_was_started_on_purpose_is_no_unfinished_work() -> None:
    with start("import time; time.sleep(60)", "a-4", PRUNELLA_MAY_STAY="1") as service:
        try:
            assert await ProcessTable(grace=0.2).find("a-4") == ()
            await ProcessTable(grace=0.2).end("a-4")
            assert service.poll() is None
        finally:
            service.kill()
