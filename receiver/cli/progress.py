"""How far something has come, where somebody looks on: a bar on a terminal, nothing in a pipe or a log."""

from __future__ import annotations

import sys
from typing import TextIO

WIDE = 30


class Bar:
    """Called with the share that is done, 0 to 1; draws itself when it has changed, and ends its line with the last."""

    def __init__(self, what: str, on: TextIO | None = None) -> None:
        self._what = what
        self._on = sys.stderr if on is None else on
        self._seen = self._on.isatty()
        self._drawn = -1

    def __call__(self, share: float) -> None:
        percent = int(100 * min(1.0, max(0.0, share)))
        if not self._seen or percent == self._drawn:
            return
        self._drawn = percent
        full = WIDE * percent // 100
        end = "\n" if percent == 100 else ""
        self._on.write(f"\r{self._what} [{'#' * full}{' ' * (WIDE - full)}] {percent:3d} %{end}")
        self._on.flush()
