"""How a drill looks: a line a stage for people, a JSON object a stage for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TextIO

from demo.drill.story import Stage

COLOURS = {
    **dict.fromkeys(("broken", "failed", "ineffective", "escalated"), "31"),
    **dict.fromkeys(("firing", "refused"), "33"),
    **dict.fromkeys(("received", "action", "rollback", "approved"), "36"),
    **dict.fromkeys(("proven", "verified", "resolved"), "32"),
}


class Show:
    """Writes to `out`; colours only where somebody looks who has not asked for none."""

    def __init__(self, out: TextIO, environ: Mapping[str, str], *, as_json: bool) -> None:
        self._out, self._json = out, as_json
        self._coloured = out.isatty() and not environ.get("NO_COLOR") and not as_json
        self._began: float | None = None

    def stage(self, stage: Stage) -> None:
        """One stage; the first one is second 0."""
        if self._began is None:
            self._began = stage.at
        passed = max(0.0, stage.at - self._began)
        if self._json:
            self._write({"t": round(passed, 3), "stage": stage.name, "detail": stage.detail})
            return
        name = f"{stage.name:<11}"
        if self._coloured:
            name = f"\x1b[{COLOURS.get(stage.name, '0')}m{name}\x1b[0m"
        self._line(f"{f'+{passed:.1f}s':>8}  {name}  {stage.detail}".rstrip())

    def begin(self, text: str) -> None:
        """A drill of several: its stages count from its own beginning."""
        self._began = None
        self.note(text if self._json else f"\n{text}")

    def note(self, text: str) -> None:
        """What is no stage."""
        self._write({"note": text}) if self._json else self._line(text)

    def end(self, *, healed: bool, why: str) -> None:
        """The last line."""
        self._write({"healed": healed, "why": why}) if self._json else self._line(why)

    def _write(self, body: Mapping[str, object]) -> None:
        self._line(json.dumps(body))

    def _line(self, text: str) -> None:
        self._out.write(f"{text}\n")
        self._out.flush()
