"""`python -m exporter`, also installed as `prunella-exporter`."""

from __future__ import annotations

import sys
from contextlib import AbstractAsyncContextManager

from prunella.extra import extra

with extra("prunella-exporter", "exporter"):
    from exporter.app import Exporter
    from exporter.settings import Config, read
    from prunella.service.main import Program
    from prunella.service.main import main as run
    from prunella.service.reload import Live
    from prunella.service.web import Service


def _start(live: Live[Config]) -> AbstractAsyncContextManager[Service]:
    return Exporter(live).started()


def main() -> int:
    return run(Program("prunella-exporter", read, _start))


if __name__ == "__main__":
    sys.exit(main())
