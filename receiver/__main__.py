"""`python -m receiver`, installed as `prunella-receiver`."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from prunella.extra import extra

with extra("prunella-receiver", "receiver"):
    from prunella.service.main import Program
    from prunella.service.main import main as run_program
    from prunella.service.reload import Live
    from prunella.service.settings import load
    from prunella.service.web import Service
    from receiver.app import executables, receiver
    from receiver.decide.plan import Mode
    from receiver.settings import ReceiverSettings


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the receiver and returns its exit code."""
    folder = Path.cwd()

    def read(file: Path | None, environ: Mapping[str, str]) -> ReceiverSettings:
        nonlocal folder
        folder = file.resolve().parent if file is not None else Path.cwd()
        settings = load(ReceiverSettings, file, environ)
        # in shadow mode a missing one is no mistake, only said at the start
        if settings.mode is not Mode.SHADOW:
            executables(settings)
        return settings

    def start(live: Live[ReceiverSettings]) -> AbstractAsyncContextManager[Service]:
        return receiver(live, folder)

    return run_program(Program("prunella-receiver", read, start), arguments)


if __name__ == "__main__":
    sys.exit(main())
