"""The receiver with leases so short that a chaos run sees many of them end: `python -m tests.proof.quick_receiver`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from prunella.service.main import Program, main
from prunella.service.reload import Live
from prunella.service.settings import load
from prunella.service.web import Service
from receiver.app import receiver
from receiver.settings import ReceiverSettings

LEASE = 1.5


def _read(file: Path | None, environ: Mapping[str, str]) -> ReceiverSettings:
    return load(ReceiverSettings, file, environ)


def _start(live: Live[ReceiverSettings]) -> AbstractAsyncContextManager[Service]:
    return receiver(live, Path.cwd(), lease=LEASE)


if __name__ == "__main__":
    sys.exit(main(Program("quick-receiver", _read, _start)))
