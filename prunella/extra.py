"""What a program says that was installed without the packages that it needs: one line, instead of a traceback."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

OURS = frozenset({"prunella", "exporter", "receiver", "demo"})


@contextmanager
def extra(program: str, name: str) -> Iterator[None]:
    """Around the imports of a program; `name` is the extra that brings its packages. Exits with 2 without them."""
    try:
        yield
    except ModuleNotFoundError as missing:
        package = (missing.name or "").partition(".")[0]
        if package in OURS:  # a mistake of ours, which must be seen
            raise
        cure = f'pip install "prunella[{name}]"'
        sys.stderr.write(f"{program}: the package {package} is not installed: {cure}\n")
        raise SystemExit(2) from None
