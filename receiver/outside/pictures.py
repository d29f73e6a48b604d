"""Has pictures drawn by a program of its own: what draws is large, optional, and not to be waited for on the loop."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec

from prunella.redaction import printable
from receiver.tools import OutsideError

NEEDED = ("matplotlib", "PIL")
CURE = (
    "pictures need the extra `pictures`: pip install 'prunella[pictures]' where the receiver runs"
)
PROGRAM = ("-I", "-m", "receiver.launch_picture")
OF_INCIDENTS = ("-I", "-m", "receiver.incident_picture")
PASSED_ON = ("HOME", "LANG", "PATH", "TMPDIR", "MPLCONFIGDIR", "XDG_CACHE_HOME")
PATIENCE = 60.0  # the first one builds a cache of fonts


class PictureError(OutsideError):
    """There is no picture; `missing` when nothing is installed that draws."""

    def __init__(self, message: str, *, missing: bool = False) -> None:
        super().__init__(message, sent=False)
        self.missing = missing


class Pictures:
    """One at a time: each takes a second of a processor and 100 MB."""

    def __init__(
        self,
        program: Sequence[str] = PROGRAM,
        patience: float = PATIENCE,
        needed: Sequence[str] = NEEDED,
    ) -> None:
        self._program = tuple(program)
        self._patience = patience
        self._needed = tuple(needed)
        self._turn = asyncio.Lock()

    @property
    def can_draw(self) -> bool:
        """Whether what draws is installed."""
        return all(find_spec(name) is not None for name in self._needed)

    async def draw(self, document: Mapping[str, object]) -> bytes:
        """The PNG of a document. Raises PictureError."""
        if not self.can_draw:
            raise PictureError(CURE, missing=True)
        async with self._turn:
            return await self._draw(json.dumps(document).encode())

    async def _draw(self, document: bytes) -> bytes:
        environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        pipe = asyncio.subprocess.PIPE
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *self._program,
                stdin=pipe,
                stdout=pipe,
                stderr=pipe,
                env={**environment, "MPLBACKEND": "Agg"},
            )
        except OSError as error:
            raise PictureError(f"the picture cannot be begun: {error.strerror}") from error
        try:
            async with asyncio.timeout(self._patience):
                drawn, said = await process.communicate(document)
        except TimeoutError as error:
            raise PictureError(f"no picture within {self._patience:g} s") from error
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode != 0 or not drawn:
            words = said.decode(errors="replace").strip().splitlines() or ["it said nothing"]
            raise PictureError(f"the picture failed: {printable(words[-1])[:200]}")
        return drawn
