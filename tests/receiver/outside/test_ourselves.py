from __future__ import annotations

import os

from receiver.outside.ourselves import own_pids


def test_i18_we_are_this_process_and_whoever_started_it() -> None:
    assert {os.getpid(), os.getppid()} - {1} <= own_pids()


def test_the_machines_init_is_not_us() -> None:
    assert 1 not in own_pids() or os.getpid() == 1
